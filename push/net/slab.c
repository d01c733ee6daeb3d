/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.c - slots of one size (slab.h).
 *
 * A page begins with its header; a slot finds its page by masking its address,
 * because pages are aligned to their size. A bitmap in the header says which
 * slots are in use, a list threaded through the free ones says which is next.
 * Slots behind `fresh` have never been used, so their memory is not touched
 * before it is needed.
 */
#include <string.h>
#include <sys/mman.h>

#include "slab.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(at, len) ASAN_POISON_MEMORY_REGION(at, len)
#define UNPOISON(at, len) ASAN_UNPOISON_MEMORY_REGION(at, len)
#else
#define POISON(at, len) ((void)0)
#define UNPOISON(at, len) ((void)0)
#endif

#define SLOT_MIN 64   /* bytes; sets the size of the bitmap */
#define SLOT_MAX 4096 /* bytes; more would waste much of a page */
#define SLOTS_MAX (PUSH_SLAB_PAGE / SLOT_MIN)
#define NO_SLOT 0xffffu

typedef struct page_t page_t;
struct page_t {
    page_t *next, *prev; /* in slab->roomy or slab->full */
    push_slab_t *slab;
    apr_uint16_t used;  /* slots in use */
    apr_uint16_t fresh; /* slots from here on were never used */
    apr_uint16_t free; /* a slot to reuse, NO_SLOT: none; each holds the next */
    apr_uint64_t in_use[SLOTS_MAX / 64]; /* a bit for each slot */
};

typedef struct {
    page_t *first, *last;
} page_list_t;

struct push_slab_t {
    apr_size_t size;    /* of a slot, bytes */
    apr_uint16_t slots; /* in a page */
    page_list_t roomy;  /* pages with a free slot, longest there first */
    page_list_t full;   /* pages without */
    apr_size_t pages;   /* mapped in all */
    apr_size_t empty;   /* of them without a slot in use */
};

static void list_add(page_list_t *list, page_t *page)
{
    page->next = NULL;
    page->prev = list->last;
    if (list->last != NULL) {
        list->last->next = page;
    }
    else {
        list->first = page;
    }
    list->last = page;
}

static void list_remove(page_list_t *list, page_t *page)
{
    if (page->prev != NULL) {
        page->prev->next = page->next;
    }
    else {
        list->first = page->next;
    }
    if (page->next != NULL) {
        page->next->prev = page->prev;
    }
    else {
        list->last = page->prev;
    }
}

static page_t *page_of(void *slot)
{
    return (page_t *)((apr_uintptr_t)slot &
                      ~(apr_uintptr_t)(PUSH_SLAB_PAGE - 1));
}

static char *page_slot(page_t *page, apr_size_t i)
{
    apr_size_t head = APR_ALIGN(sizeof(page_t), 16);

    return (char *)page + head + i * page->slab->size;
}

static apr_uint16_t page_index(page_t *page, void *slot)
{
    return (apr_uint16_t)((apr_size_t)((char *)slot - page_slot(page, 0)) /
                          page->slab->size);
}

/* Map twice the size and give back what lies outside the aligned middle. */
static page_t *page_map(push_slab_t *slab)
{
    apr_size_t before;
    page_t *page;
    char *raw;

    raw = mmap(NULL, 2 * PUSH_SLAB_PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) {
        return NULL;
    }
    page = page_of(raw + PUSH_SLAB_PAGE - 1);
    before = (apr_size_t)((char *)page - raw);
    if (before > 0) {
        munmap(raw, before);
    }
    if (before < PUSH_SLAB_PAGE) {
        munmap((char *)page + PUSH_SLAB_PAGE, PUSH_SLAB_PAGE - before);
    }
    page->slab = slab;
    page->free = NO_SLOT;
    POISON(page_slot(page, 0), slab->slots * slab->size);
    return page;
}

