"""Matching tags: how a revocation is joined to registrations without a serial number in the database.

A tag is HMAC-SHA-256, cut to 128 bits, of (ca, issuer key, serial octets) under a platform key that lives in
a file and never enters PostgreSQL. 128 bits: two certificates collide by chance about never (10^8 tags:
10^-23), and a collision on purpose needs the key. During a rotation two keys live, both tags are computed.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from platform_api.key_files import read_secret, write_secret_once

if TYPE_CHECKING:
    from revocation.identity import CertificateIdentity

TAG_OCTETS: Final = 16


class Tag(NamedTuple):
    """Which key made it, and the 16 octets."""

    key_id: int
    value: bytes


class Tagger:
    """Computes tags under the current key, and under the previous one while a rotation lasts."""

    def __init__(self, keys: dict[int, bytes], current: int) -> None:
        if current not in keys or not 1 <= len(keys) <= 2:
            raise ValueError("expected one or two tag keys, the current one among them; check keys/tag.key")
        self._keys = dict(keys)
        self._current = current

    @classmethod
    def from_file(cls, path: Path) -> Tagger:
        """Read ``keys/tag.key``; it is made at the first start."""
        stored = orjson.loads(read_secret(path))
        keys = {int(key_id): b64decode(key) for key_id, key in stored["keys"].items()}
        return cls(keys, int(stored["current"]))

    @staticmethod
    def create_file(path: Path) -> None:
        """Make a first key where there is none. Losing it: no revocation finds its registration any more."""
        document = {"current": 1, "keys": {"1": b64encode(secrets.token_bytes(32)).decode()}}
        write_secret_once(path, orjson.dumps(document))

    def tag(self, identity: CertificateIdentity) -> Tag:
        """The tag to store with a new registration."""
        return self._under(self._current, identity)

    def tags(self, identity: CertificateIdentity) -> tuple[Tag, ...]:
        """The tags to look for: one for each live key, the current one first."""
        others = sorted(self._keys.keys() - {self._current})
        return tuple(self._under(key_id, identity) for key_id in (self._current, *others))

    def _under(self, key_id: int, identity: CertificateIdentity) -> Tag:
        # Length prefixes: (ca "a", key "bc") and (ca "ab", key "c") must not read alike.
        ca_id = identity.ca_id.encode()
        message = b"".join(
            len(part).to_bytes(2, "big") + part for part in (ca_id, identity.issuer_key, identity.serial)
        )
        return Tag(key_id, hmac.digest(self._keys[key_id], message, "sha256")[:TAG_OCTETS])
