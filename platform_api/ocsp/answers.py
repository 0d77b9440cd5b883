"""What the fast path does not find in its memory: callers, statuses, signatures, the time of day.

Both routes ask here, and what was signed for one is found by the other. Everything runs on the event loop; a
key whose signature takes long (``SigningKey.slow``) is used in threads beside it. Signing has a share of the
loop's time: above it the answer is tryLater, at once, so that a flood of nonces, or of serials that nobody
asked for before, leaves room for the rest (faults.md, T47; bad-inputs.md, item 45).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, TypeVar

from platform_api.institutions.remembered import Unavailable
from platform_api.logs import failure
from platform_api.ocsp._epoch import Epoch, Frame, Signed
from platform_api.ocsp.epochs import Epochs, frame_for
from platform_api.ocsp.identification import Identification
from platform_api.ocsp.signing_share import SigningShare
from platform_api.peers import certificate_sha256, connected_address
from platform_api.workers.counts import Count
from revocation.errors import InputRefused, OutsideFailed, RevocationError
from revocation.identity import CertificateIdentity
from revocation.ocsp.cert_id import OcspRequest
from revocation.ocsp.policy import NoncePolicy, SignedRequests, TrustMode
from revocation.ocsp.request import decode_request
from revocation.ocsp.responder import Judged, OcspAnswer, Responder
from revocation.status import Status

if TYPE_CHECKING:
    from platform_api.institutions.caller import Caller
    from platform_api.logs import Log
    from platform_api.ocsp._caller_view import CallerView
    from platform_api.ocsp._fast_path import FastPath
    from platform_api.ocsp.signing_threads import SigningThreads
    from platform_api.workers.part import Part
    from revocation.authorities import Authority
    from revocation.clock import Clock
    from revocation.ocsp.cache import AnswerCache
    from revocation.ocsp.response import ResponseTemplate
    from revocation.ocsp.signing_keys import SigningKey

#: The trust modes by the numbers that stand in the cache's keys.
MODES: Final = (TrustMode.LOCAL, TrustMode.DELEGATED)

#: OCSPResponseStatus (RFC 6960 section 4.2.1) by the names of ``OcspAnswer``.
STATUS_NUMBERS: Final[Mapping[str, int]] = {
    "malformed_request": 1,
    "internal_error": 2,
    "try_later": 3,
    "sig_required": 5,
    "unauthorized": 6,
}
MALFORMED_REQUEST: Final = STATUS_NUMBERS["malformed_request"]
TRY_LATER: Final = STATUS_NUMBERS["try_later"]
UNAUTHORIZED: Final = STATUS_NUMBERS["unauthorized"]

#: What is counted as what; the fast path adds it to ``Count.GOOD``.
GOOD: Final = 0
REVOKED: Final = 1
UNKNOWN: Final = 2
_KINDS: Final[Mapping[Status, int]] = {Status.GOOD: GOOD, Status.UNKNOWN: UNKNOWN}

#: In the form of a cache's key: nothing signed (``_cache.pxd``).
UNSIGNED_FORM: Final = 0x10

#: Of an answer that nobody keeps.
_NO_TAG: Final = bytes(32)

Said = Signed | int
T = TypeVar("T")


class Answers:
    """``responders`` by trust mode; a mode without one answers unauthorized (RFC 9919 section 4.2.4)."""

    def __init__(
        self,
        responders: Mapping[TrustMode, Responder],
        epochs: Epochs,
        clock: Clock,
        cache: AnswerCache,
        part: Part,
        threads: SigningThreads,
        log: Log,
        *,
        identification: Identification | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        share: float = 0.75,
    ) -> None:
        """``identification``: None answers everybody."""
        self._responders: Final = responders
        self._epochs: Final = epochs
        self._clock: Final = clock
        self._cache: Final = cache
        self._counts: Final = part.counts
        self._threads: Final = threads
        self._log: Final = log
        self.identification: Final = identification
        self.timer: Final = monotonic
        self.clock_now: Final = clock.now
        self.nonce_share: Final = SigningShare(share, monotonic)
        self._misses: Final = SigningShare(min(1.0, share + 0.15), monotonic)
        self._plain: Final = Frame(None, None, b"", b"", 0, 0)  # type: ignore[arg-type] # of nobody's to keep
        self._fast: FastPath | None = None
        self.now_s = 0
        self._ticked_at = 0.0
        self.date = b""
        policies = [responder.policy for responder in responders.values()]
        #: Are nonces echoed? Else an answer serves who sent one as well.
        self.nonces: Final = any(policy.nonce is NoncePolicy.ECHO for policy in policies)
        #: Is a request's signature looked at? Then nothing is answered from memory.
        self.signatures_matter: Final = any(
            policy.signed_requests is not SignedRequests.IGNORE for policy in policies
        )
        self.tick()

    @property
    def epoch(self) -> Epoch:
        return self._epochs.epoch

    def attach(self, fast: FastPath) -> None:
        """From now on this fast path hears of each epoch and each second."""
        self._fast = fast
        fast.adopt(self._epochs.epoch)
        self.tick()

    # -- the time of day, the set --------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the clock; called each second, and before an answer where the loop was late."""
        now = self._clock.now()
        second = int(now.timestamp())
        if second < self.now_s - 1:
            # The clock stepped back: what was good until later was kept by the other time.
            self.forget()
        self.now_s = second
        self._ticked_at = self.timer()
        self.date = format_datetime(now.replace(microsecond=0), usegmt=True).encode("ascii")
        if self._fast is not None:
            self._fast.tick(second, self.date, self._ticked_at)
        self.refresh()

    def forget(self) -> None:
        """Nothing that was signed before is handed out any more."""
        self._epochs.renew()
        if self._fast is not None:
            self._fast.adopt(self._epochs.epoch)

    def on_time(self) -> None:
        """Look at the clock where that was not done for a second."""
        if self.timer() - self._ticked_at >= 1.0:
            self.tick()

    def refresh(self) -> None:
        """Answer from what is published now; nothing is done where that is what is answered from already."""
        if self._epochs.refresh() and self._fast is not None:
            self._fast.adopt(self._epochs.epoch)

    # -- one request ---------------------------------------------------------------------------------------

    def ask(
        self, octets: bytes, mode: int, key: bytes | None, caller: Caller | None
    ) -> Said | asyncio.Future[Said]:
        """The answer to any octets; never raises for what a client sent.

        ``key``: where an answer may be kept (one CertID; whoever asks may hear of it), or None: then
        ``caller``, where there is one, is looked at for each CertID.
        """
        if self._misses.spent():
            return self._overloaded()
        try:
            request = decode_request(octets)
        except InputRefused:
            return MALFORMED_REQUEST
        if key is None and caller is not None and self.identification is not None:
            return asyncio.ensure_future(self._permitted(request, mode, caller))
        return self._answered(request, mode, key)

    def with_nonce(self, frame: Frame, single: bytes, nonce: bytes, kind: int) -> Said | asyncio.Future[Said]:
        """A signature more for a word that was said before (RFC 9654), by a signer that is in its time."""
        share = self.nonce_share
        if share.spent():
            return self._overloaded()
        key, template = frame.identity.key, frame.template
        # The clock is read before the signature: producedAt is when the word was true.
        data = template.to_be_signed(single, self._clock.now(), nonce)
        if key.slow:
            return self._beside(
                lambda: _tried(key, data), lambda found: self._nonced(template, data, found, kind)
            )
        began = self.timer()
        found = _tried(key, data)
        share.paid(began, self.timer())
        return self._nonced(template, data, found, kind)

    def _nonced(
        self, template: ResponseTemplate, data: bytes, found: bytes | RevocationError, kind: int
    ) -> Said:
        if isinstance(found, RevocationError):
            return self.failed(found)
        self._counts[Count.SIGNATURES] += 1
        self._counts[Count.NONCE] += 1
        return Signed(_NO_TAG, template.response(data, found), self._plain, kind, False)

    def _answered(self, request: OcspRequest, mode: int, key: bytes | None) -> Said | asyncio.Future[Said]:
        responder = self._responders.get(MODES[mode])
        if responder is None:
            return UNAUTHORIZED
        error = responder.refused(request)
        if error is not None:
            return STATUS_NUMBERS[error]
        epoch = self._epochs.epoch
        judged = [responder.judge(each, epoch.snapshot, MODES[mode]) for each in request.cert_ids]
        identity = judged[0].identity

        def then(answer: OcspAnswer) -> Said:
            return self._said(responder, epoch, judged, answer, mode, key)

        if identity is not None and identity.key.slow:
            return self._beside(lambda: responder.sign(judged, request.nonce), then)
        share = self.nonce_share if request.nonce is not None and self.nonces else self._misses
        began = self.timer()
        answer = responder.sign(judged, request.nonce)
        share.paid(began, self.timer())
        return then(answer)

    def _said(
        self,
        responder: Responder,
        epoch: Epoch,
        judged: list[Judged],
        answer: OcspAnswer,
        mode: int,
        key: bytes | None,
    ) -> Said:
        if answer.fault is not None:
            self.failed(answer.fault)
        if answer.response_status != "successful":
            return STATUS_NUMBERS[answer.response_status]
        self._counts[Count.SIGNATURES] += 1
        kind = max(_KINDS.get(status, REVOKED) for status in answer.statuses)
        if not answer.cacheable:
            self._counts[Count.NONCE] += 1
            if key is not None:
                self._remember_judged(responder, epoch, judged[0], kind, mode, key)
            return Signed(_NO_TAG, answer.der, self._plain, kind, False)
        return self._storable(responder, epoch, judged, answer, kind, mode, key)

    def _remember_judged(
        self, responder: Responder, epoch: Epoch, judged: Judged, kind: int, mode: int, key: bytes
    ) -> None:
        """For the next who asks it with a nonce: nothing but a signature is left to do then."""
        identity, this_update, next_update = judged.identity, judged.this_update, judged.next_update
        if identity is None or this_update is None or next_update is None or judged.extended_revoke:
            return
        key = bytes([key[0] | UNSIGNED_FORM]) + key[1:]
        if kind != REVOKED and not self._cache.asked_before(key, epoch.number):
            return
        included = responder.includes_certificate(MODES[mode])
        make = frame_for(identity, this_update, next_update, included=included)
        number = epoch.frame((identity, this_update, next_update, included), make)
        if number >= 0:
            single = judged.single
            self._cache.put_answer(key, epoch.number, _NO_TAG, single, number, 0, len(single), kind)

    def _storable(
        self,
        responder: Responder,
        epoch: Epoch,
        judged: list[Judged],
        answer: OcspAnswer,
        kind: int,
        mode: int,
        key: bytes | None,
    ) -> Signed:
        """With what HTTP says of an answer that may be kept; kept here too where it is worth it."""
        tag = hashlib.sha256(answer.der).digest()
        identity = judged[0].identity
        assert identity is not None  # noqa: S101 - it was signed
        assert answer.this_update is not None and answer.next_update is not None  # noqa: S101, PT018 - as well
        included = responder.includes_certificate(MODES[mode])
        make = frame_for(identity, answer.this_update, answer.next_update, included=included)
        if key is None or judged[0].extended_revoke:
            frame = make()
            return Signed(tag, answer.der.removesuffix(frame.tail), frame, kind, True)
        number = epoch.frame((identity, answer.this_update, answer.next_update, included), make)
        frame = epoch.frames[number] if number >= 0 else make()
        octets = answer.der.removesuffix(frame.tail)
        # What a list names is few, and asked again; anything else must be asked twice first (item 45).
        if number >= 0 and (kind == REVOKED or self._cache.asked_before(key, epoch.number)):
            single = judged[0].single
            if self._cache.put_answer(
                key, epoch.number, tag, octets, number, octets.index(single), len(single), kind
            ):
                self._counts[Count.CACHE_ADMITTED] += 1
        return Signed(tag, octets, frame, kind, True)

    def lay_in(self, responder: Responder, epoch: Epoch, judged: Judged, mode: int, key: bytes) -> bool:
        """Sign for an epoch to come what nobody has asked in it yet; False where there is nothing to keep."""
        answer = responder.sign([judged])
        if answer.response_status != "successful" or not answer.statuses:
            return False
        kind = _KINDS.get(answer.statuses[0], REVOKED)
        self._cache.asked_before(key, epoch.number)  # it was, of the set before
        self._storable(responder, epoch, [judged], answer, kind, mode, key)
        return True

    def _beside(self, sign: Callable[[], T], then: Callable[[T], Said]) -> Said | asyncio.Future[Said]:
        found = self._threads.submit(sign, then)
        return self._overloaded() if found is None else found

    def _overloaded(self) -> int:
        self._counts[Count.OVERLOADED] += 1
        return TRY_LATER

    def broke(self, error: Exception) -> None:
        """A fault of ours that nobody foresaw: its type and place, for the operator."""
        self._log.error("component.failed", component="ocsp", **failure(error))

    def internal_error(self) -> int:
        """The unsigned answer to what broke."""
        self._counts[Count.INTERNAL_ERROR] += 1
        return STATUS_NUMBERS["internal_error"]

    def failed(self, error: RevocationError) -> int:
        """The unsigned answer where a key did not sign; told to the operator."""
        self._log.error("component.failed", component="ocsp", **failure(error))
        return TRY_LATER if isinstance(error, OutsideFailed) else STATUS_NUMBERS["internal_error"]

    # -- who asks ------------------------------------------------------------------------------------------

    async def _permitted(self, request: OcspRequest, mode: int, caller: Caller) -> Said:
        """Every CertID of a request must be one that this caller may hear of, or none is answered."""
        responder, asking = self._responders.get(MODES[mode]), self.identification
        assert asking is not None  # noqa: S101 - who calls has looked
        if responder is not None:
            identities = [responder.identity_of(each) for each in request.cert_ids]
            refused = await asking.refused(caller, identities, self._epochs.epoch.authorities)
            if refused is not None:
                return refused
        found = self._answered(request, mode, None)
        return found if isinstance(found, Signed | int) else await found

    def known_caller(
        self, authorization: bytes, certificate: bytes | None, peer: str | None
    ) -> CallerView | asyncio.Future[CallerView]:
        """Who asks, from memory or found out; see ``identification.py``."""
        assert self.identification is not None  # noqa: S101 - a fast path that asks nobody does not ask this
        return self.identification.known(authorization, certificate, peer)

    def presented_by(self, transport: asyncio.BaseTransport | None) -> tuple[bytes | None, str | None]:
        """Of a new connection: the client certificate's SHA-256 and the connected address."""
        return certificate_sha256(transport, self._clock.now()), connected_address(transport)

    def may_ask(self, caller: Caller, authority: Authority) -> bool:
        assert self.identification is not None  # noqa: S101 - a caller was identified
        return self.identification.callers.may_ask(caller, authority)

    def entitle(self, caller: Caller, issuer: int, serial: bytes, question: int) -> asyncio.Future[None]:
        """Find out whether one of the caller's registrations watches this certificate, and remember it."""
        authority, generation = self._epochs.epoch.issuers[issuer]
        identity = CertificateIdentity(authority.ca_id, generation.key_id, serial)
        return asyncio.ensure_future(self._entitle(caller, identity, question))

    async def _entitle(self, caller: Caller, identity: CertificateIdentity, question: int) -> None:
        assert self.identification is not None and self._fast is not None  # noqa: S101, PT018 - they ask
        found = await self.identification.callers.entitled(caller, identity)
        allowed = None if isinstance(found, Unavailable) else found
        self._fast.entitlements.remember(question, allowed, int(self.timer()) + 1)

    @staticmethod
    def matches(wanted: bytes, tag: bytes) -> bool:
        """If-None-Match (RFC 9110 section 13.1.2): weak comparison, a list, or any."""
        own = f'"{tag.hex()}"'.encode()
        tags = {part.strip(b" \t").removeprefix(b"W/") for part in wanted.split(b",")}
        return b"*" in tags or own in tags


def _tried(key: SigningKey, data: bytes) -> bytes | RevocationError:
    """The signature, or why there is none; also in a thread."""
    try:
        return key.sign(data)
    except RevocationError as error:
        return error
