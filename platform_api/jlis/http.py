"""The port over HTTP, as the sandbox J-LIS speaks it: each method is a call, what it sends, what it reads."""

from __future__ import annotations

import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import orjson

from platform_api.breaker import State
from platform_api.jlis import calls, wire
from platform_api.jlis.calls import Call, Kind
from platform_api.jlis.exchange import Exchange
from platform_api.jlis.failures import malformed
from platform_api.jlis.gateway import (
    AuthorityOffer,
    ConsentReflection,
    ConsentSubmission,
    FourInformationAnswer,
    FourInformationQuery,
    LinkageAnswer,
    LinkageOutcome,
    LinkageQuery,
    PartitionOffer,
    WithdrawalPage,
    WithdrawalReceipt,
    WithdrawalSubmission,
)
from platform_api.jlis.guard import Guard, Nobody, Observer
from platform_api.jlis.settings import GatewaySettings
from revocation.clock import Clock, SystemClock
from revocation.identity import CertificateIdentity, serial_to_hex

Answer = TypeVar("Answer")


class HttpCalls:
    """``Gateway`` over a line that somebody else opens and closes."""

    def __init__(
        self,
        settings: GatewaySettings,
        exchange: Exchange,
        guard: Guard,
        *,
        batch: bool,
        awaited: bool = False,
    ) -> None:
        self._settings: Final = settings
        self._exchange: Final = exchange
        self._guard: Final = guard
        self._batch: Final = batch
        self._awaited: Final = awaited

    def state_of(self, kind: Kind) -> State:
        """Of the breaker of these calls."""
        return self._guard.state_of(kind)

    async def authorities(self) -> Sequence[AuthorityOffer]:
        return await self._call(calls.AUTHORITIES, None, wire.read_authorities)

    async def partitions(self, ca_id: str) -> Sequence[PartitionOffer]:
        return await self._call(calls.PARTITIONS, None, wire.read_partitions, of=ca_id)

    async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
        body = {"service_code": submission.service_code, **_signed(submission)}
        return await self._call(calls.SUBMIT_CONSENT, body, wire.read_reflection)

    async def consent_state(self, consent_ref: str) -> ConsentReflection:
        def read(octets: bytes) -> ConsentReflection:
            return _about(consent_ref, wire.read_reflection(octets))

        return await self._call(calls.CONSENT_STATE, {"consent_ref": consent_ref}, read)

    async def withdraw_consent(self, submission: WithdrawalSubmission) -> WithdrawalReceipt:
        def read(octets: bytes) -> WithdrawalReceipt:
            return _about(submission.consent_ref, wire.read_withdrawal_receipt(octets))

        body = {
            "consent_ref": submission.consent_ref,
            "service_code": submission.service_code,
            **_signed(submission),
        }
        return await self._call(calls.WITHDRAW_CONSENT, body, read)

    async def poll_withdrawals(self, provider_code: str, cursor: str | None) -> WithdrawalPage:
        def read(octets: bytes) -> WithdrawalPage:
            page = wire.read_withdrawals(octets)
            if page.more and page.cursor == cursor:
                raise malformed("a cursor that goes on, where there is more")
            return page

        body = {"provider_code": provider_code, "cursor": cursor, "limit": self._settings.poll_page}
        return await self._call(calls.POLL_WITHDRAWALS, body, read)

    async def query_linkage(self, query: LinkageQuery) -> LinkageAnswer:
        if not query.customer_agreed:
            return LinkageAnswer(LinkageOutcome.NOT_AGREED)
        body = {
            **_identity(query.identity),
            "service_code": query.service_code,
            "relation": query.relation.value,
            "customer_agreed": True,
        }
        return await self._call(calls.QUERY_LINKAGE, body, wire.read_linkage)

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        body = {
            **_identity(query.identity),
            "service_code": query.service_code,
            "items": list(query.items),
        }
        return await self._call(calls.QUERY_FOUR_INFORMATION, body, wire.read_answer)

    async def ask_ocsp(self, ca_id: str, request: bytes) -> bytes:
        return await self._call(calls.ASK_OCSP, request, bytes, of=ca_id)

    async def _call(
        self,
        call: Call,
        body: Mapping[str, Any] | bytes | None,
        read: Callable[[bytes], Answer],
        *,
        of: str = "",
    ) -> Answer:
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)

        async def attempt() -> Answer:
            return read(await self._exchange.send(call, data, of))

        return await self._guard.call(call, attempt, batch=self._batch, awaited=self._awaited)


class HttpGateway(HttpCalls):
    """The line of one process. ``async with``, or ``close`` when done."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock | None = None,
        *,
        observer: Observer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        exchange = Exchange(settings)
        guard = Guard(settings, clock or SystemClock(), observer or Nobody(), monotonic)
        super().__init__(settings, exchange, guard, batch=False)
        #: The same line for work that nobody waits for.
        self.batches: Final = HttpCalls(settings, exchange, guard, batch=True)
        #: And for a request about many: the same share, and its waiting is bounded.
        self.awaited_batches: Final = HttpCalls(settings, exchange, guard, batch=True, awaited=True)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Of this line, for the lists, which lie behind it; None where it is plain HTTP."""
        return self._settings.tls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._exchange.close()


_Of = TypeVar("_Of", ConsentReflection, WithdrawalReceipt)


def _about(consent_ref: str, found: _Of) -> _Of:
    """An answer about another consent than the one asked about is none."""
    if found.consent_ref != consent_ref:
        raise malformed("an answer about the consent that was asked about")
    return found


def _signed(submission: ConsentSubmission | WithdrawalSubmission) -> dict[str, str]:
    return {
        "application": b64encode(submission.application).decode(),
        "signature": b64encode(submission.signature).decode(),
        "signature_algorithm": submission.signature_algorithm,
        "certificate": b64encode(submission.certificate).decode(),
    }


def _identity(identity: CertificateIdentity) -> dict[str, str]:
    return {
        "ca_id": identity.ca_id,
        "issuer_key": identity.issuer_key.hex(),
        "serial_number": serial_to_hex(identity.serial),
    }
