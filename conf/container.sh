#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The first process of a container with both programs (Containerfile): prepares what
# volumes bring empty, starts both, and ends when either does, so that whoever runs
# the container starts it again.
set -e

systemd-tmpfiles --create chat-push.conf
/usr/lib/mod_chat/setup
# As apache2ctl does, whose shell would keep our signals from httpd.
. /etc/apache2/envvars
mkdir -p "$APACHE_RUN_DIR" "$APACHE_LOCK_DIR" "$APACHE_LOG_DIR"
rm -f "$APACHE_PID_FILE"

(umask 007 && exec setpriv --reuid=chat-push --regid=mod_chat --init-groups -- \
    /usr/sbin/chat-push --config /etc/mod_chat/chat-push.json) &
push=$!
apache2 -D FOREGROUND &
httpd=$!

stopped=no
trap 'stopped=yes' TERM INT
wait -n || true
kill "$push" "$httpd" 2>/dev/null || true
wait "$push" "$httpd" || true
[ "$stopped" = yes ]
