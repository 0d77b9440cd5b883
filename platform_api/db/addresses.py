"""Where a database is and as whom we connect; the password shows in no repr."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from platform_api.faults import SetupRefused

OWNER: Final = "jpki_owner"
APP: Final = "jpki_app"
DETECTOR: Final = "detector"
ROLES: Final = (OWNER, APP, DETECTOR)
DATABASE: Final = "jpki"


@dataclass(frozen=True, slots=True)
class Address:
    """Arguments of one connection; ``host`` is a folder for a private socket."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of ``asyncpg.connect``."""
        arguments: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "user": self.user,
            "password": self.password,
        }
        # "disable" on a private socket: there is no network to protect, and asyncpg would ask in vain.
        arguments["ssl"] = self.tls or ("disable" if self.host.startswith("/") else "prefer")
        return arguments

    def with_database(self, database: str) -> Address:
        return replace(self, database=database)


def from_dsn(dsn: str) -> Address:
    """Read a ``postgresql://`` address; it is never repeated in an error, because it holds a password."""
    try:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        host = query.get("host", [unquote(parts.hostname or "")])[0]
        address = Address(
            host=host,
            port=parts.port or int(query.get("port", ["5432"])[0]),
            database=unquote(parts.path.lstrip("/")),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=query.get("sslmode", [None])[0],
        )
    except ValueError:
        address = Address("", 0, "", "", "")
        parts = urlsplit("")
    if parts.scheme not in ("postgresql", "postgres") or not (
        address.host and address.database and address.user
    ):
        raise SetupRefused(
            "DSN_MALFORMED",
            expected="postgresql://user:password@host:port/database",
            got="an address of another form",
            remedy="correct JPKI_DSN (also JPKI_OWNER_DSN, JPKI_DETECTOR_DSN), or unset all three",
        )
    return address
