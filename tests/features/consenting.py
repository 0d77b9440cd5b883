"""Steps of a customer and an institution on the way to the four items."""

from __future__ import annotations

import base64
from typing import Any

from tests.base.postgres import TestInstitution
from tests.features.cards import Card
from tests.features.service import Service, b64
from tests.revocation import sets

ALL = ["name", "address", "date_of_birth", "gender"]


async def signed_consent(
    service: Service,
    institution: TestInstitution,
    card: Card,
    registration_id: str,
    items: list[str] | None = None,
    *,
    change: Any = None,
) -> dict[str, str]:
    """The body of POST /v1/consents: our application, perhaps changed, as this card signed it."""
    application = await service.call(
        institution,
        "POST",
        "/v1/consent-applications",
        {
            "service_id": str(institution.service_id),
            "registration_id": registration_id,
            "items": items or ALL,
        },
        expect=201,
    )
    octets = base64.b64decode(application["application"])
    if change is not None:
        octets = change(octets)
    return {
        "registration_id": registration_id,
        "application": b64(octets),
        "signature": b64(card.sign(octets)),
        "signature_algorithm": card.algorithm,
        "certificate": b64(card.der),
    }


async def consent(
    service: Service,
    institution: TestInstitution,
    card: Card,
    registration_id: str,
    items: list[str] | None = None,
    *,
    signer: Card | None = None,
    expect: int = 201,
    change: Any = None,
    keep: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Application, signature on the card, consent; ``keep`` is filled with what was handed in."""
    body = await signed_consent(service, institution, signer or card, registration_id, items, change=change)
    if keep is not None:
        keep.update(body)
    return await service.call(institution, "POST", "/v1/consents", body, expect=expect)


async def withdrawal(
    service: Service,
    institution: TestInstitution,
    consent_id: str,
    signer: Card,
    *,
    change: Any = None,
) -> dict[str, Any]:
    """A signed withdrawal, as it is handed in."""
    path = f"/v1/consents/{consent_id}/withdrawal-applications"
    application = await service.call(institution, "POST", path, expect=201)
    octets = base64.b64decode(application["application"])
    if change is not None:
        octets = change(octets)
    return {
        "application": b64(octets),
        "signature": b64(signer.sign(octets)),
        "signature_algorithm": signer.algorithm,
        "certificate": b64(signer.der),
    }


async def withdraw(
    service: Service,
    institution: TestInstitution,
    consent_id: str,
    signed: dict[str, Any],
    *,
    expect: int = 200,
) -> dict[str, Any]:
    path = f"/v1/consents/{consent_id}:withdraw"
    return await service.call(institution, "POST", path, signed, expect=expect)


async def seen(
    service: Service, institution: TestInstitution, consent_id: str
) -> tuple[str, list[tuple[str, str]]]:
    """The consent's state, and its history as (state, who)."""
    found = await service.call(institution, "GET", f"/v1/consents/{consent_id}")
    history = await service.call(institution, "GET", f"/v1/consents/{consent_id}/history")
    return found["state"], [(row["state"], row["who"]) for row in history["history"]]


async def consent_events(service: Service, institution: TestInstitution) -> list[str]:
    """Types of the feed's consent events, in order."""
    found = await service.world.events(institution)
    return [event.type for event in found if event.consent_id is not None]


async def fetch(
    service: Service,
    institution: TestInstitution,
    registration_id: str,
    items: list[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    return await service.call(institution, "POST", path, {"items": items or ALL} | more)


async def onboard(service: Service, institution: TestInstitution, card: Card, ref: str = "a") -> str:
    answer = await service.verify(institution, card, ref)
    return str(answer["registration"]["registration_id"])


async def next_day(service: Service, listing: sets.Listing | None = None) -> None:
    await service.world.day(listing)
    await service.world.night()


async def put(service: Service, institution: TestInstitution, card: Card, ref: str = "a") -> None:
    path = f"/v1/services/{institution.service_id}/registrations/{ref}"
    body = {"certificate": b64(card.der), "customer_ref": "customer-1"}
    await service.call(institution, "PUT", path, body)


async def acknowledge(
    service: Service, institution: TestInstitution, registration_id: str, **body: Any
) -> dict[str, Any]:
    path = f"/v1/registrations/{registration_id}/four-information:acknowledge"
    return await service.call(institution, "POST", path, body)


async def effective(service: Service, institution: TestInstitution, card: Card) -> tuple[str, str]:
    """A registration with a consent that has become effective: (registration_id, consent_id)."""
    registration_id = await onboard(service, institution, card)
    given = await consent(service, institution, card, registration_id)
    await next_day(service)
    return registration_id, given["consent_id"]
