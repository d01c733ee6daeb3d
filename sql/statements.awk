# SPDX-License-Identifier: Apache-2.0
#
# statements.awk - the labelled statements of sql/statements/*.sql as a C table.
#
#   awk -f sql/statements.awk sql/statements/*.sql >build/gen/statements.c
#
# A statement starts with a line `-- :name label`, or `-- :name label sqlite` or
# `-- :name label pgsql` when the engines need different texts. Lines that are
# comments from end to end are for people and stay behind; the text goes up to
# the next `-- :name`. Before the first one a file may hold comments only.
# Whatever is wrong is said as file:line and fails the build.
#
# common/db_private.h declares the table; it is sorted by label. Plain awk: runs
# on mawk and gawk.

function fail(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"
    failed = 1
    exit 1
}

# A line as the inside of a C string. `?` too, for no trigraph may come out.
function escaped(s,    out, i, c) {
    if (s !~ /["\\?\t\r]/) {
        return s
    }
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\t") {
            out = out "\\t"
        }
        else if (c == "\r") {
            out = out "\\r"
        }
        else if (c == "\\" || c == "\"" || c == "?") {
            out = out "\\" c
        }
        else {
            out = out c
        }
    }
    return out
}

# Open the statement for one engine; a label given for both counts as each.
function claim(engine) {
    if ((label, engine) in seen) {
        fail("statement '" label "' was already given for " engine \
             " in " seen[label, engine])
    }
    seen[label, engine] = FILENAME ":" FNR
}

# The statement that ends here must have had a text.
function finish() {
    if (label != "" && !has_text) {
        printf "%s: statement '%s' has no text\n", started, label \
            >"/dev/stderr"
        failed = 1
        exit 1
    }
}

function add(line, engine) {
    text[label, engine] = text[label, engine] "\n      \"" line "\\n\""
}

BEGIN {
    # Without a file awk would wait for the terminal: an empty table instead.
    if (ARGC < 2) {
        exit
    }
}

FNR == 1 {
    finish()
    label = ""
}

/^--[ \t]*:name/ {
    finish()
    if ($1 != "--" || $2 != ":name" || NF < 3 || NF > 4) {
        fail("write `-- :name label` or `-- :name label engine`")
    }
    label = $3
    if (label !~ /^[a-z][a-z0-9_]*$/) {
        fail("a label is of a-z, 0-9 and _: '" label "'")
    }
    for_sqlite = NF == 3 || $4 == "sqlite"
    for_pgsql = NF == 3 || $4 == "pgsql"
    if (!for_sqlite && !for_pgsql) {
        fail("no engine '" $4 "': sqlite or pgsql")
    }
    if (for_sqlite) {
        claim("sqlite")
    }
    if (for_pgsql) {
        claim("pgsql")
    }
    if (!(label in known)) {
        known[label] = 1
        labels[++n] = label
    }
    has_text = 0
    started = FILENAME ":" FNR
    next
}

/^[ \t\r]*(--.*)?$/ { next }

{
    if (label == "") {
        fail("text before the first `-- :name`")
    }
    has_text = 1
    if (for_sqlite) {
        add(escaped($0), "sqlite")
    }
    if (for_pgsql) {
        add(escaped($0), "pgsql")
    }
}

END {
    if (failed) {
        exit 1
    }
    finish()
    # Insertion sort: awk has no other that both awks know.
    for (i = 2; i <= n; i++) {
        label = labels[i]
        for (j = i - 1; j >= 1 && labels[j] > label; j--) {
            labels[j + 1] = labels[j]
        }
        labels[j + 1] = label
    }
    print "/* Made by sql/statements.awk; edit sql/statements/. */"
    print "#include \"db_private.h\"\n"
    print "const chat_statement_t chat_statements[] = {"
    for (i = 1; i <= n; i++) {
        label = labels[i]
        printf "    { \"%s\",\n    { ", label
        printf "%s,\n", (label, "sqlite") in text ? \
            text[label, "sqlite"] : "NULL"
        printf "      %s } },\n", (label, "pgsql") in text ? \
            text[label, "pgsql"] : "NULL"
    }
    print "    { NULL, { NULL, NULL } }\n};\n"
    printf "const int chat_statements_n = %d;\n", n
}
