"""One refresh per data folder: the first signal asks it to end, the second cuts it off, the lock goes too."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from platform_api.faults import AlreadyRunning, SetupRefused
from platform_api.refresh.guard import one_refresh
from platform_api.refresh.report import InstitutionReport, PassOutcome, RefreshReport
from revocation.exits import Exit
from tests.base.eventually import HANG_S
from tests.features.world import new_id


async def signalled(number: int) -> None:
    os.kill(os.getpid(), number)
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_the_second_cuts_off(tmp_path: Path, number: int) -> None:
    """After the first the body goes on and sees the event; after the second it is cancelled where it stands;
    either way the next refresh finds the lock free and its handlers its own."""
    begun, at_work = asyncio.Event(), asyncio.Event()

    async def refresh() -> None:
        async with one_refresh(tmp_path) as stop:
            begun.set()
            await stop.wait()
            at_work.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(refresh())
    await asyncio.wait_for(begun.wait(), HANG_S)
    with pytest.raises(AlreadyRunning, match="REFRESH_RUNNING"):
        async with one_refresh(tmp_path):
            pass
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    begun.clear()
    running = asyncio.create_task(refresh())
    await asyncio.wait_for(begun.wait(), HANG_S)
    await signalled(number)
    await asyncio.wait_for(at_work.wait(), HANG_S)
    assert not running.done()
    await signalled(number)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, HANG_S)
    async with one_refresh(tmp_path) as stop:
        assert not stop.is_set()


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """One sentence with its remedy, before anything is opened."""
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(SetupRefused, match="FOLDER_NOT_WRITABLE"):
        async with one_refresh(tmp_path / "run" / "deeper"):
            pass


def test_the_worst_that_is_true_is_the_outcome() -> None:
    """Interrupted before away before partial before done; nothing at all is its own code."""
    one = InstitutionReport(new_id())
    report = RefreshReport([one])
    assert (report.outcome, report.exit_code) == (PassOutcome.NOTHING_NEW, Exit.NOTHING_NEW)
    one.asked = 1
    assert report.exit_code == Exit.DONE
    one.postponed = 1
    assert report.exit_code == Exit.PARTIAL
    report.away = "JLIS_TIMEOUT"
    assert report.exit_code == Exit.UPSTREAM_DOWN
    report.interrupted = True
    assert report.exit_code == Exit.INTERRUPTED
    assert report.as_json()["institutions"][0]["asked"] == 1
