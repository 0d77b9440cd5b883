"""Verified words of the last minutes, in memory only: at most 15 minutes, never beyond nextUpdate, bounded.

Keyed by a keyed digest of the certificate, with a key of this process: what lies here names nobody.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from revocation.identity import CertificateIdentity
from revocation.ocsp.upstream_word import UpstreamWord

#: J-LIS's responder knows what is 15 minutes old; a word that is kept longer would say less than it may.
LONGEST: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class _Kept:
    word: UpstreamWord
    until: datetime


class KeptWords:
    """The least recently used one makes room; a word that is over is never given."""

    def __init__(self, *, most: int, longest: timedelta = LONGEST) -> None:
        self._most: Final = most
        self._longest: Final = min(longest, LONGEST)
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._key: Final = secrets.token_bytes(32)

    def __len__(self) -> int:
        return len(self._kept)

    def name_of(self, identity: CertificateIdentity) -> bytes:
        """What a certificate is called here."""
        # The issuer's key has a fixed length and belongs to one CA, so that the rest is the serial.
        return blake2b(identity.issuer_key + identity.serial, key=self._key, digest_size=16).digest()

    def find(self, name: bytes, now: datetime) -> UpstreamWord | None:
        """A word that may still be used at this time; a clock that went back to before it has none."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        if not kept.word.received_at <= now < kept.until:
            del self._kept[name]
            return None
        self._kept.move_to_end(name)
        return kept.word

    def keep(self, name: bytes, word: UpstreamWord, *, valid_until: datetime) -> None:
        """``valid_until``: from when on the word would not be accepted any more."""
        until = min(word.received_at + self._longest, valid_until)
        self._kept[name] = _Kept(word, until)
        self._kept.move_to_end(name)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
