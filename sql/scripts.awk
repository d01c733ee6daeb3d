# SPDX-License-Identifier: Apache-2.0
#
# scripts.awk - the scripts of sql/*.sql as named C strings.
#
#   awk -f sql/scripts.awk sql/*.sql >build/gen/scripts.c
#
# A script's name is its file's name ("schema.sqlite.sql"); its text is the whole
# file without the lines that are comments from end to end. common/db_private.h
# declares the table. Plain awk: runs on mawk and gawk.

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

function finish() {
    if (n > 0) {
        print "      \"\" },"
    }
}

BEGIN {
    print "/* Made by sql/scripts.awk; edit sql/. */"
    print "#include \"db_private.h\"\n"
    print "const chat_script_t chat_scripts[] = {"
    # Without a file awk would wait for the terminal: an empty table instead.
    if (ARGC < 2) {
        exit
    }
}

FNR == 1 {
    finish()
    n++
    parts = split(FILENAME, part, "/")
    printf "    { \"%s\",\n", part[parts]
}

/^[ \t\r]*(--.*)?$/ { next }

{ printf "      \"%s\\n\"\n", escaped($0) }

END {
    finish()
    print "    { NULL, NULL }\n};\n"
    printf "const int chat_scripts_n = %d;\n", n + 0
}
