#!/bin/sh
# Runs a command where some paths show something else: mounted.sh OUTSIDE LIST COMMAND...
#
# OUTSIDE: what /proc/self/ns/mnt is to the caller. LIST: lines of what is shown, a tab, and where.
# Only in a mount namespace of its own, so that the machine itself never changes.
set -eu

if [ "$(readlink /proc/self/ns/mnt)" = "$1" ]; then
    echo "mounted.sh: this is the caller's mount namespace, nothing was mounted" >&2
    exit 1
fi
tab=$(printf '\t')
while IFS=$tab read -r shown where; do
    mount --rbind "$shown" "$where"
done <"$2"
shift 2
exec "$@"
