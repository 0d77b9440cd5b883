"""The lists of one scope as one: a complete list as it stands, or brought up to date by its deltas.

What several lists say together is for ``revocation.checker.deltas`` to decide, serial by serial, as of one
moment. When one of them lapses that may change, so then it is done again (``changes_at``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from revocation.checker.deltas import said
from revocation.checker.lists import HeldList
from revocation.crl.entries import RECORD_SIZE, Entries
from revocation.errors import InputRefused
from revocation.reasons import CRLReason

#: A record begins with its serial's length and 20 octets for it; then comes the reason.
_KEY_OCTETS: Final = 21
_REASON_AT: Final = 21


@dataclass(frozen=True, slots=True)
class Merged:
    """A scope as one complete list (``snapshot.plan.ListFacts``)."""

    this_update: datetime
    next_update: datetime | None
    crl_number: int | None
    entries: Entries
    #: By whose number and window it holds.
    newest: HeldList
    #: Records of certificates of which nothing can be said: a list that has lapsed put them on hold, and the
    #: one that holds now does not know that. Not good, and not revoked.
    doubtful: bytes = b""
    #: When another merging may come out; None: never.
    changes_at: datetime | None = None


def merge(lists: Sequence[HeldList], issuer: bytes, at: datetime) -> Merged:
    """RFC 5280 sections 5.2.4, 6.3.3 (c), (h) to (k). ``issuer``: whose certificates are asked about (a DER
    Name). ``InputRefused`` where there is no complete list among them.
    """
    if len(lists) == 1 and not lists[0].is_delta:
        only = lists[0]
        return Merged(
            only.list.this_update,
            only.list.next_update,
            only.list.crl_number,
            _entries(only.records_of(issuer)),
            only,
        )
    whole = said(lists, lambda _: (), at)
    if whole is None:
        raise InputRefused(
            "DELTA_ALONE",
            expected="beside a delta list a complete list of its CA, key and scope (RFC 5280 section 5.2.4)",
            got="the delta alone",
            remedy="give the newest complete list with another --crl",
        )
    listed, doubtful = _judged(lists, issuer, at)
    lapses = [
        one.list.next_update
        for one in lists
        if one.list.next_update is not None and at < one.list.next_update
    ]
    newest = whole.by.list
    # As long as nothing of what it was made of lapses.
    holds_until = min(lapses) if whole.is_current and lapses else newest.next_update
    return Merged(
        newest.this_update,
        holds_until,
        newest.crl_number,
        _entries(listed),
        whole.by,
        doubtful,
        changes_at=min(lapses, default=None),
    )


def _judged(lists: Sequence[HeldList], issuer: bytes, at: datetime) -> tuple[bytes, bytes]:
    """(records of what is listed, records of what is in doubt)."""
    records = [one.records_of(issuer) for one in lists]
    complete = [place for place, one in enumerate(lists) if not one.is_delta]
    listed, doubtful = bytearray(), bytearray()
    if len(complete) == 1:
        # What no delta speaks of is as the one complete list has it: of millions of entries a few are asked.
        changed = {key for place, each in enumerate(records) if place != complete[0] for key in _keys(each)}
        unchanged, records[complete[0]] = _apart(records[complete[0]], changed)
        listed += unchanged
    tables = {id(one): _by_key(each) for one, each in zip(lists, records, strict=True)}
    for key in {key for table in tables.values() for key in table}:

        def reasons(one: HeldList, key: bytes = key) -> list[int]:
            return [record[_REASON_AT] for record in tables[id(one)].get(key, ())]

        answer = said(lists, reasons, at)
        if answer is None or answer.reason is None:
            continue
        record = min(
            (
                record
                for table in tables.values()
                for record in table.get(key, ())
                if record[_REASON_AT] == answer.reason
            ),
            key=_date,
        )
        lapsed_hold = answer.reason == CRLReason.certificate_hold and not answer.by.is_current(at)
        (doubtful if answer.is_current and lapsed_hold else listed).extend(record)
    return bytes(listed), bytes(doubtful)


def _keys(records: bytes) -> Iterator[bytes]:
    """The serial of each record, with its length before it."""
    return (records[at : at + _KEY_OCTETS] for at in range(0, len(records), RECORD_SIZE))


def _apart(records: bytes, keys: Set[bytes]) -> tuple[bytes, bytes]:
    """(records of other serials, records of these)."""
    found = [at * RECORD_SIZE for at, key in enumerate(_keys(records)) if key in keys]
    others, begin = bytearray(), 0
    for at in found:
        others += records[begin:at]
        begin = at + RECORD_SIZE
    others += records[begin:]
    return bytes(others), b"".join(records[at : at + RECORD_SIZE] for at in found)


def _by_key(records: bytes) -> dict[bytes, list[bytes]]:
    table: dict[bytes, list[bytes]] = {}
    for place, key in enumerate(_keys(records)):
        at = place * RECORD_SIZE
        table.setdefault(key, []).append(records[at : at + RECORD_SIZE])
    return table


def _date(record: bytes) -> int:
    return int.from_bytes(record[24:32], "little", signed=True)


def _entries(records: bytes) -> Entries:
    return Entries(len(records) // RECORD_SIZE, records)
