"""Sealed columns: what PostgreSQL holds of a customer's certificate is ciphertext.

Envelope encryption: each institution and epoch has its own data key, wrapped by a key-encryption key that
lives outside the database. A value is bound by its AAD to institution, column and row, so that a ciphertext
moved to another place does not open. Deleting an institution's data keys makes its values unreadable.
"""

from __future__ import annotations

import secrets
import time
from base64 import b64decode, b64encode
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_api.key_files import read_secret, write_secret_once
from revocation.errors import OwnFault

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection

_FORMAT: Final = 1
_NONCE_OCTETS: Final = 12
_HEADER_OCTETS: Final = 1 + 4 + _NONCE_OCTETS
#: Changes when the meaning of sealed plaintexts changes; part of every AAD.
SCHEMA_VERSION: Final = 1
#: How long an unwrapped data key may stay in memory, seconds: a deleted key dies here after this long.
_CACHE_S: Final = 60.0
_CACHE_KEYS: Final = 4096


class KeyProvider(Protocol):
    """The key-encryption key, wherever it lives (a file here; a KMS or HSM elsewhere)."""

    async def wrap(self, data_key: bytes, context: bytes) -> tuple[str, bytes]:
        """Wrap a data key; gives the name of the wrapping key and the wrapped octets."""
        ...

    async def unwrap(self, kek_id: str, wrapped: bytes, context: bytes) -> bytes:
        """Unwrap what ``wrap`` gave for the same context."""
        ...


class FileKeyProvider:
    """Key-encryption keys in ``keys/kek.json``: the newest wraps, all unwrap."""

    def __init__(self, keys: dict[str, bytes], current: str) -> None:
        if current not in keys or any(len(key) != 32 for key in keys.values()):
            raise ValueError("expected 32-octet keys, the current one among them; check keys/kek.json")
        self._ciphers = {kek_id: AESGCM(key) for kek_id, key in keys.items()}
        self._current = current

    @classmethod
    def from_file(cls, path: Path) -> FileKeyProvider:
        """Read ``keys/kek.json``; it is made at the first start."""
        stored = orjson.loads(read_secret(path))
        return cls({kek_id: b64decode(key) for kek_id, key in stored["keys"].items()}, stored["current"])

    @staticmethod
    def create_file(path: Path) -> None:
        """Make a first key where there is none. Losing this file: every sealed column is lost for good."""
        document = {"current": "kek-1", "keys": {"kek-1": b64encode(secrets.token_bytes(32)).decode()}}
        write_secret_once(path, orjson.dumps(document))

    async def wrap(self, data_key: bytes, context: bytes) -> tuple[str, bytes]:
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        return self._current, nonce + self._ciphers[self._current].encrypt(nonce, data_key, context)

    async def unwrap(self, kek_id: str, wrapped: bytes, context: bytes) -> bytes:
        cipher = self._ciphers.get(kek_id)
        if cipher is None:
            raise _cannot_open("the key-encryption key that wrapped it", "a kek.json without that key")
        try:
            return cipher.decrypt(wrapped[:_NONCE_OCTETS], wrapped[_NONCE_OCTETS:], context)
        except InvalidTag:
            raise _cannot_open("a data key wrapped for this institution and epoch", "another") from None


@dataclass(frozen=True, slots=True)
class Sealed:
    """Octets for one ``bytea`` column; the epoch is inside too, and apart for an index or a rotation."""

    data: bytes
    epoch: int


