"""The port over HTTP, as the sandbox J-LIS speaks it: deadlines, a few retries, capped answers.

Logs and errors carry paths and codes of ours only: what is asked here names a person's certificate.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
import orjson
import stamina

from platform_api.jlis import wire
from platform_api.jlis.gateway import (
    AuthorityOffer,
    ConsentReflection,
    ConsentSubmission,
    FourInformationAnswer,
    FourInformationQuery,
    GatewayRefused,
    LinkageAnswer,
    LinkageOutcome,
    LinkageQuery,
    PartitionOffer,
    WithdrawalPage,
    WithdrawalReceipt,
    WithdrawalSubmission,
)
from platform_api.jlis.settings import ERROR_CODES, UNKNOWN_REFUSAL, GatewaySettings
from revocation.errors import OutsideFailed
from revocation.identity import CertificateIdentity, serial_to_hex

Answer = TypeVar("Answer")

_REMEDY: Final = "nothing was changed; ask again later, and look at J-LIS's notices if it lasts"


class _WorthAskingAgain(OutsideFailed):
    """The same question may be answered a moment later."""


class HttpGateway:
    """``Gateway`` over one aiohttp session. ``async with``, or ``close`` when done."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._base = settings.base_url.rstrip("/")
        self._turns = asyncio.Semaphore(settings.concurrency)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=settings.attempt_timeout_s),
            connector=aiohttp.TCPConnector(limit=settings.concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json"},
            auto_decompress=False,
        )

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
        await self._session.close()

    async def authorities(self) -> Sequence[AuthorityOffer]:
        cap = self._settings.max_list_octets
        return await self._call("GET", "/jlis/v1/authorities", None, wire.read_authorities, cap)

    async def partitions(self, ca_id: str) -> Sequence[PartitionOffer]:
        cap = self._settings.max_list_octets
        return await self._call("GET", f"/jlis/v1/crls/{ca_id}", None, wire.read_partitions, cap)

    async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
        body = {
            "service_code": submission.service_code,
            "application": b64encode(submission.application).decode(),
            "signature": b64encode(submission.signature).decode(),
            "signature_algorithm": submission.signature_algorithm,
            "certificate": b64encode(submission.certificate).decode(),
        }
        return await self._call("POST", "/jlis/v1/consents", body, wire.read_reflection)

    async def consent_state(self, consent_ref: str) -> ConsentReflection:
        return await self._call(
            "POST", "/jlis/v1/consents:get", {"consent_ref": consent_ref}, wire.read_reflection
        )

    async def withdraw_consent(self, submission: WithdrawalSubmission) -> WithdrawalReceipt:
        body = {
            "consent_ref": submission.consent_ref,
            "service_code": submission.service_code,
            "application": b64encode(submission.application).decode(),
            "signature": b64encode(submission.signature).decode(),
            "signature_algorithm": submission.signature_algorithm,
            "certificate": b64encode(submission.certificate).decode(),
        }
        return await self._call("POST", "/jlis/v1/consents:withdraw", body, wire.read_withdrawal_receipt)

    async def poll_withdrawals(self, provider_code: str, cursor: str | None) -> WithdrawalPage:
        body = {"provider_code": provider_code, "cursor": cursor, "limit": self._settings.poll_page}
        cap = self._settings.max_list_octets
        return await self._call("POST", "/jlis/v1/withdrawals:poll", body, wire.read_withdrawals, cap)

    async def query_linkage(self, query: LinkageQuery) -> LinkageAnswer:
        if not query.customer_agreed:
            return LinkageAnswer(LinkageOutcome.NOT_AGREED)
        body = {
            **_identity(query.identity),
            "service_code": query.service_code,
            "relation": query.relation.value,
            "customer_agreed": True,
        }
        return await self._call("POST", "/jlis/v1/linkage:query", body, wire.read_linkage)

    async def ask_ocsp(self, ca_id: str, request: bytes) -> bytes:
        return await self._call(
            "POST", f"/jlis/v1/ocsp/{ca_id}", request, bytes, content_type="application/ocsp-request"
        )

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        body = {
            **_identity(query.identity),
            "service_code": query.service_code,
            "items": list(query.items),
        }
        return await self._call("POST", "/jlis/v1/four-information:query", body, wire.read_answer)

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        read: Callable[[bytes], Answer],
        cap: int | None = None,
        *,
        content_type: str = "application/json",
    ) -> Answer:
        """One call with its retries, within one deadline that also counts the waiting for a turn."""
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        cap = self._settings.max_answer_octets if cap is None else cap
        try:
            async with asyncio.timeout(self._settings.call_timeout_s), self._turns:
                # retry_context, not the decorator: stamina logs a decorated call's arguments.
                async for attempt in stamina.retry_context(
                    on=_WorthAskingAgain,
                    attempts=self._settings.attempts,
                    timeout=self._settings.call_timeout_s,
                    wait_initial=0.05,
                    wait_max=2.0,
                    wait_jitter=0.1,
                ):
                    with attempt:
                        return read(await self._attempt(method, path, data, cap, content_type))
        except TimeoutError:
            raise _timeout() from None
        raise AssertionError("expected an answer or an error from the last attempt, got neither")

    async def _attempt(
        self, method: str, path: str, data: bytes | None, cap: int, content_type: str
    ) -> bytes:
        headers = {} if data is None else {"Content-Type": content_type}
        try:
            async with self._session.request(
                method, self._base + path, data=data, headers=headers, allow_redirects=False
            ) as response:
                octets = await _capped(response, cap)
                status = response.status
        except TimeoutError:
            raise _timeout() from None
        except aiohttp.ClientError as error:
            raise _WorthAskingAgain(
                "JLIS_UNREACHABLE",
                expected="an answer of J-LIS",
                got=type(error).__name__,
                remedy=_REMEDY,
            ) from None
        if status in (200, 201):
            return octets
        raise _refusal(status, octets)


def _identity(identity: CertificateIdentity) -> dict[str, str]:
    return {
        "ca_id": identity.ca_id,
        "issuer_key": identity.issuer_key.hex(),
        "serial_number": serial_to_hex(identity.serial),
    }


async def _capped(response: aiohttp.ClientResponse, cap: int) -> bytes:
    octets = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        octets += chunk
        if len(octets) > cap:
            raise OutsideFailed(
                "JLIS_ANSWER_TOO_LARGE", expected=f"at most {cap} octets", got="more", remedy=_REMEDY
            )
    return bytes(octets)


def _refusal(status: int, octets: bytes) -> OutsideFailed | GatewayRefused:
    """By the table. A code that we do not know is never taken for a yes, nor for "ask for ever"."""
    code, again = ERROR_CODES.get(_code_in(octets), (UNKNOWN_REFUSAL, False))
    if status >= 500 or status == 429 or again:
        code = code if again else "JLIS_STATUS"
        return _WorthAskingAgain(code, expected="status 200", got=f"status {status}", remedy=_REMEDY)
    return GatewayRefused(
        code, expected="acceptance by J-LIS", got=f"status {status}", remedy="correct what was sent"
    )


def _code_in(octets: bytes) -> str:
    try:
        found = orjson.loads(octets)
    except orjson.JSONDecodeError:
        return ""
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, str) else ""


def _timeout() -> OutsideFailed:
    return _WorthAskingAgain("JLIS_TIMEOUT", expected="an answer in time", got="none", remedy=_REMEDY)
