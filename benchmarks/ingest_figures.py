"""The figures of a night: time against the hash and against cryptography, memory, size of the index."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509

from benchmarks.materials import Materials, openssl_sha256, openssl_sha256_on_one_core
from benchmarks.measuring import Figure, Pairs, in_turn, plain, ratio
from benchmarks.nights import Nights

#: What every process of ours may hold before entries count.
_ALLOWANCE: Final = 64_000_000


def ingest_steady(materials: Materials, workload: str, entries: int) -> Figure:
    """Night after night in one process that holds the set of the day before."""
    nights = materials.nights(workload, entries)
    return ratio(in_turn(_nightly(nights), materials.pairs), entries, workload)


def _nightly(nights: Nights) -> Pairs:
    while True:
        nights.dawn()
        yield _ingest(nights), partial(openssl_sha256, nights.files)


def _ingest(nights: Nights) -> partial[None]:
    def ingest() -> None:
        nights.ingest()

    return partial(ingest)


def ingest_fresh(materials: Materials, workload: str, entries: int) -> Figure:
    """The first thing that a process does."""
    return ratio(materials.fresh(workload, entries).pairs, entries, workload)


def resident(materials: Materials, workload: str, entries: int) -> Figure:
    """(Peak resident memory of such a process - 64 MB) / entries; below 0 where it stays under 64 MB."""
    fresh = materials.fresh(workload, entries)
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


def ingest_speedup(materials: Materials, workload: str, entries: int) -> Figure:
    """How much sooner the whole night is done than cryptography has seen the entries."""
    nights = materials.nights(workload, entries)

    def pairs() -> Pairs:
        while True:
            nights.dawn()

            def neighbour() -> None:
                load_and_iterate(nights.files)

            yield _ingest(nights), neighbour

    return ratio(in_turn(pairs(), materials.pairs), entries, workload, higher_is_better=True)


def day_of_lists(materials: Materials, workload: str, entries: int) -> Figure:
    """All lists signed anew, 5 % of them changed: from the folder to the commit."""
    nights = materials.nights(workload, entries)

    def pairs() -> Pairs:
        while True:
            nights.dawn()
            yield _ingest(nights), partial(openssl_sha256_on_one_core, nights.files)

    return ratio(in_turn(pairs(), materials.pairs), entries, workload)
