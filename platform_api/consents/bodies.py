"""How consents look in the JSON API."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from platform_api.certificates.four_items import ITEMS
from platform_api.certificates.wire import Base64, Items
from platform_api.consents.history_store import HistoryRow
from platform_api.consents.model import Consent
from platform_api.consents.withdrawal_store import WithdrawalRecord
from platform_api.operations import RequestModel, ResponseModel

#: RSA-2048 and P-256 keys of today's cards and phones; P-384 keys of the next ones.
Algorithm = Literal["RSASSA-PKCS1-v1_5-SHA256", "ECDSA-SHA256", "ECDSA-SHA384"]

State = Literal[
    "RECEIVED",
    "SENT",
    "REFUSED",
    "REFLECTED",
    "EFFECTIVE",
    "EXPIRING",
    "EXPIRED",
    "WITHDRAWN",
    "STOPPED",
]
PageSize = Annotated[int, Field(ge=1, le=1000)]
#: Where a page ended: a number and an id, opaque to the caller.


class ApplicationRequest(RequestModel):
    """For which registration of which service, and which items."""

    service_id: UUID
    registration_id: UUID
    items: Items


class ApplicationResponse(ResponseModel):
    """The very octets that the holder signs, in base64."""

    application: str
    text_version: str


class ConsentRequest(RequestModel):
    """The application as signed. The certificate is used in memory and passed to J-LIS, not kept."""

    registration_id: UUID
    application: Base64
    signature: Base64
    signature_algorithm: Algorithm
    certificate: Base64


class WithdrawalApplicationResponse(ResponseModel):
    """The very octets that the holder signs to withdraw, in base64."""

    application: str


class WithdrawRequest(RequestModel):
    """The withdrawal application as signed. The certificate is used in memory and passed on, not kept."""

    application: Base64
    signature: Base64
    signature_algorithm: Algorithm
    certificate: Base64


class StopRequest(RequestModel):
    """At once, or from the beginning of a day in Japan."""

    stop_on: date | None = None


class RemindedResponse(ResponseModel):
    """How many reminders that were due are given now."""

    consent_id: UUID
    acknowledged: int


class WithdrawalBody(ResponseModel):
    """How the consent was withdrawn, and whether J-LIS knows.

    PENDING: hand the same signed withdrawal in again. REFUSED: J-LIS said no, by ``forwarding_code``.
    NO_REFERENCE: J-LIS never named the consent. SEEN: read in J-LIS's own list.
    """

    received_at: datetime | None
    forwarding: Literal["PENDING", "FORWARDED", "REFUSED", "NO_REFERENCE", "SEEN"]
    forwarding_code: str | None
    jlis_reflected_at: datetime | None


class ConsentBody(ResponseModel):
    """A consent with its times; ``state`` is as of the answer."""

    consent_id: UUID
    registration_id: UUID
    service_id: UUID
    state: State
    items: list[str]
    received_at: datetime
    reflected_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    stops_at: datetime | None
    refusal_code: str | None
    withdrawal: WithdrawalBody | None


class ConsentsResponse(ResponseModel):
    """A page, the oldest first; null where it is the last one."""

    consents: list[ConsentBody]
    next_page_token: str | None


class HistoryEntry(ResponseModel):
    """A state entered: when it was so, when we wrote it down, by whose act."""

    state: State
    at: datetime
    recorded_at: datetime
    who: Literal["holder", "institution", "jlis", "clock"]
    code: str | None


class HistoryResponse(ResponseModel):
    """Everything that happened to a consent, in the order in which we learnt of it."""

    consent_id: UUID
    history: list[HistoryEntry]


def consent_body(consent: Consent, withdrawal: WithdrawalRecord | None, now: datetime) -> ConsentBody:
    bounds = consent.validity
    return ConsentBody(
        consent_id=consent.consent_id,
        registration_id=consent.registration_id,
        service_id=consent.service_id,
        state=consent.state_at(now).value,
        items=[item for item in ITEMS if item in consent.items],
        received_at=consent.received_at,
        reflected_at=consent.reflected_at,
        valid_from=None if bounds is None else bounds.first.astimezone(UTC),
        valid_until=None if bounds is None else bounds.last.astimezone(UTC),
        stops_at=consent.stops_at,
        refusal_code=consent.refusal_code,
        withdrawal=None
        if withdrawal is None
        else WithdrawalBody(
            received_at=withdrawal.received_at,
            forwarding=withdrawal.forwarding.value,
            forwarding_code=withdrawal.forwarding_code,
            jlis_reflected_at=withdrawal.jlis_reflected_at,
        ),
    )


def history_entry(row: HistoryRow) -> HistoryEntry:
    return HistoryEntry(
        state=row.step.state.value,
        at=row.step.at,
        recorded_at=row.recorded_at,
        who=row.step.who.value,
        code=row.step.code,
    )
