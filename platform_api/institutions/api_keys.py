"""API keys: ``jpk_test_`` or ``jpk_live_``, 256 random bits, a checksum; shown once, stored as a keyed hash.

The checksum tells a mistyped key from an unknown one without asking the database. The hash is keyed by a
secret outside the database, so that a dump of the table neither opens anything nor confirms a guess.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from platform_api.institutions.model import Mode
from platform_api.key_files import read_secret, write_secret_once

_DIGITS: Final = string.digits + string.ascii_letters
_RANDOM_DIGITS: Final = 43  # 62^43 > 2^256
_CHECK_DIGITS: Final = 6
_SHAPE: Final = re.compile(rf"jpk_(test|live)_([0-9A-Za-z]{{{_RANDOM_DIGITS + _CHECK_DIGITS}}})", re.ASCII)
#: What a key looks like anywhere in an address; a key there is burnt (it ends in logs of proxies).
LEAKED_KEY: Final = re.compile(
    rf"jpk_(?:test|live)_[0-9A-Za-z]{{{_RANDOM_DIGITS + _CHECK_DIGITS}}}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A well-formed key; its text shows in no repr."""

    mode: Mode
    text: str = field(repr=False)

    @staticmethod
    def generate(mode: Mode) -> ApiKey:
        digits = _base62(secrets.randbits(256), _RANDOM_DIGITS)
        body = f"jpk_{mode.value}_{digits}"
        return ApiKey(mode, body + _checksum(body))

    @staticmethod
    def parse(text: str) -> ApiKey | None:
        """The key, or ``None`` when it is mistyped, cut or something else."""
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            return None
        body, check = text[:-_CHECK_DIGITS], text[-_CHECK_DIGITS:]
        return ApiKey(Mode(shape[1]), text) if hmac.compare_digest(_checksum(body), check) else None


class KeyHasher:
    """HMAC-SHA-256 under the platform's own secret, one use apart from another by a label."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise ValueError("expected a secret of 32 octets; check keys/api_key.key")
        self._secret = secret

    @classmethod
    def from_file(cls, path: Path) -> KeyHasher:
        return cls(read_secret(path))

    @staticmethod
    def create_file(path: Path) -> None:
        """Make the secret where there is none. Losing this file: every API key must be issued anew."""
        write_secret_once(path, secrets.token_bytes(32))

    def api_key(self, key: ApiKey) -> bytes:
        return self.digest("api-key", key.text.encode())

    def digest(self, label: str, *parts: bytes) -> bytes:
        """A keyed hash of several octet strings, told apart by their lengths."""
        mac = hmac.new(self._secret, digestmod="sha256")
        for part in (label.encode(), *parts):
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _base62(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, digit = divmod(value, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
