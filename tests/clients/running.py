"""Programs: run to their end, or started and stopped again by their own pid; all bounded in time."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """A program's exit code and everything that it wrote."""

    code: int
    output: str


def run(*command: object, timeout_s: float = 30) -> Done:
    """With nothing on its standard input."""
    done = subprocess.run(
        [str(part) for part in command],
        input=b"",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"))


class Program:
    """Running; its lines of output are taken as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def say(self, line: str) -> None:
        """On its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def line(self, timeout_s: float = 30) -> str:
        """The next line of its output; fails if none comes in time."""
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(f"{self._process.args!r} said nothing for {timeout_s} s") from None

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it ended before it read what it was told
                    pipe.close()


@contextmanager
def started(*command: object, log: Path, cwd: Path | None = None) -> Iterator[Program]:
    """Its errors go to ``log``; at the end it is stopped by its pid."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=cwd,
        )
    program = Program(process)
    try:
        yield program
    finally:
        program.stop()


def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Waits until it holds; fails if it does not in time."""
    ends = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends, f"it did not come about within {timeout_s} s"
        threading.Event().wait(0.02)
