"""Keeping an embedded server served: acts that are repeated when it ends under them, and the watch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from platform_api.db.embedded import START_TIMEOUT_S, EmbeddedPostgres
from platform_api.db.failures import SERVER_ENDED
from platform_api.faults import DatabaseFailed

WATCH_S: Final = 1.0
_RETRY_S: Final = 0.1
_LOG: Final = logging.getLogger(__name__)
#: How the same is called after ``db.transactions``, and when the announcement in run/ is gone, which goes
#: just before the server does.
_SERVER_ENDED_CODES: Final = frozenset({"DATABASE_NOT_RUNNING", "DATABASE_UNAVAILABLE"})
Made = TypeVar("Made")


async def while_served(server: EmbeddedPostgres, act: Callable[[], Awaitable[Made]]) -> Made:
    """Do an act that may be repeated, again when the server ends under it.

    The process that ran the server may have had its last word (a short command): then ``ensure`` finds the
    next one that runs it, or us.
    """
    deadline: float | None = None
    while True:
        try:
            return await act()
        except (*SERVER_ENDED, DatabaseFailed) as failure:
            if isinstance(failure, DatabaseFailed) and failure.code not in _SERVER_ENDED_CODES:
                raise
            # From the first failure on: the act itself may take as long as it needs.
            deadline = deadline or time.monotonic() + START_TIMEOUT_S
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_RETRY_S)
        await server.ensure()


async def watch(server: EmbeddedPostgres, *, every_s: float = WATCH_S) -> None:
    """Start the server again, or take it over, whenever it is gone; ``ensure`` is the normal start.

    Nothing ends the watch but its cancellation. Not startable now (disk full, say): requests answer 503
    meanwhile, and we try again; it is said once, and again only after it went well in between.
    """
    said = False
    while True:
        await asyncio.sleep(every_s)
        try:
            await server.ensure()
            said = False
        except Exception as failure:
            if not said:
                said = True
                # Made anew, with type and code only: the text of a database error may quote a value.
                gone = DatabaseFailed(
                    getattr(failure, "code", "DATABASE_NOT_STARTED"),
                    expected="the embedded PostgreSQL to run",
                    got=type(failure).__name__,
                    remedy=f"read {server.folder.log}; it is tried again all the time",
                )
                _LOG.error("the embedded database is gone", exc_info=(DatabaseFailed, gone, None))
