#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What chat-push needs before its first start, made once: settings with a key and a
# secret of their own, and the database. What is there already is not changed, but
# a database of ours is brought to the schema of the programs installed.
#
# As root, after systemd-sysusers and systemd-tmpfiles, which make the users and
# directories. The Debian package runs it at each installation, a container at
# each start.
set -eu

conf=/etc/mod_chat/chat-push.json
db=/var/lib/mod_chat/chat.db
share=@PREFIX@/share/mod_chat

random() { # bytes; in hexadecimal digits
    od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

# The directory belongs to more than root: who can write there decides what a name
# means, so that root opens nothing in it.
as_push() {
    (cd / && umask 007 &&
        setpriv --reuid=chat-push --regid=mod_chat --init-groups -- "$@")
}

if [ ! -e "$conf" ]; then
    mkdir -p "${conf%/*}"
    # Key and secret are the two that nobody else may have; origins depend on the
    # site's name, which is not known here.
    (umask 077 && sed -e "s/\"chat-key\"/\"$(random 10)\"/" \
        -e "s/\"replace this before the first start\"/\"$(random 32)\"/" \
        -e 's/\("enableClientMessages": true\),/\1/' \
        -e '/"allowedOrigins"/d' \
        "$share/conf/chat-push.json" >"$conf.new")
    # httpd reads it as root; its children, who are in mod_chat, may not.
    chown root:chat-push "$conf.new"
    chmod 640 "$conf.new"
    mv "$conf.new" "$conf"
    echo "mod_chat: made $conf with a new key and secret"
fi

# Another database is not ours to change.
if grep -qF "\"sqlite:$db\"" "$conf"; then
    # Made here, because chatctl makes one that httpd could not write.
    as_push sh -c '[ -e "$1" ] || : >>"$1"' sh "$db"
    as_push @PREFIX@/bin/chatctl migrate --config "$conf"
else
    echo "mod_chat: $conf names a database of your own; bring it up to date with" >&2
    echo "    chatctl migrate --config $conf" >&2
fi
