#!/bin/sh
# Builds the compiled core for aarch64 and runs its tests there, under qemu-user.
#
#   sh deploy/check-aarch64.sh [FOLDER]      (FOLDER: build/aarch64 if not given)
#
# Debian 12 on another processor than aarch64, from the top of the repository, after the test tools were installed
# (`make aarch64` does both). As root, because it installs the cross compiler and qemu and makes arm64 a foreign
# architecture; where all that is there already, anybody. VENV names another folder than .venv, as in the Makefile;
# further words for pytest stand in PYTEST_ARGS. About 200 MB on disk. The tests take some twenty minutes: emulated
# Python is 10 to 20 times slower. A second run takes what the first one left.
#
# Left out: tests marked slow, and those of what is plain Python (sets, fetching, night, database). The guard
# against blocked event loops (tests/conftest.py) stays out too: no test here has a loop, and the guard brings the
# database with it. Left out, too, is the one test of how much memory a process takes; why, stands below.
set -eu

python=${VENV:-.venv}/bin/python
folder=${1:-build/aarch64}
triplet=aarch64-linux-gnu

stop() { echo "check-aarch64: $1" >&2; exit 1; }

test -f revocation/index/FORMAT.md || stop "not at the top of the repository; cd there first"
"$python" -c 'import Cython, setuptools' 2>/dev/null || stop "$python has no Cython; run make aarch64, or set VENV"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
root=$folder/root     # a Debian for aarch64, as far as Python needs one; never entered, only named to qemu
lib=$folder/lib       # a copy of our source, and beside each .pyx what was compiled for aarch64
wheels=$folder/wheels # what the lock file pins, for aarch64
site=$folder/site     # the same, unpacked

# --- tools ---

missing=
for package in "gcc-$triplet" libc6-dev-arm64-cross qemu-user-static; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if test -n "$missing" || ! dpkg --print-foreign-architectures | grep -qx arm64; then
    test "$(id -u)" = 0 || stop "needs root for:$missing dpkg --add-architecture arm64"
    dpkg --add-architecture arm64
    apt-get -q update
    # shellcheck disable=SC2086  # names, one word each
    test -z "$missing" || apt-get -q install -y --no-install-recommends $missing
fi

# --- Python 3.11 for aarch64: interpreter, standard library, headers, and the libraries that these load ---

