"""What other ways to do it take, on the same list in the same run; none of these is a bar to pass.

Most need far more memory for each entry than we do, so they get few entries, and say how many.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asn1crypto.crl
import lmdb
import numpy as np

from benchmarks.ingest_figures import load_and_iterate
from benchmarks.materials import Materials, openssl_sha256
from benchmarks.search_figures import listed, table_of

_MOST: Final = 1_000_000
#: asn1crypto takes 68 us and 2.8 kB for each entry.
_MOST_ASN1CRYPTO: Final = 20_000
_LOOKUPS: Final = 100_000

Table = dict[bytes, tuple[int, int, int]]


def neighbours(materials: Materials, workload: str, entries: int) -> dict[str, dict[str, Any]]:
    """Name to what was done, with how many entries, and nanoseconds for each."""
    nights = materials.nights(workload, min(entries, _MOST))
    count = nights.entries
    few = materials.nights(workload, min(entries, _MOST_ASN1CRYPTO))
    table = table_of(listed(nights))
    rng = random.Random(nights.workload.seed)
    serials = rng.choices(list(table), k=min(_LOOKUPS, count))
    found: dict[str, dict[str, Any]] = {}

    def row(name: str, what: str, number: int, task: Callable[[], object]) -> None:
        began = time.perf_counter()
        task()
        seconds = time.perf_counter() - began
        found[name] = {"what": what, "entries": count, "ns": round(seconds / number * 1e9, 2)}

    nights.dawn()
    row("ingest", "ours: the whole night, every check on", count, nights.ingest)
    row("openssl_sha256", "openssl dgst -sha256 FILE", count, lambda: openssl_sha256(nights.files))
    row("cryptography", "load, then serial, date, reason", count, lambda: load_and_iterate(nights.files))
    row(
        "asn1crypto",
        "the same",
        few.entries,
        lambda: _load_and_iterate_asn1crypto(few.files[0]),
    )
    found["asn1crypto"]["entries"] = few.entries
    index = nights.index()
    row("index_get", "ours: one look-up", len(serials), lambda: [index.get(serial) for serial in serials])
    row("dict_get", "one look-up", len(serials), lambda: [table.get(serial) for serial in serials])
    _sqlite(materials.folder / "neighbour.sqlite", table, serials, row)
    _lmdb(materials.folder / "neighbour.lmdb", table, serials, row)
    source = np.ones(9 * entries, dtype=np.uint8)
    target = np.zeros_like(source)
    row("memcpy", "9 octets copied within memory", entries, lambda: np.copyto(target, source))
    found["memcpy"]["entries"] = entries
    return found


def _load_and_iterate_asn1crypto(file: Path) -> int:
    loaded = asn1crypto.crl.CertificateList.load(file.read_bytes())
    count = 0
    for entry in loaded["tbs_cert_list"]["revoked_certificates"]:
        _ = entry["user_certificate"].native, entry["revocation_date"].native, entry.crl_reason_value
        count += 1
    return count


Row = Callable[[str, str, int, Callable[[], object]], None]


def _sqlite(file: Path, table: Table, serials: list[bytes], row: Row) -> None:
    rows = sorted((serial, *rest) for serial, rest in table.items())
    base = sqlite3.connect(file)
    base.execute("PRAGMA synchronous = OFF")
    base.execute(
        "CREATE TABLE entry (serial BLOB PRIMARY KEY, date INTEGER, reason INTEGER, partition INTEGER) "
        "WITHOUT ROWID"
    )

    def fill() -> None:
        base.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", rows)
        base.commit()

    def get() -> None:
        query = "SELECT date, reason, partition FROM entry WHERE serial = ?"
        for serial in serials:
            base.execute(query, (serial,)).fetchone()

    row("sqlite_fill", "executemany of sorted rows, not synchronised", len(rows), fill)
    row("sqlite_get", "one look-up", len(serials), get)
    base.close()


def _lmdb(folder: Path, table: Table, serials: list[bytes], row: Row) -> None:
    rows = sorted(
        (serial, date.to_bytes(8, "little") + bytes((reason, partition)))
        for serial, (date, reason, partition) in table.items()
    )
    with lmdb.open(str(folder), map_size=1 << 32, sync=False) as environment:

        def fill() -> None:
            with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
                cursor.putmulti(rows, append=True)

        def get() -> None:
            with environment.begin(buffers=True) as transaction:
                for serial in serials:
                    transaction.get(serial)

        row("lmdb_fill", "putmulti of sorted rows, not synchronised", len(rows), fill)
        row("lmdb_get", "one look-up", len(serials), get)
