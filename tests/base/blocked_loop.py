"""A blocked event loop fails the test: three things together, because each alone misses some.

asyncio's debug mode reports callbacks that took long; blockbuster catches blocking calls where they happen, but
its exception may be swallowed by the code under test, so both are recorded and asserted empty at the end.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockingError

SLOW_CALLBACK_S = 0.25
_records: list[str] = []
_plain_init = BlockingError.__init__


def _recording_init(self: BlockingError, *arguments: Any) -> None:
    _plain_init(self, *arguments)
    _records.append(str(self))


class _SlowCallbacks(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith("Executing ") and " took " in message:
            _records.append(re.sub(r"0x[0-9a-f]+", "0x", message))


@pytest.fixture(autouse=True)
def blocked_loop_fails(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a coroutine test in which the loop was blocked, even if the code hid the error."""
    if not asyncio.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    _records.clear()
    monkeypatch.setattr(BlockingError, "__init__", _recording_init)
    handler = _SlowCallbacks()
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    guard = BlockBuster()
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
        logger.removeHandler(handler)
    blocked = list(_records)
    _records.clear()
    assert blocked == [], "the event loop was blocked"
