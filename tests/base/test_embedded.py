"""The embedded PostgreSQL: one runs it, others join, either side may be killed, and nothing stays behind."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from platform_api.db.database import open_database
from platform_api.db.embedded import EmbeddedPostgres
from platform_api.db.failures import DATABASE_ANSWERS_NOT
from platform_api.db.programs import SUPERUSER
from platform_api.db.served import watch
from platform_api.faults import DatabaseFailed
from revocation.clock import SystemClock
from tests.base.eventually import HANG_S, eventually

ROOT = Path(__file__).parents[2]


@contextmanager
def holder(
    folder: Path, *prefix: str, python: str = sys.executable
) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A process that holds the cluster, and what it said when it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.base.holder", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            assert process.stderr is not None
            pytest.fail(f"the holder did not start: {process.stderr.read()[-2000:]}")
        yield process, json.loads(line)
    finally:
        try:
            process.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _state(pid: int) -> str | None:
    """State letter of a process; an orphan may stay a zombie for seconds, which is dead enough."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def _wait_dead(pid: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while _state(pid) not in (None, "Z", "X"):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cluster that was started and stopped once."""
    folder = tmp_path_factory.mktemp("embedded")
    with holder(folder) as (_, ready):
        assert ready["runs_here"] is True
    return folder


def test_a_stopped_cluster_leaves_no_process_and_no_socket(made: Path) -> None:
    """After a clean stop: no server, no socket folder, no announcement; secrets private; the data is kept."""
    with holder(made) as (_, ready):
        assert ready["rows"] >= 2
        mode = next((made / "run").glob("pg-*")).stat().st_mode & 0o777
        assert mode == 0o700
        command_line = (
            Path(f"/proc/{ready['pid']}/cmdline").read_bytes()
            + Path(f"/proc/{ready['pid']}/environ").read_bytes()
        )
        passwords = json.loads((made / "keys" / "postgres.json").read_bytes())
        assert all(password.encode() not in command_line for password in passwords.values())
    _wait_dead(ready["pid"])
    assert list((made / "run").glob("pg-*")) == []
    assert not (made / "run" / "postgres.json").exists()
    assert (made / "keys" / "postgres.json").stat().st_mode & 0o777 == 0o600
    assert (made / "postgres").stat().st_mode & 0o777 == 0o700


def test_a_second_process_joins_the_running_one(made: Path) -> None:
    """Two processes on one folder: one runs the server, one connects; the joiner's end stops nothing."""
    with holder(made) as (_, first):
        with holder(made) as (_, second):
            assert (first["runs_here"], second["runs_here"]) == (True, False)
            assert second["pid"] == first["pid"]
            assert second["rows"] == first["rows"] + 1
        assert _state(first["pid"]) not in (None, "Z")


def test_our_death_stops_the_server_and_the_next_start_goes_on(made: Path) -> None:
    """SIGKILL of the process that runs it: the server ends by itself; started again at once, all rows are
    there.
    """
    with holder(made) as (process, before):
        process.kill()
        process.wait()
        with holder(made) as (_, after):
            assert after["rows"] == before["rows"] + 1
            assert after["pid"] != before["pid"]
        _wait_dead(before["pid"])


async def test_the_servers_death_is_mended_by_ensure(made: Path) -> None:
    """SIGKILL of the server: ``ensure`` starts it again, with its rows, and a new connection finds it."""
    server = EmbeddedPostgres(made)
    await server.ensure()
    try:
        for _ in range(2):
            pid = int(
                await asyncio.to_thread(lambda: (made / "postgres/postmaster.pid").read_text().split()[0])
            )
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(_wait_dead, pid)
            assert not server.runs_here
            await server.ensure()
            connection = await asyncpg.connect(**(await server.address(SUPERUSER, "postgres")).arguments())
            assert await connection.fetchval("SELECT count(*) FROM kept") > 0
            await connection.close()
    finally:
        await server.stop()


