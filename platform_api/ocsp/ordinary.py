"""The ordinary route's way to an answer: the fast path's rules once more, in plain Python, over one memory.

The two share what was signed, so that a client gets the same octets whichever way its request went; how a
request is read, who may ask and how HTTP is written are done twice, and the tests compare (design 10).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from platform_api.ocsp._epoch import Epoch, Signed
from platform_api.ocsp.answers import (
    MALFORMED_REQUEST,
    TRY_LATER,
    UNAUTHORIZED,
    UNSIGNED_FORM,
    Answers,
    Said,
)
from platform_api.workers.counts import CallerCount, Count
from revocation.authorities import OCSP_HASHES
from revocation.der import SEQUENCE, DerReader
from revocation.errors import InputRefused
from revocation.identity import MAX_SERIAL_OCTETS, CertificateIdentity
from revocation.ocsp.judging import identity_of
from revocation.ocsp.request import decode_request

if TYPE_CHECKING:
    from platform_api.ocsp._caller_view import CallerView
    from platform_api.workers.part import Part
    from revocation.ocsp.cache import AnswerCache
    from revocation.ocsp.cert_id import CertId

MEDIA_TYPE: Final = "application/ocsp-response"
_ANSWER_COUNTS: Final = {
    1: Count.MALFORMED_REQUEST,
    2: Count.INTERNAL_ERROR,
    3: Count.TRY_LATER,
    5: Count.SIG_REQUIRED,
    6: Count.UNAUTHORIZED,
}
_WORDS: Final = (Count.GOOD, Count.REVOKED, Count.UNKNOWN)


class Ordinary:
    """One for each application."""

    def __init__(
        self,
        answers: Answers,
        cache: AnswerCache,
        part: Part,
        serving: memoryview,
        *,
        shared_caches: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.answers: Final = answers
        self._cache: Final = cache
        self._part: Final = part
        self._serving: Final = serving
        self._shared_caches: Final = shared_caches
        self._monotonic: Final = monotonic

    async def answer(self, method: str, octets: bytes | None, mode: int, view: CallerView | None) -> Said:
        """``octets``: None for a path that is no base64. ``view``: who asks; None where nobody is asked."""
        self._part.counts[Count[method]] += 1
        said = await self._said(octets, mode, view)
        self._part.counts[_ANSWER_COUNTS[said] if isinstance(said, int) else _WORDS[said.kind]] += 1
        if view is not None and view.caller is not None:
            view.counted(CallerCount.ERROR if isinstance(said, int) else said.kind)
        return said

    def too_large(self) -> None:
        """A request was refused by HTTP itself (413), unread: there is no answer to count."""
        self._part.counts[Count.TOO_LARGE] += 1

    async def _said(self, octets: bytes | None, mode: int, view: CallerView | None) -> Said:
        if view is not None and view.caller is None:
            self._part.counts[Count.CALLERS_REFUSED] += 1
            return UNAUTHORIZED if view.number == 0 else TRY_LATER
        if view is not None and not view.within_rate(self._monotonic()):
            self._part.counts[Count.RATE_LIMITED] += 1
            return TRY_LATER
        return MALFORMED_REQUEST if octets is None else await self._within_rate(octets, mode, view)

    async def _within_rate(self, octets: bytes, mode: int, view: CallerView | None) -> Said:
        try:
            request = decode_request(octets)
        except InputRefused:
            return MALFORMED_REQUEST
        self.answers.refresh()
        epoch = self.answers.epoch
        if self._serving[0] != epoch.set_seq:
            self._part.counts[Count.BEHIND] += 1
            return TRY_LATER
        caller = None if view is None else view.caller
        key = None
        if len(request.cert_ids) == 1 and not self.answers.signatures_matter:
            identity = identity_of(request.cert_ids[0], epoch.authorities)
            if identity is None:
                return UNAUTHORIZED
            asking = self.answers.identification
            if caller is not None and asking is not None:
                refused = await asking.refused(caller, [identity], epoch.authorities)
                if refused is not None:
                    self._part.counts[Count.CALLERS_REFUSED] += refused == UNAUTHORIZED
                    return refused
                if epoch is not self.answers.epoch:
                    return await self._within_rate(octets, mode, view)  # another set came meanwhile
            key = answer_key(request.cert_ids[0], identity, epoch, mode)
            has_nonce = request.nonce is not None and self.answers.nonces
            kept = self._kept(key, epoch, unsigned=has_nonce)
            if kept is not None:
                found, single = kept
                if request.nonce is None or not has_nonce:
                    return found
                signed = self.answers.with_nonce(found.frame, single, request.nonce, found.kind)
                return signed if isinstance(signed, Signed | int) else await signed
        said = self.answers.ask(octets, mode, key, caller)
        return said if isinstance(said, Signed | int) else await said

    def _kept(self, key: bytes, epoch: Epoch, *, unsigned: bool) -> tuple[Signed, bytes] | None:
        """What was signed before, and the SingleResponse in it; ``unsigned``: that alone is enough."""
        found = self._cache.answer(key, epoch.number)
        if found is None and unsigned:
            found = self._cache.answer(bytes([key[0] | UNSIGNED_FORM]) + key[1:], epoch.number)
        if found is None:
            self._part.counts[Count.CACHE_MISS] += 1
            return None
        tag, octets, number, single_at, single_length, kind = found
        frame = epoch.frames[number]
        if self.answers.now_s > frame.until:
            return None
        self._part.counts[Count.CACHE_HIT] += 1
        return Signed(tag, octets, frame, kind, True), octets[single_at : single_at + single_length]

    def headers(self, said: Said) -> dict[str, str]:
        """Every header of the answer, in the order in which the fast path writes them."""
        length = 5 if isinstance(said, int) else len(said.octets) + len(said.frame.tail)
        headers: dict[str, str] = {}
        headers["Content-Type"] = MEDIA_TYPE
        headers["Content-Length"] = str(length)
        headers["Date"] = self.answers.date.decode("ascii")
        headers["Server"] = "jpki-status"
        headers["X-Content-Type-Options"] = "nosniff"
        if isinstance(said, int) or not said.storable:
            # Errors, and answers with a nonce, are nobody's to keep (RFC 9919 section 6.2).
            headers["Cache-Control"] = "no-cache, no-store"
            return headers
        for line in said.frame.dates.decode("ascii").splitlines():
            name, _, value = line.partition(": ")
            headers[name] = value
        headers["ETag"] = f'"{said.tag.hex()}"'
        # RFC 9919 section 6.2: max-age ends strictly before nextUpdate.
        max_age = max(0, said.frame.next_update - 1 - self.answers.now_s)
        who = "public" if self._shared_caches else "private"
        headers["Cache-Control"] = f"max-age={max_age}, {who}, no-transform, must-revalidate"
        return headers


def body_of(said: Said) -> bytes:
    """The OCSPResponse."""
    if isinstance(said, int):
        return bytes([0x30, 3, 0x0A, 1, said])
    return said.octets + said.frame.tail


def answer_key(cert_id: CertId, identity: CertificateIdentity, epoch: Epoch, mode: int) -> bytes:
    """The cache's key, as ``_cache.pxd`` lays it out."""
    issuer = next(
        number
        for number, (_, generation) in enumerate(epoch.issuers)
        if generation.key_id == identity.issuer_key
    )
    algorithm = DerReader(cert_id.der).enter(SEQUENCE, "CertID").enter(SEQUENCE, "hashAlgorithm")
    algorithm.oid("algorithm")
    has_null = algorithm.peek() != -1
    assert cert_id.hash_name is not None  # noqa: S101 - it has an issuer of ours
    form = OCSP_HASHES.index(cert_id.hash_name) | has_null << 2 | mode << 3
    serial = identity.serial.ljust(MAX_SERIAL_OCTETS, b"\0")
    return bytes([form, len(identity.serial)]) + issuer.to_bytes(2, "little") + serial
