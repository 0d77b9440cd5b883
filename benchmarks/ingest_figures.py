"""The figures of a night: time against the hash and against cryptography, memory, size of the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509

from benchmarks.materials import Materials, openssl_sha256, openssl_sha256_on_one_core
from benchmarks.measuring import Figure, Pairs, in_turn, plain, ratio

#: What every process of ours may hold before entries count.
_ALLOWANCE: Final = 64_000_000


def ingest_steady(materials: Materials, workload: str, entries: int, *, whole: bool = False) -> Figure:
    """Night after night in one process that holds the set of the day before.

    ``whole``: no list is familiar, each is read from its first entry to its last, as on a first night.
    """
    return _nightly(materials, workload, entries, openssl_sha256, whole=whole)


def _nightly(
    materials: Materials,
    workload: str,
    entries: int,
    neighbour: Callable[[Sequence[Path]], None],
    *,
    whole: bool,
    higher_is_better: bool = False,
) -> Figure:
    nights = materials.nights(workload, entries)

    def ours() -> None:
        nights.ingest()

    def pairs() -> Pairs:
        while True:
            nights.dawn()
            if whole:
                nights.forget_lists()
            yield ours, partial(neighbour, nights.files)

    taken = in_turn(pairs(), materials.pairs)
    return ratio(taken, entries, workload, higher_is_better=higher_is_better)


def ingest_fresh(materials: Materials, workload: str, entries: int, *, whole: bool = False) -> Figure:
    """The first thing that a process does."""
    return ratio(materials.fresh(workload, entries, whole=whole).pairs, entries, workload)


def resident(materials: Materials, workload: str, entries: int) -> Figure:
    """(Peak resident memory of such a process - 64 MB) / entries; below 0 where it stays under 64 MB.

    Of the night that needs most: every list is read whole.
    """
    fresh = materials.fresh(workload, entries, whole=True)
    return plain([(peak - _ALLOWANCE) / fresh.entries for peak in fresh.peak_octets], entries, workload)


def index_size(materials: Materials, workload: str, entries: int) -> Figure:
    """Octets of the published index / entries."""
    nights = materials.nights(workload, entries)
    index = nights.index()
    return plain([nights.index_octets() / index.entry_count], entries, workload)


def load_and_iterate(files: Sequence[Path]) -> int:
    """Serial, date and reason of every entry, as a program on cryptography reads them."""
    count = 0
    for file in files:
        for entry in x509.load_der_x509_crl(file.read_bytes()):
            _ = entry.serial_number, entry.revocation_date_utc
            for extension in entry.extensions:
                if isinstance(extension.value, x509.CRLReason):
                    _ = extension.value.reason
            count += 1
    return count


def ingest_speedup(materials: Materials, workload: str, entries: int, *, whole: bool = False) -> Figure:
    """How much sooner the whole night is done than cryptography has seen the entries."""

    def neighbour(files: Sequence[Path]) -> None:
        load_and_iterate(files)

    return _nightly(materials, workload, entries, neighbour, whole=whole, higher_is_better=True)


def day_of_lists(materials: Materials, workload: str, entries: int, *, whole: bool = False) -> Figure:
    """All lists signed anew, 5 % of them changed: from the folder to the commit."""
    return _nightly(materials, workload, entries, openssl_sha256_on_one_core, whole=whole)
