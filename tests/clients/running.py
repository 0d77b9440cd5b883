"""Programs of the tests: run to their end, or started and stopped again by their own pid; all bounded in time."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path



@dataclass(frozen=True)
class Done:
    """A program's exit code and everything that it wrote."""

    code: int
    output: str


def run(*command: object, timeout_s: float = 30, stdin: bytes = b"", cwd: Path | None = None) -> Done:
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_s, check=False, cwd=cwd,
    )  # fmt: skip
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"))


@contextmanager
def started(
    *command: object, log: Path | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Its standard input and output are pipes of text lines; its errors go to ``log``."""
    with (Path(os.devnull) if log is None else log).open("ab") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=cwd,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it died before it read what it was told
                    pipe.close()


def line_of(process: subprocess.Popen[str], timeout_s: float = 30) -> str:
    """The next line of its output; fails if none comes in time."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], timeout_s)
    assert ready, f"{process.args!r} said nothing for {timeout_s} s"
    return process.stdout.readline().strip()
