"""Large lists: hashed beside the walk, in constant memory, past 4 GiB, and left at once when refused."""

from __future__ import annotations

import hashlib
import mmap
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from revocation.crl._walk import EntryWalk, PackedRecords
from revocation.crl.beside import SignedPartHashes
from revocation.crl.decode import decode_certificate_list
from revocation.crl.digest import list_digest
from revocation.errors import InputRefused, OwnFault
from tests import pki
from tests.pki import T0, der_int, der_time, entry, extension, name, seq, tlv
from tests.revocation.decoding import offset_of, quick_signer, refusal

_WRONG = entry(5, b"\x17\x0d261120000060Z")
_SHA512_RSA = pki.ALGORITHMS["sha512WithRSAEncryption"]


class Counting:
    """A sink that keeps nothing but the number; 4,096 entries at a time.

    Contract: what a real sink keeps of them is not looked at here.
    """

    def __init__(self) -> None:
        self.count = 0

    def fill(self, walk: EntryWalk, limit: int) -> bool:
        taken = PackedRecords()
        more = taken.fill(walk, min(limit, 4096))
        self.count += taken.count
        return more


@pytest.fixture(scope="module")
def tile() -> bytes:
    """20,000 entries, 0.7 MB."""
    return b"".join(entry(0x1000000 + n, T0 + timedelta(seconds=n), n % 7) for n in range(20_000))


@pytest.fixture(scope="module")
def large(tile: bytes) -> bytes:
    """400,000 entries, 14 MB: several windows of hash and walk."""
    return pki.build_crl(quick_signer(), entries=[tile] * 20)


@pytest.fixture
def mapped(large: bytes, tmp_path: Path) -> Iterator[mmap.mmap]:
    """The large list as the night has it."""
    path = tmp_path / "large.crl"
    path.write_bytes(large)
    with path.open("rb") as file:
        yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def test_a_large_list_has_the_hashes_of_its_octets(large: bytes, mapped: mmap.mmap) -> None:
    """Hashed in windows beside the walk, from memory and from a file: what hashlib says of the whole."""
    tbs = decode_certificate_list(large).tbs
    signed = hashlib.sha256(tbs).digest()
    after = large[large.index(bytes(tbs[-40:])) + 40 :]
    for buffer in (large, mapped, bytearray(large)):
        found = decode_certificate_list(buffer)
        assert found.tbs_digests == {"sha256": signed}
        assert found.sha256 == hashlib.sha256(signed + after).digest() == list_digest(buffer)
        assert found.entries.count == 400_000
        assert found.tbs == tbs


def test_the_hash_of_the_signature_is_taken_in_the_same_pass(tile: bytes) -> None:
    """SHA-512 beside SHA-256 where the algorithm says so; for an unknown one SHA-256 alone."""
    for size in (1, 4):
        der = pki.build_crl(quick_signer(), entries=[tile] * size, inner_algorithm=_SHA512_RSA)
        found = decode_certificate_list(der)
        assert found.tbs_digests == {n: hashlib.new(n, found.tbs).digest() for n in ("sha256", "sha512")}
    unknown = decode_certificate_list(
        pki.build_crl(quick_signer(), inner_algorithm=seq(pki.der_oid("1.2.3")))
    )
    assert set(unknown.tbs_digests) == {"sha256"}


def test_a_sink_takes_the_entries_and_progress_is_told(mapped: mmap.mmap, tile: bytes) -> None:
    """``entries`` is the sink; progress never goes back, and ends at the last octet, also of a small list."""
    told: list[tuple[int, int]] = []
    sink = Counting()
    found = decode_certificate_list(
        mapped, sink=sink, progress=lambda done, total: told.append((done, total))
    )
    assert found.entries is sink
    assert sink.count == 400_000
    assert told == sorted(told)
    assert len(told) > 50
    assert {total for _, total in told} == {len(mapped)}
    assert told[-1] == (len(mapped), len(mapped))
    small = pki.build_crl(quick_signer(), entries=[entry(1)])
    told.clear()
    assert decode_certificate_list(small, progress=lambda *at: told.append(at)).entries.count == 1
    assert told == [(len(small), len(small))]


