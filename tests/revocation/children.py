"""Work in forked children: they have imported everything, wait for the word, and tell how it ended."""

from __future__ import annotations

import faulthandler
import os
import select
from collections.abc import Callable, Sequence

from revocation.errors import RevocationError

DONE, REFUSED, CRASHED = 0, 3, 4


class Child:
    """One forked process that does ``work`` once it may ``go``, and no more."""

    def __init__(self, work: Callable[[], object]) -> None:
        gate, self._opener = os.pipe()
        self._told, teller = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _live(work, gate, self._opener, teller)
        os.close(gate)
        os.close(teller)

    def go(self) -> None:
        os.write(self._opener, b"!")

    def wait(self) -> tuple[int, str]:
        """Exit code (negative for a signal), and what the work returned or why it failed."""
        with os.fdopen(self._told, "rb") as answers:
            answer = answers.read().decode()
        _, status = os.waitpid(self.pid, 0)
        os.close(self._opener)
        return os.waitstatus_to_exitcode(status), answer

    def finish(self) -> tuple[int, str]:
        self.go()
        return self.wait()


def _live(work: Callable[[], object], gate: int, opener: int, teller: int) -> None:
    code, answer = CRASHED, "nothing"
    try:
        faulthandler.disable()  # how a child dies is what is tested; its stack is no news
        os.close(opener)
        select.select([gate], [], [])
        answer = str(work())
        code = DONE
    except RevocationError as error:
        code, answer = REFUSED, str(error)
    except BaseException as error:
        answer = repr(error)
    finally:
        # Whatever happens: two of this program would be one too many.
        try:
            os.write(teller, answer.encode())
        finally:
            os._exit(code)


def together(works: Sequence[Callable[[], object]]) -> list[tuple[int, str]]:
    """All at once."""
    children = [Child(work) for work in works]
    for child in children:
        child.go()
    return [child.wait() for child in children]
