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

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static int too_many(const char *word)
{
    ctl_fail("'%s' is one argument too many: see chatctl --help", word);
    return CTL_USAGE;
}

static int command_run(int argc, const char *const *argv, apr_pool_t *p)
{
    const ctl_command_t *c;
    int asked;

    if (argc < 2) {
        usage(stderr);
        return CTL_USAGE;
    }
    if (!strcmp(argv[1], "help") && argc == 3) {
        return command_run(3, (const char *const[]){ argv[0], argv[2], "--help" },
                           p);
    }
    asked = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
            !strcmp(argv[1], "help");
    if (asked || !strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        if (argc > 2) {
            return too_many(argv[2]);
        }
        if (!asked) {
            return version();
        }
        usage(stdout);
        return CTL_OK;
    }
    for (c = commands; c->name != NULL; c++) {
        if (!strcmp(argv[1], c->name)) {
            return c->run(argc - 1, argv + 1, p);
        }
    }
    ctl_fail("there is no command '%s': see chatctl --help", argv[1]);
    return CTL_USAGE;
}

/* Nobody reads stdout any more: the statuses are ours all the same. What was not
 * committed is not done, as when somebody ends us. */
static void on_closed_pipe(int signum)
{
    static const char line[] = "chatctl: what was done could not be written to "
                               "stdout: nobody reads it\n";

    (void)signum;
    if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0) {
        _exit(CTL_FAILED); /* nobody reads that either */
    }
    _exit(CTL_FAILED);
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *pool;
    int status;

    if (apr_initialize() != APR_SUCCESS ||
        apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return ctl_fail("out of memory");
    }
    signal(SIGPIPE, on_closed_pipe);
    status = command_run(argc, argv, pool);
    /* Who reads what we say must not take half of it for all. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_OK) {
        status = ctl_fail("what was done could not be written to stdout");
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}