async def test_a_stale_pid_of_a_stranger_is_not_believed(made: Path) -> None:
    """A killed server's pid file whose process id belongs to another program by now does not stop the
    start.
    """
    pid_file = made / "postgres" / "postmaster.pid"

    def leave_behind() -> None:
        pid_file.write_text(f"{os.getpid()}\n{made}/postgres\n0\n5432\n/nowhere\n\n0 0\nready\n")
        pid_file.chmod(0o600)

    await asyncio.to_thread(leave_behind)
    server = EmbeddedPostgres(made)
    await server.ensure()
    assert server.runs_here
    await server.stop()


async def test_the_pool_follows_a_server_that_was_killed(made: Path) -> None:
    """``open_database`` watches: after the server's death the same pool serves again, without a restart of
    ours.
    """
    async with open_database(data_dir=made, clock=SystemClock()) as database:
        pool = await database.app_pool(2)
        assert await pool.fetchval("SELECT count(*) FROM institution") == 0
        pid = int(await asyncio.to_thread(lambda: (made / "postgres/postmaster.pid").read_text().split()[0]))
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + HANG_S
        while True:
            try:
                assert await pool.fetchval("SELECT count(*) FROM institution") == 0
                break
            except (*DATABASE_ANSWERS_NOT, DatabaseFailed):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)


async def test_a_survivor_takes_the_server_over(made: Path) -> None:
    """When the process that ran the server is killed, one that had joined runs it from then on."""
    process, ready = await asyncio.to_thread(_started_holder, made)
    try:
        assert ready["runs_here"] is True
        async with open_database(data_dir=made, clock=SystemClock()) as database:
            pool = await database.app_pool(2)
            process.kill()
            deadline = time.monotonic() + HANG_S
            while True:
                try:
                    if await pool.fetchval("SELECT pg_postmaster_start_time() IS NOT NULL"):
                        pid_file = made / "postgres" / "postmaster.pid"
                        now = await asyncio.to_thread(pid_file.read_text)
                        if int(now.split()[0]) != ready["pid"]:
                            break
                except (*DATABASE_ANSWERS_NOT, DatabaseFailed):
                    pass
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(process.communicate)


async def test_starts_at_once_in_one_process_are_one_start(made: Path, tmp_path: Path) -> None:
    """Five tasks call ``ensure`` at once, on an existing cluster and on a fresh folder: all return when the
    server answers, it is one server, and after ``stop`` the lock is free.
    """
    for folder in (made, tmp_path / "fresh"):
        server = EmbeddedPostgres(folder, extra_settings=("fsync=off",))

        async def ensured(server: EmbeddedPostgres = server) -> int:
            await server.ensure()
            address = await server.address(SUPERUSER, "postgres")
            connection = await asyncpg.connect(**address.arguments())
            started = await connection.fetchval("SELECT pg_postmaster_start_time()::text")
            await connection.close()
            return hash(started)

        try:
            assert len(set(await asyncio.gather(*(ensured() for _ in range(5))))) == 1
        finally:
            await server.stop()
        assert await asyncio.to_thread(_lock_is_free, folder)


async def test_a_start_that_waits_behind_a_stop_is_refused(made: Path) -> None:
    """``ensure`` beside ``stop``: the stop has the last word: no server is left behind that nobody stops."""
    server = EmbeddedPostgres(made)
    await server.ensure()
    stop = asyncio.create_task(server.stop())
    await asyncio.sleep(0)  # e.g. a request and the watch come while the stop is at work
    found = await asyncio.gather(
        stop, server.ensure(), server.ensure(), server.stop(), return_exceptions=True
    )
    codes = [getattr(one, "code", one) for one in found]
    assert codes == [None, "DATABASE_STOPPED", "DATABASE_STOPPED", None]
    assert not server.runs_here
    assert await asyncio.to_thread(_lock_is_free, made)


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.05, 0.15])
async def test_a_cancelled_start_leaves_no_orphan(made: Path, after_s: float) -> None:
    """Cancelled at any moment of its start: no server runs, the lock is free, the next start goes well."""
    killed = EmbeddedPostgres(made)
    start = asyncio.create_task(killed.ensure())
    await asyncio.sleep(after_s)
    start.cancel()
    found = (await asyncio.gather(start, return_exceptions=True))[0]
    if found is None:  # the start was quicker: then it is a running server, and ours to stop
        await killed.stop()
    else:
        assert isinstance(found, asyncio.CancelledError)
    assert await asyncio.to_thread(_lock_is_free, made)
    after = EmbeddedPostgres(made)
    await after.ensure()
    assert after.runs_here
    await after.stop()


