"""SIGTERM and SIGINT in a night: it says interrupted only when nothing of it is at work any more."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from platform_api.night_guard import one_night
from platform_api.threads import CountedThreads, to_the_end
from revocation.exits import Exit
from tests.base.eventually import HANG_S, eventually
from tests.night.held import DetectionHeld
from tests.night.live import JPKI, World

#: A night whose publish takes until the test lets it end (or for ever): SIGTERM comes while it is at it.
SLOW_NIGHT = """
import asyncio, sys, time
from pathlib import Path
from platform_api.night_guard import one_night

def publish(folder: Path) -> None:
    print("at work", flush=True)
    while not (folder / "end").exists():
        time.sleep(0.01)
    (folder / "CURRENT").write_text("committed")

async def night(folder: Path, patience_s: float) -> None:
    async with one_night(folder, patience_s=patience_s):
        try:
            await asyncio.to_thread(publish, folder)
        except asyncio.CancelledError:
            print("told", flush=True)
            raise

try:
    asyncio.run(night(Path(sys.argv[1]), float(sys.argv[2])))
except asyncio.CancelledError:
    sys.exit(130)
"""


def lock_is_held(run_dir: Path) -> bool:
    """Asked of the kernel's table: trying the lock would refuse a night that begins at that moment."""
    try:
        number = (run_dir / "nightly.lock").stat().st_ino
    except FileNotFoundError:
        return False
    return f":{number} 0 EOF" in Path("/proc/locks").read_text()


@contextmanager
def slow_night(folder: Path, patience_s: float) -> Iterator[subprocess.Popen[str]]:
    """At work on its publish, which ends when there is a file ``end``; never left behind."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_NIGHT, str(folder), str(patience_s)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as night:  # fmt: skip
        try:
            assert said(night) == "at work\n"
            yield night
        finally:
            night.kill()


def said(night: subprocess.Popen[str]) -> str:
    assert night.stdout is not None
    return night.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_lock_stays_until_the_step_at_work_has_ended(tmp_path: Path, number: int) -> None:
    """Told to stop in the middle of a publish, twice even: the lock is free only after its commit."""
    with slow_night(tmp_path, HANG_S) as night:
        assert lock_is_held(tmp_path)
        night.send_signal(number)
        assert said(night) == "told\n"
        night.send_signal(number)
        time.sleep(0.2)  # what would end by the second signal ends now; it is held if the test is right
        assert lock_is_held(tmp_path)
        (tmp_path / "end").touch()
        while lock_is_held(tmp_path):
            time.sleep(0.001)
        assert (tmp_path / "CURRENT").exists(), "the lock was free before the commit"
        _, err = night.communicate(timeout=HANG_S)
        assert (night.returncode, err) == (Exit.INTERRUPTED, "")


def test_a_step_that_never_ends_goes_with_the_process(tmp_path: Path) -> None:
    """The wait is bounded: then the process ends as by SIGKILL, so the step never commits after the lock."""
    with slow_night(tmp_path, 0.3) as night:
        night.send_signal(signal.SIGTERM)
        _, err = night.communicate(timeout=HANG_S)
        assert night.returncode == Exit.INTERRUPTED
        assert "interrupted" in err
        (tmp_path / "end").touch()
        time.sleep(0.1)  # longer than the step's look at the file, if anything of it were left
        assert not (tmp_path / "CURRENT").exists()


async def test_steps_that_wait_their_turn_never_begin(tmp_path: Path) -> None:
    """Cancelled with more steps than threads: those at work end, the others are not begun any more."""
    begun: list[int] = []
    ended: list[int] = []
    end = threading.Event()

    def step(n: int) -> None:
        begun.append(n)
        end.wait(HANG_S)
        ended.append(n)

    async def night() -> None:
        async with one_night(tmp_path, patience_s=HANG_S):
            try:
                await asyncio.gather(*(asyncio.to_thread(step, n) for n in range(100)))
            finally:
                # Only when the night's end waits for the threads do they come to the next step.
                asyncio.get_running_loop().call_later(0.05, end.set)

    task = asyncio.create_task(night())
    await eventually(lambda: begun)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    count = len(begun)
    assert 0 < count < 100
    assert sorted(ended) == sorted(begun)
    assert not await asyncio.to_thread(lock_is_held, tmp_path)
    await asyncio.sleep(0.1)
    assert len(begun) == count


async def test_a_cancelled_wait_for_the_threads_waits_on() -> None:
    """Cancelled again while it waits: it waits to the end, and then the cancellation goes on."""
    threads = CountedThreads()
    end = threading.Event()
    step = threads.submit(end.wait, HANG_S)
    waiting = asyncio.create_task(threads.settle(HANG_S))
    try:
        for _ in range(3):
            await asyncio.sleep(0.05)
            waiting.cancel()
        await asyncio.sleep(0.05)
        assert not waiting.done()
    finally:
        end.set()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert step.done()


async def test_a_cancelled_step_ends_before_its_caller_goes_on() -> None:
    """``to_the_end``: the cancellation arrives after the thread's end, also when cancelled twice."""
    begun, end = threading.Event(), threading.Event()
    ended: list[bool] = []

    def step() -> None:
        begun.set()
        end.wait(HANG_S)
        ended.append(True)
        raise OSError("nobody hears this: the cancellation says enough")

    task = asyncio.create_task(to_the_end(step))
    try:
        await eventually(begun.is_set)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.05)
            assert not task.done()
    finally:
        end.set()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert ended == [True]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("interrupt")) as made:
        yield made


