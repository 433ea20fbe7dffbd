#!/bin/sh
# Installs what requirements/NAME has locked of npm's into the folder given, for the tests alone:
# requirements/npm.sh asyncapi .venv/asyncapi
#
# Nothing is run that comes along (--ignore-scripts), and every file has its hash in the lock.
set -eu
cd "$(dirname "$0")/.."

package=requirements/$1/package.json
lock=requirements/$1/package-lock.json
folder=$2
cmp -s "$lock" "$folder/installed.json" && exit 0
mkdir -p "$folder"
cp "$package" "$lock" "$folder"
(
    cd "$folder"
    npm ci --fetch-retries=1 --ignore-scripts --no-audit --no-fund --loglevel=error
) >&2
cp "$lock" "$folder/installed.json"
