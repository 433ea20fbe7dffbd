#!/bin/sh
# Makes .venv ready: requirements/environment.sh demo|test
# Makes .venv/bench ready, for the figures alone: requirements/environment.sh bench
# Makes .venv/panel ready, somebody else's control panel and nothing of ours: ... panel
# Names the Python it would use: requirements/environment.sh python
#
# Needs Python >= 3.11 with venv and nothing else: no compiler, no root, no service. Where Debian's
# python3-venv is missing, root gets it installed and anybody else is told so in one line. Where
# libGL is, root gets it installed, and anybody else an OpenCV that needs none.
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Debian's Python knows venv but has no ensurepip until python3-venv is there.
has_venv() {
    "$1" -c 'import venv' >/dev/null 2>&1 && "$1" -m ensurepip --version >/dev/null 2>&1
}

# Debian's packages, where we may: root with apt-get.
install_packages() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && {
        apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install --no-install-recommends --no-upgrade "$@"
    } >&2
}

install_venv() {
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if install_packages "$package" && has_venv "$1"; then
        return
    fi
    fail "$1 cannot make virtual environments: apt-get install $package (as root)"
}

find_python() {
    found=
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        recent "$candidate" || continue
        found=${found:-$candidate}
        if has_venv "$candidate"; then
            found=$candidate
            break
        fi
    done
    if [ -z "$found" ]; then
        fail "No Python 3.11 or newer on PATH: apt-get install python3 python3-venv (as root)," \
            "or name one: make PYTHON=/path/to/python3"
    fi
    has_venv "$found" || install_venv "$found"
    "$found" -c 'import sys; print(sys.executable)'
}

# What a lock holds, into $folder. Wheels only: building from source would run code that no hash has
# vouched for, and would need a compiler. PIP_ONLY_BINARY=:none: allows it where a platform has no
# wheel. The models of faces have none anywhere. They are Python and data, need no compiler, and are
# built by what is in the environment already, which its own hash has vouched for.
install_locked() {
    PIP_ONLY_BINARY=${PIP_ONLY_BINARY:-:all:} PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$folder/bin/python" -m pip install -qq --require-hashes --no-deps \
        --no-binary face-recognition-models --no-build-isolation --use-pep517 -r "$1"
}

has_headless() {
    script='from importlib.metadata import version; version("opencv-python-headless")'
    "$folder/bin/python" -c "$script" 2>/dev/null
}

# What OpenCV complains of, in its last line. What it lacks are libraries of the system.
opencv_works() {
    complaint=$("$folder/bin/python" -c 'import cv2' 2>&1) && return
    complaint=${complaint##*
}
    return 1
}

# opencv-python wants libGL, of which its headless sister knows nothing. Both are one folder, cv2:
# the one is gone before the other comes.
change_opencv() {
    packages='libgl1 libglib2.0-0'
    echo "environment: opencv-python does not come up here: $complaint" >&2
    if install_packages $packages && opencv_works; then
        echo "environment: it does with $packages, which are installed now" >&2
        return
    fi
    echo "environment: requirements/headless.lock in its place, the same without windows on a" \
        "screen (or, as root: apt-get install $packages, then make clean)" >&2
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$folder/bin/python" -m pip uninstall -qq -y opencv-python
    install_locked requirements/headless.lock
}

make_environment() {
    lock=requirements/$1.lock
    folder=$2
    [ -f "$lock" ] || fail "There is no $lock: say demo, test, bench or panel"
    if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
        python=$(find_python)
        echo "environment: $folder from $python" >&2
        "$python" -m venv --clear "$folder"
    fi
    echo "environment: $lock" >&2
    if [ "$1" = panel ]; then
        install_locked "$lock"
        return
    fi
    install_locked requirements/build.lock
    "$folder/bin/python" -c 'import dlib' 2>/dev/null ||
        echo "environment: cameras and faces come to some 200 MB, which takes minutes" >&2
    if has_headless; then
        echo "environment: opencv-python-headless stays (make clean, to begin anew)" >&2
        # A package with its hashes: down to where uv says what it came by.
        sed '/^opencv-python==/,/^    # via/d' "$lock" >"$folder/headless.lock"
        install_locked "$folder/headless.lock"
        install_locked requirements/headless.lock
    else
        install_locked "$lock"
        opencv_works || change_opencv
    fi
    opencv_works || fail "OpenCV does not come up: $complaint"
    # The project itself, so that the command exists. Its build backend came with the lock and looks
    # for its own binary on PATH.
    PATH="$PWD/$folder/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$folder/bin/python" -m pip install -qq --no-index --no-deps --no-build-isolation \
        --editable .
}

case ${1:-} in
python) find_python ;;
demo | test) make_environment "$1" .venv ;;
bench) make_environment bench .venv/bench ;;
panel)
    make_environment panel .venv/panel
    cp requirements/panel.lock .venv/panel/installed.lock
    ;;
*) fail "usage: requirements/environment.sh demo|test|bench|panel|python" ;;
esac
