"""Completeness or deadline, then once more per late list: rounds of asking on a timer of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from revocation.crl.fetch import FetchLimits, HttpSource
from revocation.index.layout import ListPresence
from revocation.ingest import Outcome
from revocation.rounds import Patience
from revocation.snapshot.current import Snapshot
from tests.pki import T0, entry
from tests.revocation.list_server import list_server
from tests.revocation.nights import DAY, MINUTE, Hours, Night, thread

#: Ten minutes of waiting, one of late lists, asked every half minute.
PATIENCE = Patience(wait_s=600, poll_s=30, late_s=60)


@pytest.fixture
async def second(night: Night) -> Night:
    """Set 1 is published, the lists of the next day lie there but for the first one."""
    await thread(night.serve, 0)
    await night.run()
    await thread(night.serve, 1, {night.scopes[1]: [entry(100)]})
    await thread(night.file(night.scopes[0]).unlink)
    return night


def arrives(night: Night, number: int = 0, **forged: Any) -> Callable[[], object]:
    """The list of that scope, with one entry."""
    scope = night.scopes[number]
    return lambda: night.file(scope).write_bytes(night.der(scope, 1, [entry(8)], **forged))


async def test_a_set_missing_one_list_is_partial_at_the_deadline_and_the_late_list_publishes_again(
    second: Night,
) -> None:
    """Twenty rounds of half a minute, then set 2 without it; it arrives in the first late round: set 3."""
    timer = Hours({21: arrives(second)})
    told: list[tuple[int, bool, float]] = []

    async def published(snapshot: Snapshot) -> None:
        told.append((snapshot.seq, snapshot.partial, timer.at - 1000))

    report = await second.run(patience=PATIENCE, timer=timer, published=published)
    assert told == [(2, True, 600.0), (3, False, 630.0)]
    assert timer.slept == [30.0] * 21
    first, late = report.sets
    assert (first.set_seq, first.new_lists, first.missing_lists, first.partial, first.late) == (
        2, 3, 1, True, False,
    )  # fmt: skip
    assert (late.set_seq, late.new_lists, late.missing_lists, late.partial, late.late) == (
        3, 1, 0, False, True,
    )  # fmt: skip
    assert (report.outcome, report.set_seq, report.refusals) == (Outcome.PUBLISHED, 3, ())
    assert (report.rounds, report.lists_accepted, report.lists_carried) == (22, 4, 0)
    assert report.new_by_reason == {"unspecified": 2}
    assert report.seconds == 630.0
    before = await thread(second.store.open, 2)
    assert before.lists[second.scopes[0]].state is ListPresence.CARRIED
    assert before.lookup(second.scopes[0].lineage, b"\x08") is None
    after = await thread(second.store.current)
    assert after.lookup(second.scopes[0].lineage, b"\x08") is not None
    assert after.lookup(second.scopes[1].lineage, b"\x64") is not None
    assert (await second.run()).outcome is Outcome.NOTHING_NEW


async def test_what_never_comes_is_named_at_the_end(second: Night) -> None:
    """Wait and late window pass: one partial set, the list's code, and no wait beyond the two."""
    timer = Hours()
    report = await second.run(patience=PATIENCE, timer=timer)
    assert (report.outcome, report.set_seq, len(report.sets)) == (Outcome.PARTIAL, 2, 1)
    assert report.refusals == ((str(second.scopes[0]), "FETCH_UNREACHABLE"),)
    assert (sum(timer.slept), report.rounds) == (660.0, 23)


async def test_a_complete_day_waits_for_nobody(night: Night) -> None:
    """All lists there at the first look: published at once, no late window."""
    await thread(night.serve, 0)
    timer = Hours()
    report = await night.run(patience=PATIENCE, timer=timer)
    assert (report.outcome, report.rounds, timer.slept) == (Outcome.PUBLISHED, 1, [])


async def test_a_list_within_the_wait_joins_the_one_set(second: Night) -> None:
    """It comes in the third round: nothing was published before, one complete set after."""
    told: list[tuple[str, int, int]] = []
    timer = Hours({2: arrives(second)})
    report = await second.run(patience=PATIENCE, timer=timer, progress=lambda *step: told.append(step))
    assert (report.outcome, report.set_seq, report.rounds) == (Outcome.PUBLISHED, 2, 3)
    assert [one.late for one in report.sets] == [False]
    assert not (await thread(second.store.current)).partial
    assert told.count(("waiting for lists", 3, 4)) == 2
    # One publish: two entries, two files, the commit.
    steps = [step for step in told if step[0] == "publish"]
    assert (steps[0], steps[-1]) == (("publish", 0, 5), ("publish", 5, 5))
    assert steps == sorted(steps)


