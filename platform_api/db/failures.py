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

#: And a connection attempt, when the server is going, gone, or just coming: its socket may not be there.
#: An act that may be repeated is repeated after one of these.
SERVER_ENDED: Final = (OSError, *CONNECTION_LOST)

#: Anything but what was asked for, the server's own refusals included (a wrong password, say).
DATABASE_ANSWERS_NOT: Final = (*SERVER_ENDED, asyncpg.PostgresError)
