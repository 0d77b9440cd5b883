"""The entries of a list: taken out of the walk by a sink, every one of them, in the list's order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from revocation.crl.pages import PagesBehind
from revocation.errors import OwnFault

try:
    from revocation.crl._walk import EntryWalk, PackedRecords
except ImportError as error:  # pragma: no cover - the build makes it
    raise ImportError(
        "the compiled core revocation.crl._walk is missing; build it: python setup.py build_ext --inplace"
    ) from error

__all__ = ["Counted", "Entries", "EntrySink", "EntryWalk", "RevokedCertificate", "take_entries"]

#: One entry: [0] serial length, [1:21] serial octets, [21] reason, [22] flags, [23] zero, [24:32] date.
RECORD_SIZE: Final = 32
#: Flag bit: the entry carries an invalidityDate.
FLAG_INVALIDITY_DATE: Final = 1
#: Flag bit: the entry carries a certificateIssuer, which holds for those after it too.
FLAG_CERTIFICATE_ISSUER: Final = 2
#: Entries between two looks at anything else: some milliseconds of work.
_ENTRIES_AT_ONCE: Final = 128 * 1024

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RevokedCertificate(NamedTuple):
    """One entry, for people and tests; the index works on the packed records."""

    serial: bytes
    revocation_date: datetime
    #: Raw reason code; 0xFF where the list gives none.
    reason: int
    has_invalidity_date: bool


@dataclass(frozen=True, slots=True, repr=False)
class Entries:
    """revokedCertificates, packed: ``count`` records of ``RECORD_SIZE`` octets, in the list's order."""

    count: int
    records: bytes

    def __repr__(self) -> str:
        return f"Entries(count={self.count})"

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[RevokedCertificate]:
        for at in range(0, self.count * RECORD_SIZE, RECORD_SIZE):
            record = self.records[at : at + RECORD_SIZE]
            seconds = int.from_bytes(record[24:32], "little", signed=True)
            yield RevokedCertificate(
                record[1 : 1 + record[0]],
                _EPOCH + timedelta(seconds=seconds),
                record[21],
                bool(record[22] & FLAG_INVALIDITY_DATE),
            )


class Counted(Protocol):
    """Where entries were put, at the least."""

    @property
    def count(self) -> int: ...


class EntrySink(Counted, Protocol):
    """Takes the entries out of the walk itself, through its C interface (``_walk.pxd``)."""

    def fill(self, walk: EntryWalk, limit: int) -> bool:
        """Take at most ``limit`` entries; True where more are to come. ``walk.refusal`` ends it too."""
        ...


def take_entries(
    walk: EntryWalk, sink: EntrySink | None, pages: PagesBehind, between: Callable[[], None]
) -> Counted:
    """Every entry given to the sink, or those before the refusal; without a sink, to packed records."""
    if sink is not None:
        _fill(walk, sink, pages, between)
        return sink
    packed = PackedRecords()
    _fill(walk, packed, pages, between)
    return Entries(packed.count, packed.take())


def _fill(walk: EntryWalk, sink: EntrySink, pages: PagesBehind, between: Callable[[], None]) -> None:
    while sink.fill(walk, _ENTRIES_AT_ONCE):
        pages.drop(walk.at)
        between()
    pages.drop(walk.at)
    if walk.refusal is None and walk.at != walk.end:
        # An entry lost here would later be answered as "good".
        raise OwnFault(
            "ENTRIES_LEFT_OVER",
            expected="a sink that takes the entries to their end",
            got=f"{walk.end - walk.at} octets of them left",
            remedy="report this as a bug",
        )
