#!/bin/sh
# make bare: `make demo` as a stranger has it, where more and more is missing.
#
#   demo        an unprivileged user, an empty HOME, and a PATH with make, a Python, and the few
#               tools that a shell script needs
#   ensurepip   Python's is hidden: one line tells the remedy; another Python that has it will do
#   compilers   they and Python's headers are hidden: wheels are all it takes
#   mosquitto   the demo takes it where it is; hidden, the embedded broker
#   libgl       root gets it installed, on a copy of this machine that lacks it; hidden, a stranger
#               gets the OpenCV that needs none, and the demo runs
#
# Hidden means that no path leads to it: something empty is mounted over it, in a mount namespace.
# Where none can be made, those parts are left out and said so; under CI=true nothing may be.
#
# usage: sh tests/bare.sh [seconds]
set -eu
cd "$(dirname "$0")/.."

root=$PWD
seconds=${1:-15}
nobody=65534

# What pip on this machine may need to reach its packages: settings and certificates, no secrets
# beyond them, and nothing else of our environment.
passed_on='^(PIP_[A-Z_]+|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE'
passed_on="$passed_on|(http|https|no|all)_proxy|(HTTP|HTTPS|NO|ALL)_PROXY)$"
passed_on=$(env | sed -n 's/^\([A-Za-z_]*\)=.*/\1/p' | grep -E "$passed_on" || true)

work=$(mktemp -d "${TMPDIR:-/tmp}/sentrypost-bare.XXXXXX")
# Another Python is mounted here: outside of $work, which is removed with all it holds.
second=$(mktemp -d "${TMPDIR:-/tmp}/sentrypost-second.XXXXXX")
trap 'rmdir "$second"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"
mkdir "$work/tree" "$work/bin" "$work/empty"

# As root, we become nobody, who cannot use a Python in root's home: take the system's. Anybody else
# needs a user namespace to mount, is root in it, and has to become himself again.
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=$nobody --regid=$nobody --clear-groups"
    inside="unshare --mount"
    as_inside=$as
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
else
    as=
    inside="unshare --user --map-root-user --mount"
    as_inside="unshare --user --map-user=$(id -u) --map-group=$(id -g)"
fi
everywhere=$work/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin

# --- the machine ----------------------------------------------------------------------------------

# The tree as it is here, not as it was committed; what git ignores stays behind.
copy_tree() {
    git ls-files -z --cached --others --exclude-standard --deduplicate |
        tar --create --null --ignore-failed-read --files-from=- --file=- 2>/dev/null |
        tar --extract --no-same-owner --directory "$work/tree" --file=-
    for tool in make sh cat date dirname expand env id mkdir mktemp rm sed sleep touch uname; do
        ln -s "$(command -v "$tool")" "$work/bin/$tool"
    done
    python=$(sh requirements/environment.sh python)
    ln -s "$python" "$work/bin/python3"
}

# A stranger who was never here, and whose PATH is this.
stranger_with() {
    path=$1
    : >"$work/mounts"
    (cd "$work" && rm -rf home tmp tree/.venv)
    mkdir "$work/home" "$work/tmp"
    if [ -n "$as" ]; then
        chown -R "$nobody:$nobody" "$work/tree" "$work/home" "$work/tmp"
    fi
}

# Nothing leads to this path any more, for the stranger.
hide() {
    if [ -d "$1" ]; then
        printf '%s\t%s\n' "$work/empty" "$1" >>"$work/mounts"
    elif [ -e "$1" ]; then
        printf '%s\t%s\n' /dev/null "$1" >>"$work/mounts"
    fi
}

# Programs by these names, wherever they are.
hide_programs() {
    PATH=$everywhere sh tests/bare/found.sh "$@" | sort -u >"$work/found"
    while read -r program; do
        hide "$program"
    done <"$work/found"
    demand "no path leads to $*" [ -z "$(stranger sh tests/bare/found.sh "$@")" ]
}

# A command, or NAME=VALUE before one, as the stranger has it.
stranger() {
    for name in $passed_on; do
        set -- "$name=$(printenv "$name")" "$@"
    done
    set -- env -i HOME="$work/home" PATH="$path" TMPDIR="$work/tmp" LANG=C.UTF-8 "$@"
    if [ -s "$work/mounts" ]; then
        namespace=$(readlink /proc/self/ns/mnt)
        set -- $inside sh "$root/tests/bare/mounted.sh" "$namespace" "$work/mounts" $as_inside "$@"
    else
        set -- $as "$@"
    fi
    (cd "$work/tree" && "$@") </dev/null
}

# --- what must be true ----------------------------------------------------------------------------

fail() {
    echo "bare: $part: $*" >&2
    exit 1
}

demand() {
    what=$1
    shift
    "$@" || fail "not so: $what"
}

passed() {
    echo "bare: $part passed"
}

left_out() {
    echo "bare: $part left out: $*"
    if [ "${CI:-}" = true ]; then
        fail "CI leaves nothing out"
    fi
}

# make demo with this broker, and NAME=VALUE for it.
demo_runs() {
    broker=$1
    shift
    status=0
    stranger "$@" make demo SECONDS="$seconds" >"$work/output" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        cat "$work/output"
        fail "make demo ended with status $status"
    fi
    for line in "^broker: $broker " '^[1-9][0-9]* granted, [1-9][0-9]* refused' 'chain verified'; do
        if ! grep -Eq "$line" "$work/output"; then
            cat "$work/output"
            fail "make demo did not say '$line'"
        fi
    done
}

