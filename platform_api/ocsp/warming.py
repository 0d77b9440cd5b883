"""What was asked for again and again is signed for the next set before that set is answered from.

So a publish brings no burst of signatures into the requests: p99 while sets change stays near p99 without.
It is a help, and bounded: what it does not reach in its time is signed when it is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from platform_api.ocsp.answers import MODES, UNSIGNED_FORM, Answers
from revocation.authorities import OCSP_HASHES
from revocation.der import INTEGER, OCTET_STRING, SEQUENCE, encoded
from revocation.ocsp.cert_id import CertId

if TYPE_CHECKING:
    from platform_api.ocsp._epoch import Epoch
    from platform_api.ocsp.epochs import Epochs
    from revocation.authorities import Authorities
    from revocation.ocsp.cache import AnswerCache
    from revocation.ocsp.policy import TrustMode
    from revocation.ocsp.responder import Responder
    from revocation.snapshot.current import Snapshot

#: AlgorithmIdentifier contents of the hashes of a CertID, without parameters.
_OIDS: Final[Mapping[str, bytes]] = {
    "sha1": bytes.fromhex("06052b0e03021a"),
    "sha256": bytes.fromhex("0609608648016503040201"),
    "sha384": bytes.fromhex("0609608648016503040202"),
    "sha512": bytes.fromhex("0609608648016503040203"),
}
_NULL: Final = b"\x05\x00"

#: Asked so often in one set's time, an answer is made beforehand for the next.
_LEAST_ASKED: Final = 2
_SLOTS_AT_ONCE: Final = 4096
#: Between two signatures the loop answers whatever has come.
_SIGNED_AT_ONCE: Final = 1


class Warming:
    """``most_s``: how long a set may be kept waiting for this."""

    def __init__(
        self,
        answers: Answers,
        epochs: Epochs,
        cache: AnswerCache,
        responders: Mapping[TrustMode, Responder],
        *,
        most_s: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answers: Final = answers
        self._epochs: Final = epochs
        self._cache: Final = cache
        self._responders: Final = responders
        self._most_s: Final = most_s
        self._monotonic: Final = monotonic
        #: How many were signed beforehand, in all.
        self.signed = 0

    async def prepare(self, snapshot: Snapshot, authorities: Authorities) -> None:
        """Make the next epoch, and in it the answers that will be asked for first."""
        before = self._epochs.epoch
        coming = self._epochs.make_ready(snapshot, authorities)
        questions = Questions(before, coming)
        ends = self._monotonic() + self._most_s
        for some in self._warm(before, questions):
            if self._monotonic() >= ends:
                return
            for key, mode, cert_id in some:
                self.signed += self._sign(coming, key, mode, cert_id)
            await asyncio.sleep(0)

    def _warm(self, before: Epoch, questions: Questions) -> Iterator[list[tuple[bytes, int, CertId]]]:
        place = 0
        while True:
            keys, place = self._cache.warm_keys(before.number, place, _SLOTS_AT_ONCE, _LEAST_ASKED)
            found = [question for key in keys if (question := questions.of(key)) is not None]
            for first in range(0, len(found), _SIGNED_AT_ONCE):
                yield found[first : first + _SIGNED_AT_ONCE]
            if not keys:
                yield []
            if place == 0:
                return

    def _sign(self, coming: Epoch, key: bytes, mode: int, cert_id: CertId) -> bool:
        responder = self._responders.get(MODES[mode])
        if responder is None:
            return False
        judged = responder.judge(cert_id, coming.snapshot, MODES[mode], coming.authorities)
        # A key that takes long would hold up the loop: its answers are signed when they are asked for.
        if judged.identity is None or judged.identity.key.slow:
            return False
        return self._answers.lay_in(responder, coming, judged, mode, key)


class Questions:
    """The CertID behind a key of the cache, and its key in another epoch."""

    def __init__(self, before: Epoch, coming: Epoch) -> None:
        self._before: Final = before
        numbers = {generation.key_id: number for number, (_, generation) in enumerate(coming.issuers)}
        self._numbers: Final = [numbers.get(generation.key_id) for _, generation in before.issuers]
        self._hashes: Final = {
            (hash_name, generation.key_id): (name_hash, key_hash)
            for hash_name, name_hash, key_hash, _, generation in coming.authorities.ocsp_issuers()
        }

    def of(self, key: bytes) -> tuple[bytes, int, CertId] | None:
        """(key in the coming epoch, trust mode's number, CertID); None for an issuer that is gone."""
        form, length, issuer = key[0], key[1], int.from_bytes(key[2:4], "little")
        if form & UNSIGNED_FORM:
            return None
        number = self._numbers[issuer]
        hash_name, has_null, mode = OCSP_HASHES[form & 3], form >> 2 & 1, form >> 3
        hashes = self._hashes.get((hash_name, self._before.issuers[issuer][1].key_id))
        if number is None or hashes is None:
            return None
        serial = key[4 : 4 + length]
        algorithm = encoded(SEQUENCE, _OIDS[hash_name] + (_NULL if has_null else b""))
        content = (
            algorithm
            + encoded(OCTET_STRING, hashes[0])
            + encoded(OCTET_STRING, hashes[1])
            + encoded(INTEGER, serial)
        )
        cert_id = CertId(encoded(SEQUENCE, content), hash_name, *hashes, serial)
        return key[:2] + number.to_bytes(2, "little") + key[4:], mode, cert_id
