/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory.c - see inventory.h. What a database has besides (an application's
 * own tables, an index more) is nobody's business here.
 */
#include "inventory.h"

#include <string.h>

static ctl_fit_t one_fit(const ctl_object_t *wanted, const ctl_object_t *there)
{
    if (strcmp(wanted->kind, there->kind) || strcmp(wanted->key, there->key)) {
        return CTL_OBJECT_MISSING;
    }
    if (strcmp(wanted->text, there->text)) {
        return CTL_OBJECT_DIFFERENT;
    }
    return *there->state != '\0' ? CTL_OBJECT_IDLE : CTL_OBJECT_FITS;
}

/* From the worst to the best. */
static int better(ctl_fit_t a, ctl_fit_t b)
{
    static const int rank[] = { [CTL_OBJECT_MISSING] = 0,
                                [CTL_OBJECT_DIFFERENT] = 1,
                                [CTL_OBJECT_IDLE] = 2,
                                [CTL_OBJECT_FITS] = 3 };

    return rank[a] > rank[b];
}

ctl_fit_t ctl_inventory_fit(const ctl_object_t *wanted,
                            const apr_array_header_t *there)
{
    ctl_fit_t best = CTL_OBJECT_MISSING;
    ctl_fit_t fit;
    int i;

    for (i = 0; i < there->nelts && best != CTL_OBJECT_FITS; i++) {
        fit = one_fit(wanted, &APR_ARRAY_IDX(there, i, ctl_object_t));
        if (better(fit, best)) {
            best = fit;
        }
    }
    return best;
}