async def test_a_failed_start_leaves_no_orphan(made: Path) -> None:
    """A server that does not come up (a setting it refuses): DATABASE_NOT_STARTED, the lock is free, and the
    same folder starts at once when the setting is right.
    """
    wrong = EmbeddedPostgres(made, extra_settings=("shared_buffers=sesame",))
    with pytest.raises(DatabaseFailed, match="DATABASE_NOT_STARTED"):
        await wrong.ensure()
    assert await asyncio.to_thread(_lock_is_free, made)
    right = EmbeddedPostgres(made)
    await right.ensure()
    assert right.runs_here
    await right.stop()


class _Unlucky(EmbeddedPostgres):
    """Fails as often as told, in ways that nobody foresaw, then serves."""

    def __init__(self, folder: Path, failures: list[Exception]) -> None:
        super().__init__(folder)
        self.failures = failures
        self.calls = 0

    async def ensure(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)


async def test_the_watch_survives_every_failure_and_says_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ``ensure`` raises, the watch goes on; one line for a row of failures, without their text."""
    server = _Unlucky(
        tmp_path, [OSError("sesame"), AssertionError("sesame"), asyncpg.PostgresError("sesame")]
    )
    reported: list[logging.LogRecord] = []
    logger = logging.getLogger("platform_api.db.served")
    monkeypatch.setattr(logger, "handle", reported.append)  # pytest's own handlers write files in the loop
    task = asyncio.create_task(watch(server, every_s=0.001))
    await eventually(lambda: server.calls > 5)
    server.failures.append(KeyError("sesame"))
    await eventually(lambda: not server.failures)
    calls = server.calls
    await eventually(lambda: server.calls > calls)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    said = [str(record.exc_info[1]) for record in reported if record.exc_info]
    assert [re.findall("got ([A-Za-z]+)", one) for one in said] == [["OSError"], ["KeyError"]]
    assert "sesame" not in "".join(logging.Formatter().format(record) for record in reported)


def _lock_is_free(folder: Path) -> bool:
    with (folder / "run" / "postgres.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _started_holder(folder: Path) -> tuple[subprocess.Popen[str], Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.base.holder", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def test_an_ordinary_user_can_run_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without root, without any right beyond a folder of one's own, everything works."""
    if os.geteuid() != 0:
        return  # every other test of this file ran as an ordinary user
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    python = os.path.realpath(sys.executable)
    site = next(path for path in sys.path if path.endswith("site-packages"))
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {site!r}]; import tests.base.holder"
    tried = subprocess.run([*prefix, python, "-c", code], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"an ordinary user cannot run this Python or read this folder: {tried.stderr[-300:]}")
    folder = Path("/tmp") / f"jpki-ordinary-{os.getpid()}"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    try:
        run = [
            *prefix,
            python,
            "-c",
            code + "; import asyncio, pathlib;asyncio.run(tests.base.holder.main(pathlib.Path(sys.argv[1])))",
            str(folder),
        ]
        done = subprocess.run(
            run,
            input="",
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert json.loads(done.stdout)["runs_here"] is True
        assert (folder / "postgres").stat().st_uid == 65534
    finally:
        shutil.rmtree(folder)