class Sealer:
    """Seals and opens values; inside a tenant's transaction, because data keys are tenant rows."""

    def __init__(self, provider: KeyProvider) -> None:
        self._provider = provider
        self._opened: OrderedDict[tuple[UUID, int], tuple[float, AESGCM]] = OrderedDict()
        self._newest: dict[UUID, tuple[float, int]] = {}

    async def create_data_key(self, connection: Connection, institution_id: UUID, epoch: int) -> None:
        """A new data key; in a transaction of its own, before anything is sealed under it.

        Were it made in a handler's transaction, a rollback would leave ciphertexts under a lost key.
        """
        kek_id, wrapped = await self._provider.wrap(secrets.token_bytes(32), _context(institution_id, epoch))
        await connection.execute(
            "INSERT INTO institution_key (institution_id, epoch, kek_id, wrapped) VALUES ($1, $2, $3, $4)",
            institution_id,
            epoch,
            kek_id,
            wrapped,
        )

    async def seal(
        self, connection: Connection, institution_id: UUID, table: str, row_id: UUID, plaintext: bytes
    ) -> Sealed:
        """Seal under the institution's newest epoch; ``table`` names the column too: ``consent.ref``."""
        epoch = await self._newest_epoch(connection, institution_id)
        cipher = await self._cipher(connection, institution_id, epoch)
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        header = bytes([_FORMAT]) + epoch.to_bytes(4, "big") + nonce
        return Sealed(header + cipher.encrypt(nonce, plaintext, _aad(institution_id, table, row_id)), epoch)

    async def unseal(
        self, connection: Connection, institution_id: UUID, table: str, row_id: UUID, data: bytes
    ) -> bytes:
        """Open what ``seal`` gave for the same institution, column and row; ``OwnFault`` otherwise."""
        if len(data) <= _HEADER_OCTETS or data[0] != _FORMAT:
            raise _cannot_open("a sealed value", "octets of another format")
        cipher = await self._cipher(connection, institution_id, int.from_bytes(data[1:5], "big"))
        try:
            return cipher.decrypt(
                data[5:_HEADER_OCTETS], data[_HEADER_OCTETS:], _aad(institution_id, table, row_id)
            )
        except InvalidTag:
            raise _cannot_open("a value sealed for this institution, column and row", "another") from None

    async def _newest_epoch(self, connection: Connection, institution_id: UUID) -> int:
        known = self._newest.get(institution_id)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        epoch = await connection.fetchval(
            "SELECT max(epoch) FROM institution_key WHERE institution_id = $1", institution_id
        )
        if epoch is None:
            raise _no_data_key()
        if len(self._newest) >= _CACHE_KEYS:
            self._newest.clear()
        self._newest[institution_id] = (time.monotonic() + _CACHE_S, int(epoch))
        return int(epoch)

    async def _cipher(self, connection: Connection, institution_id: UUID, epoch: int) -> AESGCM:
        known = self._opened.get((institution_id, epoch))
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        row = await connection.fetchrow(
            "SELECT kek_id, wrapped FROM institution_key WHERE institution_id = $1 AND epoch = $2",
            institution_id,
            epoch,
        )
        if row is None:
            raise _no_data_key()
        context = _context(institution_id, epoch)
        cipher = AESGCM(await self._provider.unwrap(row["kek_id"], row["wrapped"], context))
        self._opened[institution_id, epoch] = (time.monotonic() + _CACHE_S, cipher)
        self._opened.move_to_end((institution_id, epoch))
        while len(self._opened) > _CACHE_KEYS:
            self._opened.popitem(last=False)
        return cipher


def _context(institution_id: UUID, epoch: int) -> bytes:
    return b"data-key" + institution_id.bytes + epoch.to_bytes(4, "big")


def _aad(institution_id: UUID, table: str, row_id: UUID) -> bytes:
    name = table.encode()
    return b"".join(
        (
            SCHEMA_VERSION.to_bytes(2, "big"),
            institution_id.bytes,
            len(name).to_bytes(2, "big"),
            name,
            row_id.bytes,
        )
    )


def _cannot_open(expected: str, got: str) -> OwnFault:
    return OwnFault(
        "SEAL_BROKEN", expected=expected, got=got, remedy="restore database and keys/ of the same backup"
    )


def _no_data_key() -> OwnFault:
    return OwnFault(
        "DATA_KEY_MISSING",
        expected="a data key of this institution in the tenant's transaction",
        got="none",
        remedy="open the transaction with db.transactions.tenant; an erased institution stays unreadable",
    )