# --- the parts ------------------------------------------------------------------------------------

demo() {
    echo "bare: $python as ${as:-$(id -un)}, make demo SECONDS=$seconds"
    stranger_with "$work/bin"
    # A stranger has no other broker.
    demo_runs embedded SENTRYPOST_BROKER=embedded
    cat "$work/output"
    demand "the second run starts at once" stranger make --question .venv/demo.stamp
    passed
}

ensurepip() {
    stranger_with "$work/bin"
    demand "$python has ensurepip" stranger python3 -m ensurepip --version >"$work/output"
    prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    # The same Python once more, elsewhere: what is hidden below is not hidden there.
    printf '%s\t%s\n' "$prefix" "$second" >"$work/mounts"
    hide "$("$python" -c 'import ensurepip; print(*ensurepip.__path__)')"
    demand "ensurepip is hidden" stranger sh -c '! python3 -m ensurepip --version 2>/dev/null'

    status=0
    stranger make demo >"$work/output" 2>&1 || status=$?
    demand "make demo fails" [ "$status" != 0 ]
    # make adds a line of its own: which target it was.
    said=$(grep -v '^make: ' "$work/output" || true)
    remedy="python3 cannot make virtual environments: apt-get install $version-venv (as root)"
    demand "it says '$remedy', but '$said'" [ "$said" = "$remedy" ]
    demand "no .venv is left behind" [ ! -e "$work/tree/.venv" ]

    path=$work/bin:$second/bin
    taken=$(stranger sh requirements/environment.sh python 2>&1 || true)
    demand "the other Python is taken, but '$taken'" [ "$taken" = "$second/bin/$version" ]
    passed
}

compilers() {
    stranger_with "$everywhere"
    headers=$("$python" -c 'import sysconfig as s; print(s.get_path("include"))')
    hide "$headers"
    hide_programs cc gcc c++ g++ clang clang++ rustc cargo
    demand "Python.h is hidden" stranger [ ! -e "$headers/Python.h" ]
    demo_runs embedded SENTRYPOST_BROKER=embedded
    passed
}

# The environment of the part before it will do.
mosquitto() {
    : >"$work/mounts"
    if [ -z "$(stranger sh tests/bare/found.sh mosquitto)" ]; then
        left_out "there is none to hide: apt-get install mosquitto"
        return
    fi
    demo_runs mosquitto
    hide_programs mosquitto
    demo_runs embedded
    passed
}

# Which OpenCV is in the environment: one of the two, and it can be imported.
has_opencv() {
    names=$(cd "$work/tree" && ls -d .venv/lib/python3*/site-packages/opencv_*.dist-info)
    case "$names" in
    *"
"*) return 1 ;;
    */"$1"-[0-9]*) stranger .venv/bin/python -c 'import cv2' ;;
    *) return 1 ;;
    esac
}

# The environment of the part before it will do, once more.
libgl() {
    : >"$work/mounts"
    /sbin/ldconfig -p | sed -n 's/^[[:blank:]]*libGL\.so\.1 .* => //p' >"$work/found"
    if [ ! -s "$work/found" ]; then
        demand "the parts before it ran without libGL" has_opencv opencv_python_headless
        left_out "there is none to hide, and none for root to miss: apt-get install libgl1"
        return
    fi
    demand "opencv-python is installed where libGL is" has_opencv opencv_python
    root_gets_libgl

    while read -r library; do
        hide "$library"
    done <"$work/found"
    demand "libGL is hidden" stranger sh -c '! .venv/bin/python -c "import cv2" 2>/dev/null'
    rm "$work/tree/.venv/demo.stamp"
    demo_runs embedded SENTRYPOST_BROKER=embedded
    demand "it says that the lock is another" \
        grep -q '^environment: requirements/headless.lock in its place' "$work/output"
    demand "opencv-python-headless is installed and nothing beside it" \
        has_opencv opencv_python_headless
    passed
}

root_gets_libgl() {
    if [ "$(id -u)" != 0 ] || ! dpkg --status libgl1 >/dev/null 2>&1; then
        left_out "root with Debian's libgl1 is needed, to be without it on a copy of this machine"
        return
    fi
    mkdir "$work/memory"
    status=0
    unshare --mount sh tests/bare/without_package.sh "$(readlink /proc/self/ns/mnt)" libgl1 \
        "$work/tree" "$work/memory" sh -c '
            ! .venv/bin/python -c "import cv2" 2>/dev/null || exit 1
            sh requirements/environment.sh demo && .venv/bin/python -c "import cv2" &&
            ls -d .venv/lib/python3*/site-packages/opencv_*.dist-info
        ' >"$work/output" 2>&1 || status=$?
    rmdir "$work/memory"
    if [ "$status" = 75 ]; then
        left_out "apt-get cannot get libgl1"
        return
    fi
    if [ "$status" != 0 ] || ! grep -q 'libgl1 .* which are installed now' "$work/output" ||
        grep -q headless "$work/output"; then
        cat "$work/output"
        fail "root did not get libGL installed"
    fi
    demand "nothing of it is left on this machine" has_opencv opencv_python
}

copy_tree
for part in demo ensurepip compilers mosquitto libgl; do
    if [ "$part" != demo ] && ! $inside mount --bind "$work/empty" "$work/empty" 2>/dev/null; then
        left_out "no mount namespace can be made here"
        continue
    fi
    "$part"
done
