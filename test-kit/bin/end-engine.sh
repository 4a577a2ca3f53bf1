#!/bin/sh
# Ends one Docker engine of the tests with everything it made. docker.ts starts this as a guard: it waits until its
# standard input closes, which happens when the engine is stopped and also when the test run dies, were it by kill -9.
#
# usage: end-engine.sh FOLDER CGROUP NET_PREFIX    (NET_PREFIX such as "10.213.7.", or "-" for an engine without network)

folder=$1
cgroup=$2
net=$3
trap '' INT TERM HUP
cat >/dev/null

# The engine's own programs name the folder in their arguments; what runs inside containers is known by its cgroup.
pids() {
  for process in /proc/[0-9]*; do
    read -r name <"$process/comm" || continue
    case $name in
      dockerd | containerd* | runc* | docker | systemd-journal* | podman | conmon)
        tr '\0' '\n' <"$process/cmdline" | grep -qF "$folder/" && echo "${process#/proc/}"
        ;;
    esac
  done 2>/dev/null
  grep -lsF "/$cgroup/" /proc/[0-9]*/cgroup | cut -d/ -f3
}

round=0
while [ $round -lt 100 ]; do
  found=$(pids)
  [ -n "$found" ] || break
  # shellcheck disable=SC2086
  kill -9 $found 2>/dev/null
  round=$((round + 1))
  sleep 0.05
done

# Deepest first. A mount may stand on another, hence more than one round.
for _ in 1 2 3; do
  cut -d' ' -f2 /proc/self/mounts | grep -F "$folder/" | sort -r | while read -r mount; do umount -l "$mount"; done
done 2>/dev/null

if [ "$net" != - ]; then
  ip -o -4 addr show 2>/dev/null | grep -F " inet $net" | while read -r _ link _; do ip link del "$link"; done 2>/dev/null
fi

find /sys/fs/cgroup -maxdepth 2 -type d -name "$cgroup" 2>/dev/null | while read -r group; do
  find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
done

# Nothing of the machine is mounted below any more, or rm would reach into it.
if grep -qF " $folder/" /proc/self/mounts; then exit 1; fi
rm -rf "$folder"
