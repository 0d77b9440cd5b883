"""What a service's customers read: versions, and the 11 explanations without which there is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from platform_api.consents.application import parse_application
from platform_api.invitations.explanation import REQUIRED, TEMPLATE
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import consent, onboard
from tests.features.service import Service
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


def clauses(*without: int, language: str = "ja") -> list[dict[str, Any]]:
    return [
        {"number": one.number, "heading": one.heading, "text": f"{language} {one.text}"}
        for one in TEMPLATE.clauses(language)[0]
        if one.number not in without
    ]


def path(institution: TestInstitution) -> str:
    return f"/v1/services/{institution.service_id}/consent-text"


async def test_versions_of_a_text(service: Service, institution: TestInstitution) -> None:
    """The template until there is a text; each other text a new version, the same text the same one."""
    first = await service.call(institution, "GET", path(institution))
    assert (first["version"], first["template"], first["text_version"]) == (0, True, "2026-05")
    body = {"ja": clauses(2, 7), "en": clauses(language="en")}
    put = await service.call(institution, "PUT", path(institution), body)
    assert (put["version"], put["template"], put["text_version"]) == (1, False, "own-1")
    assert (await service.call(institution, "PUT", path(institution), body))["version"] == 1
    second = await service.call(institution, "PUT", path(institution), {"ja": clauses()})
    assert (second["version"], second["en"]) == (2, None)
    assert await service.call(institution, "GET", path(institution)) == second


@pytest.mark.parametrize("number", sorted(REQUIRED))
async def test_no_required_explanation_is_left_out(
    service: Service, institution: TestInstitution, number: int
) -> None:
    """Refused, and the answer says which are missing; so for an English text."""
    answer = await service.call(institution, "PUT", path(institution), {"ja": clauses(number, 2)}, expect=422)
    assert (answer["code"], answer["missing"]) == ("CONSENT_TEXT_INCOMPLETE", [number])
    body = {"ja": clauses(), "en": clauses(number, language="en")}
    answer = await service.call(institution, "PUT", path(institution), body, expect=422)
    assert (answer["missing"], answer["language"]) == ([number], "en")
    assert (await service.call(institution, "GET", path(institution)))["version"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"number": 16},
        {"number": 1},
        {"text": ""},
        {"text": " \n"},
        {"text": "a\u202eb"},
        {"text": "a\u200bb"},
        {"heading": "x" * 101},
        {"required": True},
    ],
)
async def test_a_text_that_nobody_could_read(
    service: Service, institution: TestInstitution, change: dict[str, Any]
) -> None:
    """A number twice or unknown, nothing to read, invisible characters that turn or hide a text."""
    body = clauses()
    body[1] |= change
    answer = await service.call(institution, "PUT", path(institution), {"ja": body}, expect=422)
    assert answer["code"] == "VALIDATION_FAILED"


async def test_a_consent_names_the_text_that_its_service_explains(
    service: Service, institution: TestInstitution
) -> None:
    """Whoever asks for the application is told its text, the holder signs it, and the receipt says so."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    for expected in ("2026-05", "own-1"):
        wish = {
            "service_id": str(institution.service_id),
            "registration_id": registration_id,
            "items": ["name"],
        }
        given = await service.call(institution, "POST", "/v1/consent-applications", wish, expect=201)
        assert given["text_version"] == expected
        assert parse_application(base64.b64decode(given["application"])).text_version == expected
        consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
        found = await service.call(institution, "GET", f"/v1/consents/{consent_id}/proof")
        payload = found["receipt"].split(".")[1]
        receipt = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert receipt["text_version"] == expected
        await service.call(institution, "PUT", path(institution), {"ja": clauses()})


async def test_only_the_own_service(
    service: Service, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Another institution's service is none."""
    body = {"ja": clauses()}
    await service.call(institution, "PUT", path(other_institution), body, expect=404)
    await service.call(institution, "GET", path(other_institution), expect=404)
