"""Bodies of the invitations' JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from platform_api.certificates.wire import Base64, Items
from platform_api.invitations.model import MOST_DAYS, InvitationState
from platform_api.operations import REFERENCE_PATTERN, RequestModel, ResponseModel
from platform_api.page_tokens import PageToken

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
    #: While PENDING_INSTITUTION_CONFIRMATION: when it expires. Before you take the delivery: by when you must
    #: take it; otherwise the letter is OPENED again, and the customer has to sign once more.
    confirm_by: datetime | None
    ended_at: datetime | None
    #: What came of it, once J-LIS was asked; whether it took the consent is the consent's own state.
    consent_id: UUID | None
    #: The delivery (purpose consent_signer) with what was signed and by whom; it waits 72 hours at most.
    delivery_id: UUID | None
    #: Other invitations of this service that the same person signed.
    same_person_as: list[UUID]


class InvitationsQuery(RequestModel):
    page_size: Annotated[int, Field(ge=1, le=200)] = 50
    page_token: PageToken | None = None
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
