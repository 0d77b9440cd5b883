#!/bin/sh
# Says in one sentence what this machine lacks and how to get it; changes nothing.
python=${1:-python3}
missing() { echo "make: $1" >&2; exit 1; }
debian() { missing "$1 is missing; on Debian 12: apt install $2"; }

command -v "$python" >/dev/null 2>&1 || debian "python3" "python3 python3-venv python3-dev"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    missing "$python is older than 3.11; set PYTHON=/path/to/a/newer/python3"
"$python" -c 'import venv, ensurepip' 2>/dev/null || debian "the venv module of $python" "python3-venv"
header=$("$python" -c 'import sysconfig, pathlib; print(pathlib.Path(sysconfig.get_paths()["include"]) / "Python.h")')
test -f "$header" || debian "Python.h (the headers of $python)" "python3-dev"
command -v gcc >/dev/null 2>&1 || command -v cc >/dev/null 2>&1 || debian "a C compiler" "gcc"
command -v openssl >/dev/null 2>&1 || debian "openssl (the demo checks our answers with it)" "openssl"
