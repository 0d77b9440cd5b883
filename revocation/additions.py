"""How many certificates are newly listed between two sets, by reason: counted, not found one by one.

Tens of millions perhaps, where there is no set before: counted where they lie, without an object for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from revocation.changes import check_order
from revocation.crl.pages import WINDOW_OCTETS, PagesBehind
from revocation.index._check import Check
from revocation.index.search import Index, added_by_reason
from revocation.reasons import reason_name
from revocation.snapshot.current import Snapshot


def additions_between(before: Snapshot | None, after: Snapshot) -> dict[str, int]:
    """By RFC 5280 reason name."""
    check_order(before, after)
    found = Counter[int]()
    for lineage in after.lineages():
        index = after.index(lineage)
        earlier = None if before is None else before.index(lineage)
        if index is None:
            continue
        if earlier is not None:
            found.update(added_by_reason(earlier, index))
        else:
            found.update(listed_by_reason(index))
            found.update(entry.reason for _, entry in index.gone_items())
    return named(found)


def named(found: Mapping[int, int]) -> dict[str, int]:
    """Counts by reason octet as counts by name: a code that RFC 5280 does not know counts as unspecified."""
    counts = Counter[str]()
    for reason, count in sorted(found.items()):
        counts[reason_name(reason)] += count
    return dict(counts)


def listed_by_reason(index: Index) -> Counter[int]:
    """Listed entries by reason octet: one more pass over the file, which stays out of memory."""
    check = Check(index.table, bytes([1]) * len(index.codes), index.entry_count)
    pages = PagesBehind(index.view.obj)
    for end in (*range(WINDOW_OCTETS, len(index.view), WINDOW_OCTETS), len(index.view)):
        check.advance(end)
        pages.drop(end)
    found = Counter[int]()
    for code, count in zip(index.codes, check.finish(), strict=True):
        if count:
            found[code.reason] += count
    return found
