"""Consents and the four items over HTTP: who may have them, how they arrive, and that nothing stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from platform_api.jlis.error_codes import OURS_TO_MEND
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import ALL, consent, fetch, next_day, onboard, signed_consent
from tests.features.gateways import CANARY_ADDRESS, CANARY_BIRTH, CANARY_NAME, FakeJlis, successor
from tests.features.service import Service, b64
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def test_the_whole_way(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """Consent, move, event, items byte for byte, acknowledgement, and the new certificate is watched."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    given = await consent(service, institution, old, registration_id)
    assert given["state"] == "REFLECTED"
    assert given["items"] == ALL
    assert (given["valid_from"], given["valid_until"]) == ("2026-11-20T15:00:00Z", "2036-11-20T14:59:59Z")
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    got = await fetch(service, institution, registration_id)
    assert got["outcome"] == "DATA"
    assert got["four_information"] == {
        "name": {
            "value": CANARY_NAME,
            "normalised": "金糸雀 歌子",
            "substitute_characters": "0" * len(CANARY_NAME),
            "substitute_characters_reliable": True,
        },
        "address": {
            "value": CANARY_ADDRESS,
            "normalised": "東京都千代田区カナリア町9-8-7",
            "substitute_characters": "0" * len(CANARY_ADDRESS),
            "substitute_characters_reliable": True,
        },
        "date_of_birth": {"raw": CANARY_BIRTH, "precision": "day", "date": "1992-02-29"},
        "gender": {"raw": "2", "code": "female"},
        "name_furigana": None,
        "moved_abroad_on": None,
    }
    assert got["registration"] == {
        "registration_id": registration_id,
        "registration_ref": "a",
        "state": "CHANGED_DATA_AVAILABLE",
        "pending_successor": True,
    }
    again = await fetch(service, institution, registration_id)
    assert again["four_information"] == got["four_information"]
    assert [q.identity for q in jlis.queries] == [world.known(old).identity] * 2
    done = await service.call(
        institution, "POST", f"/v1/registrations/{registration_id}/four-information:acknowledge", {}
    )
    assert done["registration"]["state"] == "WATCHED"
    await next_day(service, {old.serial: 3, new.serial: 5})
    assert await world.told(institution) == [
        ("REVOKED", "CONTENT_CHANGED", 2),
        ("REVOKED", "ENDED_CAUSE_UNKNOWN", 3),
    ]
    jlis.successor = None
    assert (await fetch(service, institution, registration_id))["outcome"] == "NO_NEW_CERTIFICATE"
    assert jlis.queries[-1].identity == world.known(new).identity


