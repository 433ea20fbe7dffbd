#!/bin/sh
# Installs AsyncAPI's own parser into the folder given, as requirements/asyncapi has it locked:
# requirements/asyncapi.sh .venv/asyncapi
#
# Nothing is run that comes along (--ignore-scripts), and every file has its hash in the lock.
set -eu
cd "$(dirname "$0")/.."

folder=$1
lock=requirements/asyncapi/package-lock.json
cmp -s "$lock" "$folder/installed.json" && exit 0
mkdir -p "$folder"
cp requirements/asyncapi/package.json "$lock" "$folder"
(
    cd "$folder"
    npm ci --fetch-retries=1 --ignore-scripts --no-audit --no-fund --loglevel=error
) >&2
cp "$lock" "$folder/installed.json"