static void page_unmap(page_t *page)
{
    UNPOISON(page, PUSH_SLAB_PAGE);
    munmap(page, PUSH_SLAB_PAGE);
}

static void list_unmap(page_list_t *list)
{
    page_t *page, *next;

    for (page = list->first; page != NULL; page = next) {
        next = page->next;
        page_unmap(page);
    }
}

static apr_status_t slab_cleanup(void *baton)
{
    push_slab_t *slab = baton;

    list_unmap(&slab->roomy);
    list_unmap(&slab->full);
    return APR_SUCCESS;
}

apr_status_t push_slab_create(push_slab_t **out, apr_size_t size, apr_pool_t *p)
{
    push_slab_t *slab = apr_pcalloc(p, sizeof(*slab));

    size = APR_ALIGN(size < SLOT_MIN ? SLOT_MIN : size, 16);
    if (size > SLOT_MAX) {
        return APR_EINVAL;
    }
    slab->size = size;
    slab->slots = (apr_uint16_t)((PUSH_SLAB_PAGE -
                                  APR_ALIGN(sizeof(page_t), 16)) /
                                 size);
    apr_pool_cleanup_register(p, slab, slab_cleanup, apr_pool_cleanup_null);
    *out = slab;
    return APR_SUCCESS;
}

/* A page that has a free slot. */
static page_t *slab_page(push_slab_t *slab)
{
    page_t *page = slab->roomy.first;

    if (page == NULL) {
        page = page_map(slab);
        if (page == NULL) {
            return NULL;
        }
        list_add(&slab->roomy, page);
        slab->pages++;
        slab->empty++;
    }
    return page;
}

void *push_slab_take(push_slab_t *slab)
{
    page_t *page = slab_page(slab);
    apr_uint16_t i;
    char *slot;

    if (page == NULL) {
        return NULL;
    }
    i = page->free != NO_SLOT ? page->free : page->fresh++;
    slot = page_slot(page, i);
    UNPOISON(slot, slab->size);
    if (i == page->free) {
        memcpy(&page->free, slot, sizeof(page->free));
    }
    slab->empty -= page->used == 0;
    page->used++;
    page->in_use[i / 64] |= (apr_uint64_t)1 << (i % 64);
    if (page->used == slab->slots) {
        list_remove(&slab->roomy, page);
        list_add(&slab->full, page);
    }
    memset(slot, 0, slab->size);
    return slot;
}

void push_slab_give(push_slab_t *slab, void *slot)
{
    page_t *page = page_of(slot);
    apr_uint16_t i = page_index(page, slot);

    if (page->used == slab->slots) {
        list_remove(&slab->full, page);
        list_add(&slab->roomy, page);
    }
    memcpy(slot, &page->free, sizeof(page->free));
    page->free = i;
    page->used--;
    page->in_use[i / 64] &= ~((apr_uint64_t)1 << (i % 64));
    POISON(slot, slab->size);
    if (page->used > 0) {
        return;
    }
    if (slab->empty > 0) {
        list_remove(&slab->roomy, page);
        page_unmap(page);
        slab->pages--;
        return;
    }
    slab->empty++;
}

static void page_each(page_t *page, void (*fn)(void *slot, void *baton),
                      void *baton)
{
    apr_uint16_t i;

    for (i = 0; i < page->fresh; i++) {
        if (page->in_use[i / 64] >> (i % 64) & 1) {
            fn(page_slot(page, i), baton);
        }
    }
}

void push_slab_each(push_slab_t *slab, void (*fn)(void *slot, void *baton),
                    void *baton)
{
    page_t *page;

    for (page = slab->full.first; page != NULL; page = page->next) {
        page_each(page, fn, baton);
    }
    for (page = slab->roomy.first; page != NULL; page = page->next) {
        page_each(page, fn, baton);
    }
}

apr_size_t push_slab_mapped(const push_slab_t *slab)
{
    return slab->pages * PUSH_SLAB_PAGE;
}