async def test_nothing_of_an_answer_is_kept(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """After on-boarding, fetch and a replayed fetch, no table holds an item, in any form we know of."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    headers = {"Idempotency-Key": "once"}
    got = await service.call(institution, "POST", path, {"items": ALL}, headers=headers)
    assert got["outcome"] == "DATA"
    gone = await service.call(institution, "POST", path, {"items": ALL}, headers=headers, expect=410)
    assert gone["code"] == "RESPONSE_NOT_KEPT"
    rows = await everything(world.database)
    assert rows["four_information_query"]
    assert rows["watched_certificate"]
    assert rows["idempotency"]
    kept = "\n".join(_texts(rows))
    serial = new.serial.to_bytes(2, "big").hex()
    planted = [CANARY_NAME, CANARY_ADDRESS, CANARY_BIRTH, "1992-02-29", "黒桐　幹也", "319800217", "歌子"]
    for text in planted:
        for form in _forms(text):
            assert form not in kept, f"an item is kept as {form[:4]}…"
    assert f'"serial":"{serial}"' not in kept
    # The search finds what is there: the control is the reference that is kept on purpose.
    assert "customer-1" in kept
    assert b"customer-1".hex() in kept


def _texts(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Every value as text and every octet as hex, also of texts."""
    found = []
    for table in rows.values():
        for row in table:
            for value in row.values():
                octets = value if isinstance(value, bytes) else str(value).encode()
                found += [str(value), octets.hex(), octets.decode("utf-8", "replace")]
    return found


def _forms(text: str) -> list[str]:
    forms = [text, text.encode().hex(), text.encode("utf-16-le").hex(), json.dumps(text)[1:-1]]
    if not text.isascii():
        forms += [text.encode("cp932").hex(), b64(text.encode())[:-4]]
    return forms


async def test_t39_without_consent_nothing_is_asked(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """No consent, or one that is not yet effective: refused by us, J-LIS not asked, the refusal logged."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_MISSING"
    await consent(service, institution, card, registration_id)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_NOT_YET_EFFECTIVE"
    assert jlis.queries == []
    log = (await everything(service.world.database))["four_information_query"]
    assert [(row["outcome"], row["detail_code"]) for row in log] == [
        ("CONSENT_MISSING", "REFUSED_BY_US"),
        ("CONSENT_NOT_YET_EFFECTIVE", "REFUSED_BY_US"),
    ]


async def test_t39_consent_of_one_institution_says_nothing_at_another(
    service: Service, jlis: FakeJlis, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """The same person at two institutions, one with consent: the other gets CONSENT_MISSING, unasked."""
    card = make_card(sets.ca())
    with_consent = await onboard(service, institution, card)
    without = await onboard(service, other_institution, card)
    await consent(service, institution, card, with_consent)
    await next_day(service, {card.serial: 3})
    assert (await fetch(service, other_institution, without))["outcome"] == "CONSENT_MISSING"
    assert jlis.queries == []
    path = f"/v1/registrations/{with_consent}/four-information:fetch"
    await service.call(other_institution, "POST", path, {"items": ALL}, expect=404)


async def test_t39_only_consented_items_are_asked_for(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Beyond the consent nothing is asked; with nothing left nothing is asked at all."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id, ["address"])
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    got = await fetch(service, institution, registration_id)
    assert got["four_information"]["address"]["value"] == CANARY_ADDRESS
    assert [got["four_information"][item] for item in ("name", "date_of_birth", "gender")] == [None] * 3
    assert jlis.queries[-1].items == ("address",)
    refused = await fetch(service, institution, registration_id, ["gender"])
    assert refused["outcome"] == "ITEM_NOT_CONSENTED"
    assert len(jlis.queries) == 1


async def test_jlis_down_is_temporary(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """J-LIS unreachable: TEMPORARY, no state changes; a consent is kept and goes on when sent again."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    body = await signed_consent(service, institution, card, registration_id)
    jlis.down = True
    failed = await service.call(institution, "POST", "/v1/consents", body, expect=503)
    assert failed["code"] == "JLIS_TIMEOUT"
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_NOT_YET_EFFECTIVE"
    jlis.down = False
    first = await service.call(institution, "POST", "/v1/consents", body, expect=201)
    assert first["state"] == "REFLECTED"
    again = await service.call(institution, "POST", "/v1/consents", body, expect=201)
    assert again["consent_id"] == first["consent_id"]
    assert jlis.submissions == 2
    await next_day(service, {card.serial: 3})
    jlis.down = True
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["registration"]["state"]) == ("TEMPORARY", "CHANGED_AWAITING_REISSUE")


async def test_refusal_of_jlis_wins(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """A consent that J-LIS refuses never permits a fetch."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    jlis.refuse = "JLIS_CONSENT_CERTIFICATE_INVALID"
    refused = await consent(service, institution, card, registration_id, expect=422)
    assert refused["code"] == "JLIS_CONSENT_CERTIFICATE_INVALID"
    await next_day(service)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_MISSING"


@pytest.mark.parametrize("code", sorted(OURS_TO_MEND))
async def test_what_the_operator_must_mend_costs_no_consent(
    service: Service, jlis: FakeJlis, institution: TestInstitution, code: str
) -> None:
    """J-LIS refuses, but not what the customer signed: the consent stays, and the same request goes on."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    signed = await signed_consent(service, institution, card, registration_id)
    jlis.refuse = code
    refused = await service.call(institution, "POST", "/v1/consents", signed, expect=503)
    assert refused["code"] == code
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_NOT_YET_EFFECTIVE"
    jlis.refuse = None
    taken = await service.call(institution, "POST", "/v1/consents", signed, expect=201)
    assert taken["state"] == "REFLECTED"