def _current(world: World) -> str:
    return (world.data / "snapshots" / "CURRENT").read_text()


#: What can be seen of a night from outside, in its order.
MOMENTS: dict[str, Callable[[World, str], bool]] = {
    "begun": lambda world, _: True,
    "fetching": lambda world, _: (world.data / "archive" / "incoming").exists(),
    "fetched": lambda world, _: any((world.data / "archive" / "incoming").glob("*.crl")),
    "published": lambda world, before: _current(world) != before,
}


def _a_customer_loses_the_card(world: World) -> tuple[dict[str, Any], str]:
    """A resident that no other test has used, and the registration; tomorrow's lists tell of it."""
    used = {e["registration_ref"] for e in world.events() if e["registration_ref"]}
    resident = next(r for r in world.residents() if r["resident_id"] not in used)
    registration = world.register(resident, resident["resident_id"])
    world.act(resident["resident_id"], "lose")
    world.publish()
    return resident, registration


@contextmanager
def _night_at(world: World, moment: str, before: str) -> Iterator[subprocess.Popen[str]]:
    """A night that has just come to that moment. It does not get past detection, so none is missed here."""
    with DetectionHeld(world), subprocess.Popen(
        [*JPKI, "nightly", "--data", str(world.data), "--json"],
        env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as night:  # fmt: skip
        try:
            while not (lock_is_held(world.data / "run") and MOMENTS[moment](world, before)):
                assert night.poll() is None, night.communicate()
            yield night
        finally:
            night.kill()


@pytest.mark.parametrize(
    ("moment", "number"),
    [*((moment, signal.SIGTERM) for moment in MOMENTS), ("fetched", signal.SIGINT)],
)
def test_an_interrupted_night_ends_cleanly_and_the_next_goes_on(
    world: World, moment: str, number: int
) -> None:
    """Told to stop when it has {moment}: exit 130 and one sentence; no commit after the lock is free; the
    next night tells the day's event exactly once.
    """
    resident, registration = _a_customer_loses_the_card(world)
    before = _current(world)
    if moment != "published":  # one list that never comes: the fetch does not end before we have seen it
        place = {name: resident[name] for name in ("municipality_code", "generation")}
        world.fault("timeout", target="crl", **place)
    with _night_at(world, moment, before) as night:
        night.send_signal(number)
        while lock_is_held(world.data / "run"):
            time.sleep(0.001)
        at_the_end = _current(world)
        out, err = night.communicate(timeout=HANG_S)
    world.heal()
    assert night.returncode == Exit.INTERRUPTED
    assert err.startswith("jpki: interrupted")
    record = json.loads(out)
    assert (record["error"], record["exit_code"]) == ("INTERRUPTED", Exit.INTERRUPTED)
    assert _current(world) == at_the_end, "committed after the lock was free"
    assert world.changes_of(registration) == []

    exit_code, again = world.night()
    assert exit_code in (Exit.DONE, Exit.NOTHING_NEW)
    assert [seq for seq, _ in world.changes_of(registration)] == [again["set_seq"]]
    seqs = [e["seq"] for e in world.events()]
    assert seqs == list(range(1, len(seqs) + 1)), "the feed has a gap or a double"


@pytest.mark.parametrize(("status", "expected"), [(503, Exit.UPSTREAM_DOWN), (404, Exit.REFUSED)])
def test_a_set_left_over_from_a_killed_night_is_told_though_j_lis_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, status: int, expected: Exit
) -> None:
    """SIGKILL between commit and detection; the next night gets {status} from J-LIS for everything: it names
    the CA and exits accordingly, and the event of the set before is there all the same.
    """
    _, registration = _a_customer_loses_the_card(world)
    with _night_at(world, "published", _current(world)) as night:
        night.send_signal(signal.SIGKILL)
        night.wait(HANG_S)
    assert world.changes_of(registration) == []

    if status == 404:
        monkeypatch.setitem(world.env, "JPKI_JLIS_URL", f"{world.jlis}/moved")
    else:
        world.fault("status_5xx", target="all", status=status)
    exit_code, again = world.night()
    world.heal()
    assert exit_code == expected
    assert [(one["ca"], one["key"], one["count"]) for one in again["refusals"]] == [("card-sign", None, 1)]
    assert again["lists_carried"] == again["lists_expected"] > 0
    assert world.changes_of(registration) == [(again["set_seq"], "REVOKED")]