if ! test -f "$root/.complete"; then
    rm -rf "$root" "$folder/debs"
    mkdir -p "$root" "$folder/debs"
    for package in python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libpython3.11-dev \
        libc6 libgcc-s1 libssl3 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libuuid1 libcrypt1 libsqlite3-0; do
        # Root may write into the folder; the user whom apt would become for a download may not.
        (cd "$folder/debs" && apt-get -q -o APT::Sandbox::User=root download "$package:arm64")
    done
    # Unpacked, not installed: no script of a package runs, and this machine's own Python stays alone.
    for package in "$folder"/debs/*.deb; do dpkg -x "$package" "$root"; done
    touch "$root/.complete"
fi

# --- the core ---

# A copy, so that no object file of one processor lies in the way of another's. Time stamps are kept: what has
# not changed since the last run is not compiled again.
rm -rf "$lib/revocation" "$lib/tests"
mkdir -p "$lib"
tar -cf - --exclude='*.so' --exclude=__pycache__ revocation tests setup.py pyproject.toml README.md |
    tar -xf - -C "$lib"

# Debian's own way of cross building: distutils takes compiler, flags and file names from the build variables of
# the Python for aarch64. So setup.py itself says what is built, and with which flags of ours. They lie alone in
# a folder, because nothing else of that standard library may come before this Python's.
mkdir -p "$folder/variables"
cp "$root/usr/lib/python3.11/_sysconfigdata__$triplet.py" "$folder/variables/"
builder=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")
(
    cd "$lib"
    # The compiler's name carries its headers' place, which thereby comes before this machine's own headers.
    env PYTHONPATH="$folder/variables" _PYTHON_SYSCONFIGDATA_NAME="_sysconfigdata__$triplet" \
        _PYTHON_HOST_PLATFORM=linux-aarch64 \
        CC="$triplet-gcc -I$root/usr/include/python3.11 -I$root/usr/include" \
        "$builder" setup.py -q build_ext --inplace
)
find "$lib/revocation" -name '*.pyx' | while read -r source; do
    module=${source%.pyx}.cpython-311-$triplet.so
    test -f "$module" || stop "$source was not compiled"
    "$triplet-readelf" -h "$module" | grep -q 'Machine: *AArch64' || stop "$module is not for aarch64"
done
count=$(find "$lib/revocation" -name '*.pyx' | wc -l)
echo "check-aarch64: $count modules built by gcc $("$triplet-gcc" -dumpfullversion)"

# --- what the tests import: the versions of the lock file, by its hashes ---

names="aiohappyeyeballs aiohttp aiosignal annotated-types asn1crypto attrs cffi cryptography cryptography-vectors
frozenlist hypothesis idna iniconfig isal multidict orjson packaging pluggy propcache pycparser pydantic
pydantic-core pygments pytest pytest-asyncio pytest-timeout sortedcontainers stamina tenacity
typing-extensions typing-inspection yarl"
echo "$names" | tr ' ' '\n' | awk '
    NR == FNR { wanted[$1]; next }
    /^[^ #]/ { split($1, pin, "=="); on = pin[1] in wanted; delete wanted[pin[1]] }
    on
    END { for (name in wanted) { print "not in the lock file: " name > "/dev/stderr"; lacking = 1 } exit lacking }
' - requirements-test.lock >"$folder/requirements.new"
if ! cmp -s "$folder/requirements.new" "$folder/requirements.txt"; then
    rm -rf "$wheels" "$site"
    "$python" -m pip --disable-pip-version-check --quiet download --no-deps --require-hashes \
        --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 --abi abi3 --abi none \
        --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 \
        --dest "$wheels" --requirement "$folder/requirements.new"
    for wheel in "$wheels"/*.whl; do "$python" -m zipfile -e "$wheel" "$site"; done
    mv "$folder/requirements.new" "$folder/requirements.txt"
fi

# --- the tests ---

# A Python that starts itself again the same way, without binfmt_misc: its own name, which sys.executable repeats
# to tests that start children, is this script's.
cat >"$folder/python" <<EOF
#!/bin/sh
PYTHONHOME='$root/usr' exec qemu-aarch64-static -L '$root' -0 "\$0" '$root/usr/bin/python3.11' "\$@"
EOF
chmod +x "$folder/python"

cd "$lib"
set -- tests/revocation/test_same_octets.py
for test in tests/revocation/test_walk_*.py tests/revocation/test_decode*.py tests/revocation/test_table_*.py \
    tests/revocation/test_check_*.py tests/revocation/test_changed_entries.py tests/revocation/test_harvest.py \
    tests/revocation/test_batch_lines.py \
    tests/revocation/test_der.py tests/revocation/test_opened.py \
    tests/revocation/test_index.py tests/revocation/test_build_oracle.py \
    tests/revocation/test_format.py tests/revocation/test_list_digest.py tests/revocation/test_crl_vectors.py; do
    test -f "$test" || stop "no $test"
    set -- "$@" "$test"
done
# Its measure, the peak of the process, has the emulator's own memory in it, which grows by some 60 MB meanwhile
# (RssAnon); what is mapped of the list (RssFile) stays within a few windows here as elsewhere.
set -- "$@" --deselect tests/revocation/test_decode_large.py::test_t18_a_mapped_list_is_not_kept_in_memory
# Time says nothing under emulation: hypothesis' profile "ci" has no deadlines, and no chance; pytest no limit.
# User packages would be this machine's.
# shellcheck disable=SC2086  # PYTEST_ARGS are words
exec env PYTHONPATH="$site" PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 "$folder/python" -m pytest -q \
    -m "not slow" --confcutdir=tests/revocation --hypothesis-profile=ci --timeout=0 ${PYTEST_ARGS:-} "$@"