def test_a_sink_that_leaves_entries_is_our_fault(large: bytes) -> None:
    """No entry is ever lost: who says he is through and is not, is stopped."""

    class Lazy(Counting):
        def fill(self, walk: EntryWalk, limit: int) -> bool:
            super().fill(walk, limit)
            return False

    with pytest.raises(OwnFault) as caught:
        decode_certificate_list(large, sink=Lazy())
    assert caught.value.code == "ENTRIES_LEFT_OVER"


def hashing() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "list hash"]


def test_t16_a_refusal_stops_the_hash(tile: bytes) -> None:
    """The first entry is wrong: no thread reads on behind the refusal, whatever comes after it."""
    der = pki.build_crl(quick_signer(), entries=[_WRONG, *[tile] * 20])
    assert refusal(der).code == "DER_TIME"
    assert hashing() == []
    octets = memoryview(bytes(256 * 1024 * 1024))
    with SignedPartHashes(octets, octets, 0, len(octets), ["sha256"]) as hashes:
        assert len(hashing()) == 1
    assert hashing() == []
    assert hashes.at < len(octets)


def test_without_threads_the_hash_is_the_same(large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process at its limit of threads hashes after the walk."""
    expected = decode_certificate_list(large).sha256

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert decode_certificate_list(large).sha256 == expected


def test_what_fails_in_the_other_thread_is_raised(large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that came to nothing is no hash: the list is not decoded."""

    def failing(*_: object) -> Iterator[Any]:
        raise MemoryError("no window")
        yield

    monkeypatch.setattr("revocation.crl.beside.windows", failing)
    with pytest.raises(MemoryError, match="no window"):
        decode_certificate_list(large)
    assert hashing() == []


def test_memory_that_is_no_file_is_not_given_back(large: bytes, tmp_path: Path) -> None:
    """Anonymous memory, and a file's map with changes of our own: dropping pages would lose the octets."""
    anonymous = mmap.mmap(-1, len(large))
    anonymous[:] = large
    path = tmp_path / "changed.crl"
    path.write_bytes(bytes(len(large)))
    with path.open("r+b") as file:
        private = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    private[:] = large
    for buffer in (anonymous, private):
        assert decode_certificate_list(buffer).sha256 == list_digest(large)
        assert buffer[:] == large


_CHILD = """
import mmap, sys
from revocation.crl.decode import decode_certificate_list
from revocation.crl.digest import list_digest
from tests.revocation.test_decode_large import Counting

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

before = peak()
with open(sys.argv[1], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
found = decode_certificate_list(mapped, sink=Counting())
assert found.sha256 == list_digest(mapped)
print(found.entries.count, peak() - before)
"""


def test_t18_a_mapped_list_is_not_kept_in_memory(tile: bytes, tmp_path: Path) -> None:
    """73 MB, decoded and hashed in a process of its own: its peak grows by a few windows, not by the list."""
    path = tmp_path / "list.crl"
    path.write_bytes(pki.build_crl(quick_signer(), entries=[tile] * 100))
    assert path.stat().st_size > 70_000_000
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
        timeout=120,
    )
    count, grown = map(int, done.stdout.split())
    assert count == 2_000_000
    assert grown < 24_000_000


# --- item 74: past 2 and 4 GiB -----------------------------------------------------------------------------


def header(tag: int, size: int) -> bytes:
    octets = size.to_bytes(8, "big").lstrip(b"\x00")
    return bytes([tag, 0x80 | len(octets)]) + octets


