"""Work in a forked child under strace(1), which kills it, or makes a system call fail, at a chosen place.

The child waits until strace has it, so that what is counted is the work and not the start of an
interpreter. Where strace may not trace, ``why_not`` says so.
"""

from __future__ import annotations

import re
import select
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from tests.revocation.children import DONE, Child

_PATIENCE_S: Final = 60
#: The child's own waiting for the word.
_WAITING: Final = ("select", "pselect6")


def traced(work: Callable[[], object], *options: str, log: Path | None = None) -> tuple[int, str]:
    """Fork, attach strace with these options, let the child work; how it ended."""
    child = Child(work)
    command = ["strace", "-f", "-p", str(child.pid), "-o", "/dev/null" if log is None else str(log), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as tracer:
        try:
            assert tracer.stderr is not None
            ready, _, _ = select.select([tracer.stderr], [], [], _PATIENCE_S)
            said = tracer.stderr.readline() if ready else b"nothing"
            child.go()
            ended = child.wait()
            assert b"attached" in said, said
            tracer.wait(_PATIENCE_S)
        finally:
            tracer.kill()
    return ended


def calls_of(work: Callable[[], object], log: Path) -> Counter[str]:
    """Every system call of the work, with how often it is made."""
    code, answer = traced(work, log=log)
    assert code == DONE, answer
    found = Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE))
    return Counter({name: count for name, count in found.items() if name not in _WAITING})


@lru_cache(maxsize=1)
def why_not() -> str | None:
    """Why no child can be traced on this machine; None where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed: no system call is cut here, only the steps of disks.py"
    try:
        code, _ = traced(lambda: None, "-e", "trace=exit_group", "-e", "inject=exit_group:signal=KILL:when=1")
    except AssertionError:
        code = DONE
    if code == DONE:
        return "strace may not trace or inject here: no system call is cut, only the steps of disks.py"
    return None
