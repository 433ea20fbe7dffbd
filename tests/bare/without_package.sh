#!/bin/sh
# Runs a command as root on this machine as it would be without a Debian package, in TREE:
# without_package.sh OUTSIDE PACKAGE TREE FOLDER COMMAND...
#
# OUTSIDE: what /proc/self/ns/mnt is to the caller. Whatever is removed, installed or written is so
# in memory alone, over the machine, in a mount namespace of its own: FOLDER, an empty one, is where
# that is put together. Ends with 75 (EX_TEMPFAIL) where apt-get cannot get the package.
set -eu

if [ "$(readlink /proc/self/ns/mnt)" = "$1" ]; then
    echo "without_package.sh: this is the caller's mount namespace, nothing was mounted" >&2
    exit 1
fi
package=$2
tree=$3
memory=$4
shift 4

mount -t tmpfs tmpfs "$memory"
machine=$memory/machine
mkdir "$machine" "$memory/upper" "$memory/work" "$memory/tree" "$memory/tree_work"
mount -t overlay overlay "$machine" \
    -o "lowerdir=/,upperdir=$memory/upper,workdir=$memory/work"
mkdir -p "$machine$tree"
mount -t overlay overlay "$machine$tree" \
    -o "lowerdir=$tree,upperdir=$memory/tree,workdir=$memory/tree_work"
for folder in dev proc sys; do
    mount --rbind "/$folder" "$machine/$folder"
done

chroot "$machine" apt-get -qq remove "$package" >/dev/null 2>&1
chroot "$machine" sh -c "{
    apt-get -qq update &&
        apt-get -qq --no-install-recommends --download-only install $package
} >/dev/null 2>&1" || exit 75
exec chroot "$machine" sh -c 'cd "$1" && shift && exec "$@"' sh "$tree" "$@"