@pytest.mark.slow
async def test_the_last_round_is_at_the_deadline(second: Night) -> None:
    """A wait that is no multiple of the poll ends with a shorter sleep, and a last look."""
    timer = Hours({3: arrives(second)})
    report = await second.run(patience=Patience(wait_s=70, poll_s=30), timer=timer)
    assert timer.slept == [30.0, 30.0, 10.0]
    assert report.outcome is Outcome.PUBLISHED


@pytest.mark.slow
async def test_late_lists_of_one_round_share_a_set_and_of_two_do_not(second: Night) -> None:
    """Two lists missing: together one late set, apart two."""
    await thread(second.file(second.scopes[1]).unlink)

    def both() -> None:
        arrives(second, 0)()
        arrives(second, 1)()

    report = await second.run(patience=Patience(0, 30, 300), timer=Hours({1: both}))
    assert [(one.new_lists, one.missing_lists) for one in report.sets] == [(2, 2), (2, 0)]

    await thread(second.serve, 2)
    kept = {n: await thread(second.file(second.scopes[n]).read_bytes) for n in (0, 1)}
    for n in kept:
        await thread(second.file(second.scopes[n]).unlink)
    acts: dict[int, Callable[[], Any]] = {
        n + 1: lambda n=n: second.file(second.scopes[n]).write_bytes(kept[n]) for n in kept
    }
    report = await second.run(patience=Patience(0, 30, 300), timer=Hours(acts))
    assert [(one.new_lists, one.missing_lists) for one in report.sets] == [(2, 2), (1, 1), (1, 0)]


@pytest.mark.slow
async def test_the_first_list_of_all_may_be_a_late_one(night: Night) -> None:
    """Nothing came within the wait: the late window's first arrival makes the first set."""
    timer = Hours({2: lambda: night.serve(0)})
    report = await night.run(patience=Patience(30, 30, 90), timer=timer)
    assert [(one.set_seq, one.new_lists, one.late) for one in report.sets] == [(1, 4, True)]
    assert report.outcome is Outcome.PUBLISHED


@pytest.mark.parametrize(
    ("served", "forged", "asked"),
    [
        pytest.param("folder", {"corrupt_signature": True}, [], marks=pytest.mark.slow),
        # Only of what its CA really signed the entity tag says that it is still what the server has.
        ("http", {"next_update": T0}, [200, 304, 304, 304, 200]),
        ("http", {"corrupt_signature": True}, [200, 200, 200, 200, 200]),
    ],
)
async def test_a_refused_list_is_decoded_once_until_its_bytes_change(
    second: Night, monkeypatch: pytest.MonkeyPatch, served: str, forged: dict[str, Any], asked: list[int]
) -> None:
    """Refused for its content it stays undecided; the same bytes are not decoded again, the good ones are."""
    import revocation.take

    decoded: list[int] = []
    decode = revocation.take.decode_certificate_list

    def counting(data: bytes, **options: Any) -> Any:
        decoded.append(len(data))
        return decode(data, **options)

    monkeypatch.setattr(revocation.take, "decode_certificate_list", counting)
    await thread(arrives(second, **forged))
    patience = Patience(wait_s=150, poll_s=30)
    if served == "folder":
        report = await second.run(patience=patience, timer=Hours({4: arrives(second)}))
    else:
        async with list_server() as server:
            addresses = {scope: server.url(f"/{n}") for n, scope in enumerate(second.scopes)}
            for n, scope in enumerate(second.scopes):
                server.lists[f"/{n}"] = await thread(second.file(scope).read_bytes)
            good = second.der(second.scopes[0], 1, [entry(8)])
            source = HttpSource(addresses, limits=FetchLimits(attempts=1))
            timer = Hours({4: lambda: server.lists.__setitem__("/0", good)})
            report = await second.run(source=source, patience=patience, timer=timer)
            assert [status for path, status in server.requests if path == "/0"] == asked
    assert len(decoded) == 5  # three others, the bad one, the good one
    assert (report.outcome, report.refusals, report.rounds) == (Outcome.PUBLISHED, (), 5)


