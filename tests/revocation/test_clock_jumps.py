"""T28: the time of day jumps during a cycle. Waits are durations, and what is published stays."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from revocation.errors import OutsideFailed
from revocation.index.layout import ListPresence
from revocation.ingest import Outcome
from revocation.rounds import Patience
from tests.pki import T0, entry
from tests.revocation.nights import DAY, Hours, Night, thread

HOUR = timedelta(hours=1)


async def test_a_clock_behind_the_lists(night: Night) -> None:
    """T06, T28: all lists lie in the future: refused, nothing published."""
    await thread(night.serve, 0)
    night.clock.set(T0 - timedelta(days=1))
    report = await night.run()
    assert (report.outcome, report.set_seq) == (Outcome.REFUSED, None)
    assert {code for _, code in report.refusals} == {"THIS_UPDATE_IN_FUTURE"}


@pytest.mark.parametrize("jump", [DAY, -DAY, -HOUR], ids=["a day on", "a day back", "an hour back"])
async def test_t28_a_clock_that_jumps_while_a_cycle_waits(night: Night, jump: timedelta) -> None:
    """The wait lasts as long as ever, what was accepted before the jump is published, nothing of it expires,
    no set is older; set right again, the next cycle takes the missing list and finds everything in order.
    """
    missing = night.scopes[0]
    await thread(night.serve, 0)
    await night.run()
    await thread(night.serve, 1, {night.scopes[1]: [entry(100)]})
    late = await thread(night.file(missing).read_bytes)
    await thread(night.file(missing).unlink)
    right = night.clock.now()
    timer = Hours({2: lambda: night.clock.set(right + jump)})
    report = await night.run(patience=Patience(wait_s=120, poll_s=30), timer=timer)
    assert timer.slept == [30.0] * 4
    assert (report.outcome, report.set_seq, report.lists_accepted) == (Outcome.PARTIAL, 2, 3)
    current = await thread(night.store.current)
    assert {state.crl_number for scope, state in current.lists.items() if scope != missing} == {2}
    assert current.lookup(night.scopes[1].lineage, b"\x64") is not None

    night.clock.set(right)
    await thread(night.file(missing).write_bytes, late)
    report = await night.run()
    assert (report.outcome, report.set_seq, report.lists_carried) == (Outcome.PUBLISHED, 3, 0)
    healed = await thread(night.store.current)
    assert {state.crl_number for state in healed.lists.values()} == {2}


async def test_t28_a_clock_a_day_back_brings_no_older_list(night: Night) -> None:
    """Yesterday's list served again fits the wrong clock, and is refused by its mark all the same."""
    await thread(night.serve, 0)
    old = await thread(night.file(night.scopes[0]).read_bytes)
    await night.run()
    await thread(night.serve, 1)
    await night.run()
    await thread(night.file(night.scopes[0]).write_bytes, old)
    night.clock.advance(-DAY)
    report = await night.run()
    codes = dict(report.refusals)
    assert codes.pop(str(night.scopes[0])) == "CRL_NUMBER_ROLLBACK"
    assert set(codes.values()) == {"THIS_UPDATE_IN_FUTURE"}
    assert (report.outcome, report.set_seq) == (Outcome.REFUSED, None)
    current = await thread(night.store.current)
    assert current.seq == 2
    assert {state.state for state in current.lists.values()} == {ListPresence.ACCEPTED}


def test_t28_a_second_cycle_under_another_clock_is_refused(night: Night) -> None:
    """Who runs is said by a lock of the kernel, not by a lease in time."""
    night.serve(0)
    with night.archive.cycle():
        night.clock.advance(DAY)
        with pytest.raises(OutsideFailed, match="PUBLISH_LOCKED"):
            asyncio.run(night.run())
    assert asyncio.run(night.run()).set_seq == 1
