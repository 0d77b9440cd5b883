"""The lists of each day, written and signed: bounded memory, and hashed in a thread beside the writing."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.columns import (
    I64,
    MOST_ENTRIES,
    U64,
    Columns,
    Stretch,
    columns_of,
    leaving,
    traits,
)
from benchmarks.encoding import Encoder, head, sizes_of
from benchmarks.issuer import DAY, START, Issuer
from benchmarks.workload import Workload

_CHUNK: Final = 1 << 16
#: So many files are synchronised one by one; above it is cheaper to wait for all that is going on.
_FEW: Final = 64
#: Octets that are hashed sooner than another thread has them.
_SMALL: Final = 1 << 19
_DAY_SECONDS: Final = int(DAY.total_seconds())
_START_SECONDS: Final = int(START.timestamp())
_ENCODER: Final = Encoder()
_HASHER: Final = ThreadPoolExecutor(1, thread_name_prefix="hasher")


class Calendar:
    """Which entries each list has on each day; knows nothing of octets."""

    def __init__(self, workload: Workload, entries: int) -> None:
        self.workload: Final = workload.scaled(entries)
        self.entries: Final = entries
        rng = random.Random(self.workload.seed)
        count = self.workload.lists
        weights = [rng.lognormvariate(0, self.workload.list_size_sigma) for _ in range(count)]
        bounds = [0]
        total, so_far = sum(weights), 0.0
        for weight in weights:
            so_far += weight
            bounds.append(round(entries * so_far / total))
        span = self.workload.span_days * _DAY_SECONDS
        self._first: Final = [
            Stretch(start, end - start, _START_SECONDS - span, span) for start, end in pairwise(bounds)
        ]
        self._changing: Final = max(1, round(count * self.workload.lists_changed_per_day))
        self._joining: Final = max(self._changing, round(entries * self.workload.joining_per_day))
        self._changes: Final[list[list[int]]] = [[]]

    def changed(self, day: int) -> list[int]:
        """Numbers of the lists whose entries differ from those of the day before."""
        while len(self._changes) <= day:
            rng = random.Random(self.workload.seed + len(self._changes))
            self._changes.append(sorted(rng.sample(range(1, self.workload.lists + 1), self._changing)))
        return self._changes[day]

    def joined(self, number: int, day: int) -> list[Stretch]:
        """What a list has gained by that day."""
        found = []
        for earlier in range(1, day + 1):
            numbers = self.changed(earlier)
            if number in numbers:
                each, more = divmod(self._joining, len(numbers))
                at = numbers.index(number)
                start = self.entries + (earlier - 1) * self._joining + at * each + min(at, more)
                since = _START_SECONDS + (earlier - 1) * _DAY_SECONDS
                found.append(Stretch(start, each + (at < more), since, _DAY_SECONDS))
        return found

    def chunks(self, number: int, day: int) -> Iterator[tuple[U64, I64]]:
        """Numbers and dates of a list's entries on that day, some ten thousand at a time, in its order."""
        changes = [earlier for earlier in range(1, day + 1) if number in self.changed(earlier)]
        for place, stretch in enumerate([self._first[number - 1], *self.joined(number, day)]):
            for at in range(0, stretch.count, _CHUNK):
                within = np.arange(at, min(at + _CHUNK, stretch.count), dtype=np.int64)
                dates = stretch.since + within * stretch.span // stretch.count
                numbers = (within + stretch.start).astype(np.uint64)
                if place == 0 and changes:
                    stays = ~leaving(self.workload, numbers, changes[-1])
                    numbers, dates = numbers[stays], dates[stays]
                yield numbers, dates

    def columns(self, number: int, day: int) -> Iterator[Columns]:
        """The same with everything about them."""
        for numbers, dates in self.chunks(number, day):
            yield columns_of(self.workload, numbers, dates)

    def count(self, day: int) -> int:
        """Entries of all lists of that day."""
        return sum(
            len(numbers) for n in range(1, self.workload.lists + 1) for numbers, _ in self.chunks(n, day)
        )

    def unlisted(self, since: int, count: int) -> U64:
        """Numbers of entries that no list of the first thousand days has."""
        first = self.entries + 1000 * self._joining + since
        if first + count > MOST_ENTRIES:
            raise ValueError(f"expected entries up to {MOST_ENTRIES}, got {first + count}")
        return np.arange(first, first + count, dtype=np.uint64)


def write_list(issuer: Issuer, calendar: Calendar, number: int, day: int, file: Path) -> int:
    """The signed list of a partition and day (RFC 5280 section 5.1); how many entries it has.

    Written under another name and renamed, with mode 0444: whoever finds it may link it.
    """
    # The length stands in front of the entries and in what is hashed first, so sizes are summed up before.
    size = count = 0
    for numbers, _ in calendar.chunks(number, day):
        size += int(sizes_of(*traits(calendar.workload, numbers)).sum())
        count += len(numbers)
    after = issuer.after_entries(day, number)
    before = issuer.before_entries(day, size, len(after))
    signed_size = len(before) + size + len(after)
    # That of an elliptic curve may turn out an octet or two shorter.
    outside = issuer.most_signature_octets
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.unlink(missing_ok=True)
    with temporary.open("xb") as opened:
        while True:
            start = head(0x30, signed_size + outside)
            opened.seek(0)
            opened.write(start)
            digest = _write_signed(opened.write, before, calendar.columns(number, day), after)
            signature = issuer.signature(digest)
            outside = len(signature)
            if len(head(0x30, signed_size + outside)) == len(start):
                break
        opened.write(signature)
        opened.truncate()
        opened.seek(0)
        opened.write(head(0x30, signed_size + outside))
    temporary.chmod(0o444)
    temporary.rename(file)
    return count


def _write_signed(
    write: Callable[[bytes | memoryview], object], before: bytes, chunks: Iterator[Columns], after: bytes
) -> bytes:
    """Write the signed part; its SHA-256, made in a second thread, at most one chunk behind."""
    digest = hashlib.sha256(before)
    write(before)
    pending: Future[None] | None = None
    for columns in chunks:
        content = _ENCODER.encode(columns)
        if pending is not None:
            pending.result()
            pending = None
        if len(content) < _SMALL:
            digest.update(content)
        else:
            pending = _HASHER.submit(digest.update, content)
        write(content)
    if pending is not None:
        pending.result()
    digest.update(after)
    write(after)
    return digest.digest()


def write_day(issuer: Issuer, calendar: Calendar, day: int, folder: Path) -> tuple[list[Path], int]:
    """All lists of a day, NUMBER.crl each, durable; the files in order of their numbers, and all entries."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    entries = 0
    for number in range(1, calendar.workload.lists + 1):
        file = folder / f"{number:05}.crl"
        entries += write_list(issuer, calendar, number, day, file)
        files.append(file)
    _settle(files)
    return files, entries


def _settle(files: list[Path]) -> None:
    """What we still have to write back must not be waited for by whoever is measured."""
    if len(files) > _FEW:
        os.sync()
        return
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
