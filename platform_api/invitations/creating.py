"""Make an invitation: its token, the application that the holder will sign, its row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from platform_api.certificates.four_items import ITEMS
from platform_api.consents import store as consents
from platform_api.consents.application import Application, write_application
from platform_api.deliveries.queue import has_key
from platform_api.invitations import application_store, store, text_store
from platform_api.invitations.model import Invitation, InvitationState
from platform_api.invitations.tokens import LetterHashes, new_token
from platform_api.problems import Problem, not_found
from platform_api.registrations import store as registrations

if TYPE_CHECKING:
    from collections.abc import Collection

    from platform_api.db.transactions import Connection
    from platform_api.institutions.model import Principal


@dataclass(frozen=True, slots=True, repr=False)
class Wish:
    """What the institution asks for."""

    service_id: UUID
    items: Collection[str]
    registration_id: UUID | None
    registration_ref: str | None
    customer_ref: str | None
    expires_in_days: int
    language: str


async def create(
    connection: Connection, principal: Principal, hashes: LetterHashes, wish: Wish, now: datetime
) -> tuple[Invitation, str]:
    """The invitation and its token, which nobody can be told again."""
    institution_id = principal.institution_id
    service_code = await registrations.service_code(connection, wish.service_id)
    if service_code is None:
        raise not_found()
    registration_id = await _registration(connection, wish)
    # Whoever it is for: a registration's customer may sign with a card that nobody has seen yet.
    if not await has_key(connection, institution_id):
        raise _delivery_key_missing()
    application = Application(
        institution_code=str(institution_id),
        service_code=service_code,
        items=tuple(item for item in ITEMS if item in wish.items),
        text_version=await text_store.newest_version(connection, wish.service_id),
        application_number=uuid4(),
        created_at=now.replace(microsecond=0),
    )
    invitation = Invitation(
        invitation_id=uuid4(),
        institution_id=institution_id,
        service_id=wish.service_id,
        key_id=principal.key_id,
        registration_id=registration_id,
        registration_ref=wish.registration_ref,
        customer_ref=wish.customer_ref,
        application_number=application.application_number,
        language=wish.language,
        state=InvitationState.CREATED,
        created_at=now,
        expires_at=now + timedelta(days=wish.expires_in_days),
        opened_at=None,
        signed_at=None,
        confirm_by=None,
        ended_at=None,
        consent_id=None,
        delivery_id=None,
        certificate_hash=None,
        signed_hash=None,
        signer_taken_at=None,
    )
    token = new_token()
    await store.insert(connection, invitation, hashes.token(token))
    await application_store.insert(
        connection,
        institution_id,
        consents.IssuedApplication(
            application_number=application.application_number,
            registration_id=registration_id,
            service_id=wish.service_id,
            items=application.items,
            text_version=application.text_version,
            sha256=hashlib.sha256(write_application(application)).digest(),
            created_at=application.created_at,
        ),
        invitation_id=invitation.invitation_id,
    )
    return invitation, token


async def _registration(connection: Connection, wish: Wish) -> UUID | None:
    """The registration that the letter is for, where there is one already."""
    if wish.registration_id is None:
        if wish.registration_ref is None:
            raise AssertionError("expected a registration_id or a registration_ref, got neither")
        return await store.registration_of(connection, wish.service_id, wish.registration_ref)
    found = await registrations.find(connection, wish.registration_id)
    if found is None or found.service_id != wish.service_id:
        raise not_found()
    return found.registration_id


def application_of(issued: consents.IssuedApplication, institution_id: UUID, service_code: str) -> bytes:
    """The very octets again: they follow from what is kept, and their hash says whether they are the same."""
    octets = write_application(
        Application(
            institution_code=str(institution_id),
            service_code=service_code,
            items=issued.items,
            text_version=issued.text_version,
            application_number=issued.application_number,
            created_at=issued.created_at,
        )
    )
    if hashlib.sha256(octets).digest() != issued.sha256:
        raise AssertionError("expected the application as it was written, got other octets")
    return octets


def _delivery_key_missing() -> Problem:
    return Problem(
        409,
        "DELIVERY_KEY_MISSING",
        en="Who signed can only be told to you encrypted: add a delivery key first, with"
        " PUT /v1/delivery-keys/{kid}.",
        ja="署名者の情報は暗号化してお渡しします。先に配信用の公開鍵を登録してください"
        "(PUT /v1/delivery-keys/{kid})。",
    )
