"""Bodies of the invitations' JSON API."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from platform_api.certificates.wire import Base64, Items
from platform_api.invitations.model import MOST_DAYS, Invitation, InvitationState
from platform_api.operations import REFERENCE_PATTERN, RequestModel, ResponseModel
from platform_api.problems import Problem

Reference = Annotated[str, Field(pattern=REFERENCE_PATTERN)]
StateName = Literal[
    "CREATED",
    "OPENED",
    "SIGNED",
    "PENDING_INSTITUTION_CONFIRMATION",
    "CONFIRMED",
    "REJECTED",
    "DECLINED",
    "EXPIRED",
    "CANCELLED",
]
_CURSOR: Final = re.compile(r"([0-9T:.+-]{20,40})\|([0-9a-f-]{36})", re.ASCII)


class InvitationRequest(RequestModel):
    """For a registration there is, or for one that is made when you confirm who signed."""

    service_id: UUID
    items: Items
    registration_id: UUID | None = None
    registration_ref: Reference | None = None
    customer_ref: Reference | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=MOST_DAYS)]
    language: Literal["ja", "en"] = "ja"

    @model_validator(mode="after")
    def _for_one(self) -> Self:
        refs = (self.registration_ref is not None, self.customer_ref is not None)
        if all(refs) == (self.registration_id is not None) or any(refs) != all(refs):
            raise ValueError("expected registration_id, or registration_ref and customer_ref together")
        return self


class InvitationCreated(ResponseModel):
    """The address stands here once and is not kept; print it, and its QR code, on the letter."""

    invitation_id: UUID
    url: str
    #: QR code of the url, with its quiet zone.
    qr_svg: str
    #: The same as PNG for 300 dpi, in base64.
    qr_png: str
    expires_at: datetime


class InvitationBody(ResponseModel):
    """An invitation; nothing of who signed it."""

    invitation_id: UUID
    service_id: UUID
    registration_id: UUID | None
    registration_ref: str | None
    customer_ref: str | None
    state: InvitationState
    items: list[str]
    language: str
    text_version: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    signed_at: datetime | None
    #: While PENDING_INSTITUTION_CONFIRMATION: when it expires.
    confirm_by: datetime | None
    ended_at: datetime | None
    #: What came of it, once J-LIS was asked; whether it took the consent is the consent's own state.
    consent_id: UUID | None
    #: The delivery (purpose consent_signer) with what was signed and by whom; it waits 72 hours.
    delivery_id: UUID | None
    #: Other invitations of this service that the same person signed.
    same_person_as: list[UUID]


class InvitationsQuery(RequestModel):
    page_size: Annotated[int, Field(ge=1, le=200)] = 50
    page_token: Annotated[str, Field(max_length=200)] | None = None
    state: StateName | None = None
    service_id: UUID | None = None


class InvitationsResponse(ResponseModel):
    """The newest first; read on with ``page_token = next_page_token`` while there is one."""

    invitations: list[InvitationBody]
    next_page_token: str | None


class ConfirmRequest(RequestModel):
    """The delivery's own values, exactly as they were decrypted: they prove that you saw who signed."""

    application: Base64
    signature: Base64
    signature_algorithm: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    certificate: Base64


class ConfirmedBody(ResponseModel):
    invitation_id: UUID
    registration_id: UUID
    consent_id: UUID
    #: Of the consent, as of the answer.
    state: str


def cursor_after(invitation: Invitation) -> str:
    text = f"{invitation.created_at.isoformat()}|{invitation.invitation_id}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_of(token: str | None) -> tuple[datetime, UUID] | None:
    """Where the page before ended."""
    if token is None:
        return None
    try:
        text = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)).decode("ascii")
        parts = _CURSOR.fullmatch(text)
        if parts is None:
            raise ValueError("another text")
        at = datetime.fromisoformat(parts[1])
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        return at, UUID(parts[2])
    except ValueError:
        raise Problem(
            400,
            "PAGE_TOKEN_REFUSED",
            en="Send next_page_token of the page before exactly as it was given.",
            ja="page_tokenには前のページのnext_page_tokenをそのまま指定してください。",
        ) from None
