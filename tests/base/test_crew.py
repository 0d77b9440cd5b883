"""The crew, with workers that serve nothing: ended in order, by force, restarted, asked.

Each test has a loop of its own: a supervisor waits for vfork(2) there, which the guard of others refuses.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from platform_api.config import Settings
from platform_api.listening import sharing
from platform_api.logs import make_log
from platform_api.workers.crew import Crew
from platform_api.workers.layout import Slot, State
from platform_api.workers.order import Launch
from platform_api.workers.shared import Shared
from revocation.errors import OwnFault
from tests.base.crew import lives
from tests.base.eventually import eventually

SETTINGS = Settings(port=0)  # made outside of any loop: it looks for a file


@asynccontextmanager
async def _crew(
    does: str, news: dict[str, int] | None = None
) -> AsyncIterator[tuple[Crew, Shared, io.StringIO]]:
    launch = Launch("tests.base.tiny_worker", {"does": does}, shutdown_s=0.1, flip_wait_s=1.0)
    shared, lines = Shared.make(2), io.StringIO()
    try:
        with sharing(SETTINGS) as port:
            crew = Crew(launch, shared, port, make_log(lines))
            if news is not None:
                crew.tell(news)
            async with crew.running():
                yield crew, shared, lines
    finally:
        shared.close_descriptor()


def _pids(shared: Shared) -> list[int]:
    return [shared.slot(index)[Slot.PID] for index in range(shared.workers)]


def _events(lines: io.StringIO, name: str) -> list[dict[str, object]]:
    told = [orjson.loads(line) for line in lines.getvalue().splitlines()]
    return [one for one in told if one["event"] == name]


def test_a_crew_begins_moves_and_ends() -> None:
    """All are ready, the word is what all have prepared, each can be asked what it answers, and not for ever
    what it does not; after SIGTERM nobody is left."""

    async def lived() -> None:
        async with _crew("serve") as (crew, shared, lines):
            pids = _pids(shared)
            assert shared.serving == 5
            told = [await worker.ask("metrics", 10) for worker in crew.ready]
            assert sorted(text for text in told if text) == ["worker 0\n", "worker 1\n"]
            assert await crew.ready[0].ask("readiness", 0.05) is None
            assert len(_events(lines, "worker.started")) == 2
        assert not any(lives(pid) for pid in pids)
        assert not _events(lines, "worker.ended")
        assert [shared.slot(index)[Slot.STATE] for index in (0, 1)] == [State.NONE] * 2

    asyncio.run(lived())


def test_who_is_killed_comes_again_each_time() -> None:
    """Three times in a row the same worker: as often it is started, and the other one is left alone."""

    async def lived() -> None:
        async with _crew("serve") as (crew, shared, lines):
            other = _pids(shared)[1]
            for starts in (2, 3, 4):
                os.kill(_pids(shared)[0], signal.SIGKILL)
                await eventually(lambda starts=starts: shared.slot(0)[Slot.STARTS] == starts, seconds=60)
                await eventually(lambda: len(crew.ready) == 2, seconds=60)
            assert _pids(shared)[1] == other
            assert shared.slot(1)[Slot.STARTS] == 1
        assert [(one["worker"], one["status"]) for one in _events(lines, "worker.ended")] == [(0, 137)] * 3

    asyncio.run(lived())


def test_everybody_gets_the_news() -> None:
    """What was told before they started, and each thing after; who comes later gets the newest alone."""

    async def heard(crew: Crew) -> list[str | None]:
        return [await worker.ask("metrics", 10) for worker in crew.ready]

    async def lived() -> None:
        async with _crew("listen", {"n": 1}) as (crew, shared, _):
            assert await heard(crew) == ["1", "1"]
            crew.tell({"n": 2})
            crew.tell({"n": 3})
            assert await heard(crew) == ["2 3", "2 3"]
            os.kill(_pids(shared)[0], signal.SIGKILL)
            await eventually(lambda: shared.slot(0)[Slot.STARTS] == 2 and len(crew.ready) == 2, seconds=60)
            assert sorted(await heard(crew), key=str) == ["", "3"]

    asyncio.run(lived())


def test_the_word_is_told_of_when_it_rises() -> None:
    """Once for a number, and not again when a worker comes back with it."""

    async def lived() -> None:
        risen: list[int] = []
        async with _crew("serve") as (crew, shared, _):
            crew.on_rise = risen.append
            os.kill(_pids(shared)[0], signal.SIGKILL)
            await eventually(lambda: shared.slot(0)[Slot.STARTS] == 2 and len(crew.ready) == 2, seconds=60)
            assert risen == []
            shared.slot(1)[Slot.PREPARED_SEQ] = shared.slot(0)[Slot.PREPARED_SEQ] = 6
            os.kill(_pids(shared)[0], signal.SIGKILL)  # the rule is asked again when one ends
            await eventually(lambda: risen == [6], seconds=60)

    asyncio.run(lived())


def test_who_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is deaf to SIGTERM gets its time, then SIGKILL: the whole ends all the same."""
    monkeypatch.setattr("platform_api.workers.crew._CLOSING_S", 0.2)

    async def lived() -> None:
        async with _crew("hang") as (_, shared, _lines):
            pids = _pids(shared)
            assert all(lives(pid) for pid in pids)
        assert not any(lives(pid) for pid in pids)

    asyncio.run(lived())


def test_a_worker_that_dies_without_a_word_ends_the_start() -> None:
    """Its index and status, as our own fault; the one that may have begun is not left behind."""

    async def lived() -> None:
        with pytest.raises(OwnFault, match=r"WORKER_ENDED.*status 7"):
            async with _crew("die"):
                raise AssertionError("it must not come to this")
        own = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
        children = Path(own).read_text().split()
        assert not [pid for pid in children if b"tiny_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    asyncio.run(lived())
