#!/bin/sh
# make bare: `make demo` as a stranger has it. An unprivileged user, an empty HOME, and a PATH with
# make, a Python, and the few tools that a shell script needs.
#
# usage: sh tests/bare.sh [seconds]
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-15}
nobody=65534

# What pip on this machine may need to reach its packages: settings and certificates, no secrets
# beyond them, and nothing else of our environment.
passed_on='^(PIP_[A-Z_]+|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE'
passed_on="$passed_on|(http|https|no|all)_proxy|(HTTP|HTTPS|NO|ALL)_PROXY)$"

work=$(mktemp -d "${TMPDIR:-/tmp}/sentrypost-bare.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/tree" "$work/home" "$work/bin" "$work/tmp"

# The tree as it is here, not as it was committed; what git ignores stays behind.
git ls-files -z --cached --others --exclude-standard --deduplicate |
    tar --create --null --ignore-failed-read --files-from=- --file=- 2>/dev/null |
    tar --extract --no-same-owner --directory "$work/tree" --file=-

for tool in make sh cat date dirname expand env id mkdir mktemp rm sed sleep touch uname; do
    ln -s "$(command -v "$tool")" "$work/bin/$tool"
done

# As root, we become nobody, who cannot use a Python in root's home: take the system's.
as=
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=$nobody --regid=$nobody --clear-groups"
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
fi
python=$(sh requirements/environment.sh python)
ln -s "$python" "$work/bin/python3"
if [ -n "$as" ]; then
    chown -R "$nobody:$nobody" "$work"
fi

# The embedded broker: a stranger has no other.
set -- HOME="$work/home" PATH="$work/bin" TMPDIR="$work/tmp" LANG=C.UTF-8 SENTRYPOST_BROKER=embedded
for name in $(env | sed -n 's/^\([A-Za-z_]*\)=.*/\1/p' | grep -E "$passed_on"); do
    eval "value=\$$name"
    set -- "$@" "$name=$value"
done

echo "bare: $python as ${as:-$(id -un)}, make demo SECONDS=$seconds"
status=0
(cd "$work/tree" && $as env -i "$@" make demo SECONDS="$seconds") \
    </dev/null >"$work/output" 2>&1 || status=$?
cat "$work/output"
if [ "$status" != 0 ]; then
    echo "bare: make demo ended with status $status" >&2
    exit 1
fi
for line in '^broker: embedded ' '^[1-9][0-9]* granted, [1-9][0-9]* refused' 'chain verified'; do
    if ! grep -Eq "$line" "$work/output"; then
        echo "bare: make demo did not say '$line'" >&2
        exit 1
    fi
done
# A stranger's second run starts at once.
(cd "$work/tree" && $as env -i "$@" make --question .venv/demo.stamp) || {
    echo "bare: make would build the environment again" >&2
    exit 1
}
echo "bare: passed"