def sparse_list(path: Path, hole: int, *behind: bytes) -> int:
    """A list whose first entry has an unknown extension of so many zeros, which no disk holds; its size."""
    oid = pki.der_oid("1.2.3.4")
    first = der_int(1) + der_time(T0)
    rest = b"".join(behind)
    wrapped = b""
    inside = hole
    # From the inside out: each header in front of what it holds.
    for tag, before in ((0x04, oid), (0x30, b""), (0x30, first), (0x30, b"")):
        head = header(tag, inside)
        wrapped = before + head + wrapped
        inside += len(before) + len(head)
    revoked = header(0x30, inside + len(rest)) + wrapped
    head_fields = der_int(1) + _SHA512_RSA + name(*pki.SIGN_DN) + der_time(T0)
    tail = tlv(0xA0, seq(extension("2.5.29.20", der_int(1))))
    tbs_size = len(head_fields) + len(revoked) + hole + len(rest) + len(tail)
    tbs = header(0x30, tbs_size) + head_fields + revoked
    signature = _SHA512_RSA + tlv(0x03, bytes(65))
    with path.open("wb") as file:
        file.write(header(0x30, len(tbs) + hole + len(rest) + len(tail) + len(signature)) + tbs)
        file.seek(hole, 1)
        file.write(rest + tail + signature)
        return file.tell()


@pytest.mark.parametrize("gibibytes", [2, 4, 15])
def test_item_74_a_wrong_entry_behind_many_gibibytes(tmp_path: Path, gibibytes: int) -> None:
    """The offset in the refusal is right past 2 GiB and 4 GiB, and the hash of them is not waited for."""
    path = tmp_path / "sparse.crl"
    size = sparse_list(path, gibibytes << 30, entry(2), _WRONG, entry(3))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    error = refusal(mapped)
    assert error.code == "DER_TIME"
    # Behind it: the last entry, the extensions, algorithm and signature.
    offset = offset_of(error)
    assert (gibibytes << 30) < offset < size
    assert mapped[offset - 5 : offset + 15] == _WRONG
    assert hashing() == []


def test_item_74_more_than_16_gibibytes_are_refused_unread(tmp_path: Path) -> None:
    """A clean refusal by size, before anything of it is looked at."""
    path = tmp_path / "sparse.crl"
    with path.open("wb") as file:
        file.truncate((16 << 30) + 1)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert refusal(mapped).code == "TOO_LARGE"


@pytest.mark.slow
@pytest.mark.parametrize("octets", [(2 << 30) + 5, (4 << 30) + 5])
def test_item_74_a_list_of_many_gibibytes_is_read_whole(tmp_path: Path, octets: int) -> None:
    """Entries before and behind, the number, both hashes: as of any other list."""
    path = tmp_path / "sparse.crl"
    behind = [entry(n, T0, 3) for n in range(2, 1002)]
    size = sparse_list(path, octets, *behind)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    found = decode_certificate_list(mapped)
    assert (found.size, found.crl_number) == (size, 1)
    assert [int.from_bytes(e.serial, "big") for e in found.entries] == list(range(1, 1002))
    digest = hashlib.sha512()
    for at in range(0, len(found.tbs), 1 << 24):
        digest.update(found.tbs[at : at + (1 << 24)])
    assert found.tbs_digests["sha512"] == digest.digest()
    assert found.sha256 == list_digest(mapped)


# --- what is not entries is small --------------------------------------------------------------------------


_MEBIBYTE = bytes(1024 * 1024)


@pytest.mark.parametrize(
    "forged",
    [
        {"dn": seq(_MEBIBYTE)},
        {"inner_algorithm": seq(pki.der_oid("1.2.3"), tlv(4, _MEBIBYTE))},
        {"outer_algorithm": seq(pki.der_oid("1.2.3"), tlv(4, _MEBIBYTE))},
        {"extra_extensions": [extension("1.2.3", _MEBIBYTE)]},
        {"aki": _MEBIBYTE},
    ],
)
def test_t16_fields_of_megabytes_are_not_copied(forged: dict[str, Any]) -> None:
    """Issuer, algorithms, extensions: over a mebibyte of one is no list, however many entries it has."""
    error = refusal(pki.build_crl(quick_signer(), **forged))
    assert error.code == "DER_SIZE"
    offset_of(error)


def test_t16_a_signature_of_megabytes(large: bytes) -> None:
    """It counts as a field too, however large the list is."""
    tbs = bytes(decode_certificate_list(large).tbs)
    der = seq(tbs, _SHA512_RSA, tlv(0x03, b"\x00" + _MEBIBYTE))
    with pytest.raises(InputRefused, match="DER_SIZE"):
        decode_certificate_list(der)
