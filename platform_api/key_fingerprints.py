"""Do these key files belong to this database? Asked at every start, before anything is answered or detected.

Without it, a lost ``tag.key`` that was made anew would tag no old registration: every night would publish
its set, find nobody, and move on. The database keeps a hash of each key that it was ever used with.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from platform_api.db.addresses import APP
from platform_api.faults import SetupRefused
from platform_api.key_files import read_secret

if TYPE_CHECKING:
    from platform_api.db.database import Database
    from platform_api.db.transactions import Connection

_CONTEXT: Final = b"jpki key fingerprint"
#: Key files with several keys by id; a rotation adds one, and none ever changes under its id.
_WITH_IDS: Final = ("kek.json", "tag.key")
_PLAIN: Final = "api_key.key"


def fingerprints(folder: Path) -> dict[str, bytes]:
    """A hash of every sealing, tagging and API-key secret in ``keys/``, by file and key id. Blocking."""
    found: dict[str, bytes] = {}
    for name in _WITH_IDS:
        keys: dict[str, str] = orjson.loads(read_secret(folder / name))["keys"]
        for key_id, key in keys.items():
            found[f"{name}/{key_id}"] = _digest(name, b64decode(key))
    found[_PLAIN] = _digest(_PLAIN, read_secret(folder / _PLAIN))
    return found


def _digest(name: str, key: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((_CONTEXT, name.encode(), key))).digest()


async def require_known_keys(database: Database, folder: Path) -> None:
    """Remember keys that are new to this database; refuse one that is not the key of before.

    Raises ``SetupRefused`` KEY_FILE_FOREIGN.
    """
    prints = await asyncio.to_thread(fingerprints, folder)
    connection = await database.connect(APP)
    try:
        await _compare(connection, prints)
    finally:
        await connection.close(timeout=5)


async def _compare(connection: Connection, prints: dict[str, bytes]) -> None:
    await connection.executemany(
        "INSERT INTO key_fingerprint (name, sha256) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        sorted(prints.items()),
    )
    known = {row["name"]: row["sha256"] for row in await connection.fetch("SELECT * FROM key_fingerprint")}
    foreign = sorted(name for name, digest in prints.items() if known[name] != digest)
    if foreign:
        raise SetupRefused(
            "KEY_FILE_FOREIGN",
            expected="the key files that this database was filled with",
            got=f"another key in {', '.join(name.partition('/')[0] for name in foreign)}",
            remedy="restore the folder keys/ of the same backup as the database",
        )
