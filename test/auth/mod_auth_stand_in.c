/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_auth_stand_in.c - what mod_auth_openidc looks like from mod_chat's side.
 *
 * For tests only, it is not installed. It sets the user and OIDC_CLAIM_email as
 * mod_auth_openidc does (a header of the request and a variable of its
 * environment, both under that name; what a client sends under it goes), but
 * takes who it is from a file that the test writes: who has the password of an
 * account there is of no matter to mod_chat.
 *
 *   AuthType openid-connect     and a Require: as mod_auth_openidc is used
 *   StandInEarly On             without any AuthType: the user is set in an early
 *                               hook, as other modules do
 *   StandInFile conf/who        one line: a name, a blank, an e-mail address; both may
 *                               be `-`, which is none
 */
#include <string.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#define CLAIM "OIDC_CLAIM_email"

typedef struct {
    const char *file;
    int early;
} stand_in_t;

extern __attribute__((visibility("default"))) module auth_stand_in_module;

static void *dir_create(apr_pool_t *p, char *dir)
{
    (void)dir;
    return apr_pcalloc(p, sizeof(stand_in_t));
}

static void *dir_merge(apr_pool_t *p, void *base, void *add)
{
    const stand_in_t *under = base, *over = add;
    stand_in_t *conf = apr_pmemdup(p, over, sizeof(*over));

    if (conf->file == NULL) {
        conf->file = under->file;
    }
    conf->early |= under->early;
    return conf;
}

static const char *set_file(cmd_parms *cmd, void *dir, const char *arg)
{
    ((stand_in_t *)dir)->file = ap_server_root_relative(cmd->pool, arg);
    return NULL;
}

static const char *set_early(cmd_parms *cmd, void *dir, int on)
{
    (void)cmd;
    ((stand_in_t *)dir)->early = on;
    return NULL;
}

/* Set who it is. @return 0: nobody */
static int identify(request_rec *r, const stand_in_t *conf)
{
    char line[512], *email;
    apr_file_t *file;
    apr_status_t rv;

    apr_table_unset(r->headers_in, CLAIM);
    if (conf->file == NULL ||
        apr_file_open(&file, conf->file, APR_FOPEN_READ, 0, r->pool) !=
            APR_SUCCESS) {
        return 0;
    }
    rv = apr_file_gets(line, sizeof(line), file);
    apr_file_close(file);
    email = rv == APR_SUCCESS ? strchr(line, ' ') : NULL;
    if (email == NULL) {
        return 0;
    }
    *email++ = '\0';
    email[strcspn(email, "\r\n")] = '\0';
    if (strcmp(email, "-") != 0) {
        apr_table_set(r->headers_in, CLAIM, email);
        apr_table_set(r->subprocess_env, CLAIM, email);
    }
    if (strcmp(line, "-") == 0) {
        return 0;
    }
    r->user = apr_pstrdup(r->pool, line);
    r->ap_auth_type = apr_pstrdup(r->pool, "openid-connect");
    return 1;
}

static int early(request_rec *r)
{
    const stand_in_t *conf = ap_get_module_config(r->per_dir_config,
                                                  &auth_stand_in_module);

    if (conf->early) {
        identify(r, conf);
    }
    return DECLINED;
}

static int authn(request_rec *r)
{
    const stand_in_t *conf = ap_get_module_config(r->per_dir_config,
                                                  &auth_stand_in_module);
    const char *type = ap_auth_type(r);

    if (type == NULL || strcmp(type, "openid-connect") != 0) {
        return DECLINED;
    }
    return identify(r, conf) ? OK : HTTP_UNAUTHORIZED;
}

static void hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_access_checker(early, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_check_authn(authn, NULL, NULL, APR_HOOK_MIDDLE,
                        AP_AUTH_INTERNAL_PER_CONF);
}

/* clang-format off */
static const command_rec commands[] = {
    AP_INIT_TAKE1("StandInFile", set_file, NULL, OR_AUTHCFG, "who it is"),
    AP_INIT_FLAG("StandInEarly", set_early, NULL, OR_AUTHCFG, "On or Off"),
    { NULL }
};
/* clang-format on */

AP_DECLARE_MODULE(auth_stand_in) = { STANDARD20_MODULE_STUFF, dir_create,
                                     dir_merge, NULL, NULL, commands, hooks,
                                     0 };
