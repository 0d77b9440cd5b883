"""What asyncpg raises, in sets: the server is not there (any more, yet), and whatever else it answers.

asyncpg has a class of its own for a server that dies between two messages of one exchange
(``InternalClientError``), which is neither a ``PostgresError`` nor an ``InterfaceError``: a place that lists
the others by hand misses it and tells an outage as a defect of ours.
"""

from __future__ import annotations

from typing import Final

import asyncpg

#: A statement meets this when the server goes away under it. No plain ``OSError``: a full disk of ours is not
#: the database's.
CONNECTION_LOST: Final = (
    ConnectionError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
)

#: What one transaction may meet though nothing is wrong with it: rolled back, and worth another attempt.
DATABASE_AWAY: Final = (
    *CONNECTION_LOST,
    asyncpg.TooManyConnectionsError,
    # 55P03: a registration waits for the night's detection only so long. 57014: statement_timeout.
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    # 40P01: of two that wait for each other PostgreSQL ends one.
    asyncpg.DeadlockDetectedError,
)

#: And a connection attempt, when the server is going, gone, or just coming: its socket may not be there.
#: An act that may be repeated is repeated after one of these.
SERVER_ENDED: Final = (OSError, *CONNECTION_LOST)

#: Anything but what was asked for, the server's own refusals included (a wrong password, say).
DATABASE_ANSWERS_NOT: Final = (*SERVER_ENDED, asyncpg.PostgresError)
