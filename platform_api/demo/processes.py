"""Child processes of the demo: started, heard, and stopped by their own process id.

Each child dies with us (``setpriv --pdeathsig``), so a SIGKILL of the demo leaves no server behind,
and keeps its own session, so that the terminal's Ctrl-C reaches only us and we stop the others in order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from revocation.errors import OutsideFailed

READY_WITHIN_S = 90.0
STOP_WITHIN_S = 15.0


class ChildFailed(OutsideFailed):
    """A child ended or was silent; carries its exit code, which is the demo's as well."""

    def __init__(self, name: str, exit_code: int | None, said: str) -> None:
        super().__init__(
            "CHILD_FAILED",
            expected=f"the {name} process running",
            got=f"exit code {exit_code}" if exit_code is not None else "no answer",
            remedy=said or f"see its log file {name}.log in the demo's folder",
        )
        self.exit_code = exit_code


def command(*arguments: str) -> list[str]:
    """Our own command line in a child that ends when this process does."""
    return ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "platform_api.cli", *arguments]


class Child:
    """One server of ours: ``start`` returns when it said that it is ready."""

    def __init__(self, name: str, arguments: list[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._arguments = arguments
        self._env = dict(env)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any]:
        """Start and wait for the ready line, one JSON object on its standard output.

        Raises ``ChildFailed`` with the child's own last sentence when it ends before.
        """
        log = await asyncio.to_thread(self._log.open, "ab")
        self._process = process = await asyncio.create_subprocess_exec(
            *command(*self._arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._env,
            start_new_session=True,
        )
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pump = asyncio.create_task(self._read(process, log, ready))
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                return await ready
        except TimeoutError:
            await self.stop()
            raise ChildFailed(self.name, None, f"it was not ready within {READY_WITHIN_S:.0f} s") from None

    async def _read(
        self,
        process: asyncio.subprocess.Process,
        log: IO[bytes],
        ready: asyncio.Future[dict[str, Any]],
    ) -> None:
        tail: deque[str] = deque(maxlen=4)
        assert process.stdout is not None  # noqa: S101  # asked for with PIPE above
        with log:
            while line := await process.stdout.readline():
                await asyncio.to_thread(_write, log, line)
                text = line.decode(errors="replace").strip()
                tail.append(text)
                if not ready.done() and (said := _ready_line(text, self.name)) is not None:
                    ready.set_result(said)
        code = await process.wait()
        if not ready.done():
            ready.set_exception(ChildFailed(self.name, code, " ".join(tail)))

    @property
    def pid(self) -> int | None:
        """Of the running child."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL to that one process if it does not end in time."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_WITHIN_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._pump is not None:
            await self._pump
        self._process = None

    async def ended(self) -> int:
        """Wait for the process to end by itself; its exit code."""
        if self._process is None:
            raise RuntimeError("expected a started child; call start() first")
        return await self._process.wait()


def _write(log: IO[bytes], line: bytes) -> None:
    log.write(line)
    log.flush()


def _ready_line(text: str, name: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get(name) == "ready" else None


async def run_once(arguments: list[str], env: Mapping[str, str]) -> tuple[int, str, str]:
    """Run one of our commands to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        start_new_session=True,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        raise
    return process.returncode or 0, out.decode(), err.decode()
