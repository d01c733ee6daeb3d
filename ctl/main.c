/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - chatctl: what an operator does to an installed chat.
 *
 *   chatctl COMMAND [OPTION…]
 *
 * START HERE: the table of commands. Each has a file of its own; ctl.h says
 * what they share. main finds the command and hands over the rest of the
 * arguments.
 */
#include "ctl.h"
#include "script.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

/* Every command: name, function, its line of --help. */
/* clang-format off */
static const ctl_command_t commands[] = {
    { "migrate", ctl_migrate, "make, upgrade or check a database's schema" },
    { "doctor",  ctl_doctor,  "look at a live site, name what is wrong and what to do" },
    { "audit",   ctl_audit,   "verify, list or shorten the audit log" },
    { "export",  ctl_export,  "all that is stored about a person, as JSON and files" },
    { "erase",   ctl_erase,   "remove what a person wrote, and who they were" },
    { "purge",   ctl_purge,   "remove content whose time is over, by rules" },
    { "hold",    ctl_hold,    "keep a conversation from purge and erasure" },
    { "user",    ctl_user,    "who is in the chat, and whether they may log in" },
    { "token",   ctl_token,   "bearer tokens: list, create, revoke" },
    { "keys",    ctl_keys,    "the keys that conversations are sealed with" },
    { "tail",    ctl_tail,    "the event log as it grows" },
    { "trigger", ctl_trigger, "send an event to channels through chat-push" },
    { "routes",  ctl_routes,  "the URLs that mod_chat answers, and who may" },
    { NULL, NULL, NULL }
};
/* clang-format on */

static void usage(FILE *to)
{
    const ctl_command_t *c;

    fputs("usage: chatctl COMMAND [OPTION...]\n\n", to);
    for (c = commands; c->name != NULL; c++) {
        fprintf(to, "  %-10s %s\n", c->name, c->summary);
    }
    fputs("\nchatctl COMMAND --help says more; --version names the schema.\n"
          "Exit status: 0 done, 1 failed or not as it should be, 2 wrong "
          "arguments.\n",
          to);
}

static int version(void)
{
    printf("chatctl of mod_chat, schema version %d\n",
           ctl_script_version(chat_db_script_text("schema.sqlite.sql")));
    return CTL_OK;
}

static int command_run(int argc, const char *const *argv, apr_pool_t *p)
{
    const ctl_command_t *c;

    if (argc < 2) {
        usage(stderr);
        return CTL_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
        !strcmp(argv[1], "help")) {
        usage(stdout);
        return CTL_OK;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        return version();
    }
    for (c = commands; c->name != NULL; c++) {
        if (!strcmp(argv[1], c->name)) {
            return c->run(argc - 1, argv + 1, p);
        }
    }
    fprintf(stderr, "chatctl: there is no command '%s': see chatctl --help\n",
            argv[1]);
    return CTL_USAGE;
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *pool;
    int status;

    if (apr_initialize() != APR_SUCCESS ||
        apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return ctl_fail("out of memory");
    }
    status = command_run(argc, argv, pool);
    /* Who reads what we say must not take half of it for all. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_OK) {
        status = ctl_fail("what was done could not be written to stdout");
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}
