"""Does the snapshot folder hold what was published? If not, nothing is published until somebody says so.

A folder that was lost, or restored from an older backup, has forgotten revocations, and certificates that
had left their lists: a set built upon it could say GOOD of them. So the night is refused, and what runs goes
on. Where the folder cannot be restored, an operator records that the sets are lost; then a new set is
numbered above all that were ever published, every list is taken anew, and detection compares it whole.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from platform_api import high_water_store as rows
from platform_api.changes import store as feed
from platform_api.db.transactions import detector
from platform_api.faults import SetupRefused
from revocation.snapshot.durable import disk_errors

if TYPE_CHECKING:
    from platform_api.db.transactions import Pool
    from platform_api.high_water import Remembered
    from platform_api.high_water_store import PublishedRow
    from revocation.clock import Clock
    from revocation.snapshot.store import SnapshotStore

_REMEDY: Final = (
    "restore the folder snapshots/ from its newest backup; if there is none: "
    "jpki nightly --rebuild-lost-sets --by NAME"
)


def missing_sets(store: SnapshotStore, known: PublishedRow | None, used: int = 0) -> SetupRefused | None:
    """Why nothing may be built upon this folder; None when it holds what the database knows, and what it
    only used (``Remembered.used``): a number below that would be given a second time. Blocking.
    """
    reached = store.reached()
    greatest = _greatest(known, used)
    if reached.seq < greatest:
        return SetupRefused(
            "SNAPSHOTS_BEHIND",
            expected=f"set {greatest} or a later one in the folder snapshots/",
            got=f"set {reached.seq}" if reached.seq else "none",
            remedy=_REMEDY,
        )
    if known is None:
        return None
    if reached.manifest_sha256 is None:
        return None  # CURRENT is damaged: whatever is built now takes every list anew (``newest_good``)
    chain = dict(store.chain()) | {reached.seq: reached.manifest_sha256}
    # A known set that is not in the chain was built around because it was damaged; that is no other past.
    if chain.get(known.set_seq, known.manifest_sha256) != known.manifest_sha256:
        return SetupRefused(
            "SNAPSHOTS_FORKED",
            expected=f"the set {known.set_seq} that was published, in the folder snapshots/",
            got="another set under its number",
            remedy=_REMEDY,
        )
    return None


def _greatest(known: PublishedRow | None, used: int) -> int:
    return used if known is None else max(known.set_seq, used)


async def settle(
    pool: Pool, store: SnapshotStore, remembered: Remembered, clock: Clock, *, rebuild_by: str | None = None
) -> int:
    """The number that the next set has at least: 0 where nothing is lost. Raises ``SetupRefused`` where
    something is and nobody recorded it, or where somebody did and nothing is.
    """
    known = remembered.published
    known_seq = _greatest(known, remembered.used)
    # A disk that fails is not the database: the night must not take it for one that is away.
    with disk_errors("SNAPSHOTS_UNREADABLE", "the snapshot folder"):
        refusal = await asyncio.to_thread(missing_sets, store, known, remembered.used)
        reached = await asyncio.to_thread(store.reached)
        sequences = await asyncio.to_thread(store.sequences)
    act = remembered.act
    learnt = 0 if known is None else known.set_seq
    if act is not None and learnt < act.at_least and max(act.at_least, remembered.used) <= reached.seq:
        refusal = None  # the set that this act allowed is there; the night was cut off before it was known
    if refusal is None:
        first = min(sequences, default=0)
        return await _nothing_lost(pool, remembered, clock, reached.seq, first, rebuild_by)
    above = max(known_seq, reached.seq) + 1
    if act is not None and act.at_least >= above:
        return act.at_least  # recorded by a night that did not get to its publish
    if rebuild_by is None:
        raise refusal
    async with detector(pool) as connection:
        # A number given twice would hide the new set from who was checked on the lost one.
        known_seq = max(known_seq, await rows.greatest_told(connection))
        act = await rows.record_act(
            connection,
            known_seq=known_seq,
            found_seq=reached.seq,
            at_least=max(known_seq, reached.seq) + 1,
            by=rebuild_by,
            now=clock.now(),
        )
    return act.at_least


async def _nothing_lost(
    pool: Pool,
    remembered: Remembered,
    clock: Clock,
    reached_seq: int,
    first: int,
    rebuild_by: str | None,
) -> int:
    """The folder holds what was published. It may still lack what detection would compare with."""
    act = remembered.act
    async with detector(pool) as connection:
        if act is not None and act.at_least <= reached_seq:
            return 0  # the new set is there; detection works the act off
        if act is not None:
            # The folder was found again after somebody had given it up: nothing needs to be compared whole.
            await rows.close_acts(connection, reached_seq)
        if rebuild_by is None:
            return 0
        at = await feed.cursor(connection)
        if not (0 < at < first):
            raise SetupRefused(
                "SETS_NOT_LOST",
                expected="a snapshot folder in which published sets are missing",
                got="one that has them",
                remedy="run jpki nightly without --rebuild-lost-sets",
            )
        await rows.record_act(
            connection,
            known_seq=at,
            found_seq=reached_seq,
            at_least=first,  # nothing is built anew; the oldest set there is above those that are missing
            by=rebuild_by,
            now=clock.now(),
        )
    return 0
