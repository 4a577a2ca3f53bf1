#!/bin/sh
# Runs a program beside a systemd-journald of its own, in a mount namespace of its own (`unshare --mount` starts this): the
# journal's sockets and files have fixed places, and the machine's own are not touched.
#
# usage: with-journald.sh FOLDER PROGRAM ARGUMENT...

set -e
folder=$1
shift
mkdir -p "$folder/journal" /run/systemd /run/log
mount -t tmpfs tmpfs /run/systemd
mkdir /run/systemd/journal
mount --bind "$folder/journal" /run/log
# Another journal's files would be read too.
[ ! -d /var/log/journal ] || mount -t tmpfs tmpfs /var/log/journal
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n' >"$folder/journald.conf"
mount --bind "$folder/journald.conf" /etc/systemd/journald.conf
# By a name in the folder, so that who ends the engine finds it.
ln -sf /lib/systemd/systemd-journald "$folder/systemd-journald"
"$folder/systemd-journald" &
echo $! >"$folder/journald.pid"
while [ ! -S /run/systemd/journal/socket ]; do sleep 0.02; done
exec "$@"
