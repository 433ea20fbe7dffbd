#!/bin/sh
# make lock: writes requirements/*.lock from pyproject.toml and requirements/*.in.
#
# Every lock holds all platforms (--universal), a hash of every file, and no registry's address, so
# that each machine takes the files from wherever its own pip is told to. What is locked already
# stays as it is while it still fits; UPGRADE=1 takes the newest of everything.
set -eu
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
if [ ! -x "$uv" ]; then
    .venv/bin/python -m pip install -qq --require-hashes --no-deps -r requirements/tools.lock
fi

lock() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command 'make lock' ${UPGRADE:+--upgrade} \
        --output-file "$output" "$@"
}

lock requirements/tools.lock requirements/tools.in
lock requirements/panel.lock requirements/panel.in
lock requirements/test.lock pyproject.toml requirements/build.in --extra biometrics --extra demo \
    --extra postgres --extra test
# Demo and figures are held to what is tested: one version of everything.
lock requirements/demo.lock pyproject.toml requirements/build.in --extra biometrics --extra demo \
    --constraint requirements/test.lock
lock requirements/bench.lock pyproject.toml requirements/build.in --extra bench \
    --extra biometrics --extra demo --extra postgres --extra test \
    --constraint requirements/test.lock
# What builds packages here, and the other OpenCV: requirements/environment.sh.
lock requirements/build.lock requirements/build.in --constraint requirements/test.lock
lock requirements/headless.lock requirements/headless.in --no-deps