async def test_a_list_damaged_on_its_way_is_fetched_whole_in_the_next_round(second: Night) -> None:
    """One wrong octet under the right entity tag, twice: no 304 stands between us and the right bytes."""
    await thread(arrives(second))
    async with list_server() as server:
        addresses = {scope: server.url(f"/{n}") for n, scope in enumerate(second.scopes)}
        for n, scope in enumerate(second.scopes):
            server.lists[f"/{n}"] = await thread(second.file(scope).read_bytes)
        server.damages["/0"] = 2
        source = HttpSource(addresses, limits=FetchLimits(attempts=1))
        report = await second.run(source=source, patience=PATIENCE, timer=Hours())
        assert [status for path, status in server.requests if path == "/0"] == [200, 200, 200]
    assert (report.outcome, report.refusals, report.rounds) == (Outcome.PUBLISHED, (), 3)


@pytest.mark.slow
async def test_a_refused_list_keeps_its_code_through_the_rounds(second: Night) -> None:
    """What the first look found is what the report says, though later rounds decoded nothing."""
    await thread(arrives(second, corrupt_signature=True))
    report = await second.run(patience=Patience(wait_s=90), timer=Hours())
    assert report.refusals == ((str(second.scopes[0]), "SIGNATURE_INVALID"),)
    assert (report.outcome, report.rounds) == (Outcome.PARTIAL, 4)


async def test_a_list_from_the_future_is_judged_anew_as_time_passes(second: Night) -> None:
    """Seven minutes ahead it is refused, three minutes later the same bytes are within the skew."""
    ahead = second.clock.now() + 7 * MINUTE
    await thread(arrives(second, this_update=ahead, next_update=ahead + DAY))
    timer = Hours({1: lambda: second.clock.advance(timedelta(minutes=3))})
    report = await second.run(patience=Patience(wait_s=180, poll_s=180), timer=timer)
    assert (report.outcome, report.rounds) == (Outcome.PUBLISHED, 2)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"rotten", id="no list at all"),
        pytest.param(None, id="another list", marks=pytest.mark.slow),
    ],
)
async def test_a_stored_list_that_rotted_is_fetched_whole_in_the_next_round(
    night: Night, content: bytes | None
) -> None:
    """The server says 304, our copy is damaged: named as ours, and healed within the same cycle."""
    await thread(night.serve, 0)
    async with list_server() as server:
        addresses = {scope: server.url(f"/{n}") for n, scope in enumerate(night.scopes)}
        for n, scope in enumerate(night.scopes):
            server.lists[f"/{n}"] = await thread(night.file(scope).read_bytes)
        source = HttpSource(addresses, limits=FetchLimits(attempts=1))
        await night.run(source=source)
        stored = (await thread(night.archive.stored))[str(night.scopes[0])]
        other = night.der(night.scopes[0], 0, [entry(66)]) if content is None else content
        await thread(stored.path.write_bytes, other)
        report = await night.run(source=source, patience=Patience(wait_s=30), timer=Hours())
        assert (report.outcome, report.rounds, report.refusals) == (Outcome.NOTHING_NEW, 2, ())


async def test_a_wait_can_be_cancelled_at_once(second: Night) -> None:
    """Ctrl-C while it waits ten minutes: it ends, nothing is published, and the next cycle may begin."""
    waits = asyncio.Event()

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "waiting for lists":
            waits.set()

    cycle = asyncio.create_task(second.run(patience=PATIENCE, progress=progress))
    async with asyncio.timeout(30):
        await waits.wait()
        cycle.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cycle
    assert (await thread(second.store.current)).seq == 1
    assert not await thread(second.archive.incoming.exists)
    await thread(arrives(second))
    assert (await second.run()).set_seq == 2


@pytest.mark.slow
async def test_a_known_address_is_asked_for_again(second: Night) -> None:
    """Before each further round the source hears which lists are missing, and may learn where they lie."""
    asked: list[list[str]] = []

    async def renew(missing: Any) -> None:
        asked.append([str(scope) for scope in missing])

    await second.run(patience=Patience(wait_s=60), timer=Hours(), renew=renew)
    assert asked == [[str(second.scopes[0])]] * 2
