#!/bin/sh
# Compiles all Python below a folder to files that carry no time of day. Usage: compile.sh FOLDER
# One process and a fixed hash seed, because the order of work and of sets shows in the compiled files. Python is asked
# not to compare sources at start: nothing can change them in a read-only root. Some packages carry templates and
# examples of other Python versions, which nobody imports: those that do not compile are left alone.
set -eu
PYTHONHASHSEED=0 python -m compileall -qq --invalidation-mode unchecked-hash "$1" || true
