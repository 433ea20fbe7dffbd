#!/bin/sh
# The machine of `make campaign machine`: requirements/machine.sh FOLDER
#
# Leaves there what boots without a boot loader (kernel, initrd, a disk), a Debian of the release of
# this machine, from wherever its apt fetches, with systemd as process 1 and none of ours in it.
# Says what is missing, and installs it where it may (root with apt-get). A machine that was made
# from the same list is left as it is.
set -eu
cd "$(dirname "$0")/.."

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
folder=${1:?usage: requirements/machine.sh FOLDER}

fail() {
    printf 'machine: %s\n' "$*" >&2
    exit 1
}

# program, and the Debian package that brings it
programs='qemu-system-x86_64 qemu-system-x86
swtpm swtpm
mmdebstrap mmdebstrap
mke2fs e2fsprogs'

# What is in it: systemd and a kernel; what asks for it from outside; what the edge runs on; an
# encrypted disk, a TPM, and a broker.
packages='systemd-sysv dbus udev kmod procps linux-image-cloud-amd64 initramfs-tools
qemu-guest-agent iproute2 python3 python3-venv e2fsprogs cryptsetup-bin dmsetup
libtss2-esys-3.0.2-0 libtss2-mu0 libtss2-rc0 libtss2-tctildr0 mosquitto'
size=3G

missing() {
    echo "$programs" | while read -r program package; do
        command -v "$program" >/dev/null 2>&1 || echo "$package"
    done
}

lacks=$(missing)
if [ -n "$lacks" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "machine: installing $(echo $lacks)" >&2
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --no-install-recommends $lacks; } >&2 || true
    lacks=$(missing)
fi
[ -z "$lacks" ] || fail "it lacks what runs and makes it: apt-get install $(echo $lacks) (as root)"

[ ! -f "$folder/packages" ] || [ "$(cat "$folder/packages")" != "$packages" ] || exit 0
[ "$(id -u)" = 0 ] || fail "only root can make its disk: sudo sh requirements/machine.sh $folder"

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' 2>/dev/null >"$made/sources.list" || true
[ -s "$made/sources.list" ] || fail "apt here knows no Debian: see apt-get indextargets"
release=$(apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' 'Origin: Debian' |
    grep -v -e - | head -n 1)
echo "machine: a Debian $release for $folder, some minutes" >&2
mmdebstrap --quiet --variant=minbase --include="$(echo $packages | tr ' ' ,)" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$release" "$made/tree" "$made/sources.list" >&2

mkdir -p "$folder"
rm -f "$folder/packages"
cp "$made"/tree/boot/vmlinuz-* "$folder/vmlinuz"
cp "$made"/tree/boot/initrd.img-* "$folder/initrd"
readlink "$made/tree/usr/bin/python3" | sed 's/^python//' >"$folder/python-version"
rm -f "$folder/disk"
truncate -s "$size" "$folder/disk"
mke2fs -q -t ext4 -F -d "$made/tree" "$folder/disk"
# Last of all: what is here is whole.
printf '%s\n' "$packages" >"$folder/packages"
