#!/bin/sh
# Prints every program on PATH that goes by one of the names, also with a version behind it or a
# target before it (gcc-12, x86_64-linux-gnu-gcc): found.sh NAME...
set -eu

# The pathname of a program holds no line break, a folder of PATH may hold a blank.
IFS=:
for folder in $PATH; do
    for name in "$@"; do
        for program in "$folder/$name" "$folder/$name"-[0-9]* \
            "$folder"/*-"$name" "$folder"/*-"$name"-[0-9]*; do
            if [ -f "$program" ] && [ -x "$program" ]; then
                printf '%s\n' "$program"
            fi
        done
    done
done
