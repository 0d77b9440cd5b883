"""``certificates:batchCheck``: item for item what ``certificates:check`` says by serial number, at once."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from platform_api.institutions.model import Entitlement
from platform_api.status.batch_bodies import COLUMNS, BatchCheckResponse
from tests.base.postgres import TestInstitution, make_institution
from tests.features.cards import make_card
from tests.features.service import Service, serving
from tests.features.world import World
from tests.revocation import sets

BATCH = "/v1/certificates:batchCheck"
ISSUER_KEY = sets.ca().generations[1].key_id.hex()


def question(serial_numbers: Any, **changes: Any) -> dict[str, Any]:
    return {
        "purpose": "current_status_check",
        "ca_id": "card-sign",
        "issuer_key": ISSUER_KEY,
        "serial_numbers": serial_numbers,
    } | changes


def taken_apart(answer: dict[str, Any]) -> list[dict[str, Any] | None]:
    """Of each item its status object, put together as the OpenAPI document says; None for NOT_FOUND."""
    BatchCheckResponse.model_validate(answer)
    assert answer["columns"] == list(COLUMNS)
    rows = {row[0]: dict(zip(answer["columns"], row, strict=True)) for row in answer["details"]}
    assert len(rows) == len(answer["details"])
    found: list[dict[str, Any] | None] = []
    for at, word in enumerate(answer["statuses"]):
        row = rows.pop(at, None)
        if word == "NOT_FOUND":
            assert row is not None
            assert row["answer"] is None
            found.append(None)
            continue
        said = answer["answers"][0 if row is None else row["answer"]]
        assert said["status"] == word
        own = {name: None if row is None else row[name] for name in ("reason_code", "reason", "revoked_at")}
        found.append(said | own | {"previously_revoked": False})
    assert rows == {}
    return found


async def one_by_one(
    service: Service, institution: TestInstitution, asked: dict[str, Any]
) -> list[dict[str, Any] | None]:
    """The same questions, each on its own."""
    found = []
    for text in asked["serial_numbers"]:
        numbers = {name: asked[name] for name in ("ca_id", "issuer_key") if name in asked}
        body = {
            "purpose": asked["purpose"],
            "serial": numbers | {"serial_number": text},
            "max_age_s": asked.get("max_age_s"),
        }
        async with service.client.post(
            "/v1/certificates:check", json=body, headers=institution.headers
        ) as response:
            answer = await response.json(content_type=None)
            assert response.status in (200, 404), answer
            found.append(answer["status"] if response.status == 200 else None)
    return found


@pytest.mark.parametrize("hours", [0, 60])
@pytest.mark.parametrize("max_age_s", [None, 60])
async def test_each_item_is_what_the_single_check_says(
    service: Service, institution: TestInstitution, hours: int, max_age_s: int | None
) -> None:
    """Good, revoked, on hold, gone, not issued, in every spelling: while lists are in force and after."""
    await service.world.day({0xBFCD: 3, 2: 6, 3: 4, 2**64: 1, 2**159 - 1: 0xFF})
    await service.world.day({0xBFCD: 3, 2: 6, 2**64: 1, 2**159 - 1: (0, sets.T0 - timedelta(days=400))})
    service.world.clock.advance(timedelta(hours=hours))
    asked = question(
        ["bfcd", "00BFCD", "2", "3", "4", "0", "00", f"{2**64:x}", "7" + 39 * "f", "0" * 63 + "3"],
        max_age_s=max_age_s,
    )
    for some in (
        asked,
        question(["1", "bfcd", "bfcd"], max_age_s=max_age_s),
        question(["bfcd"]),
        question(["0"]),
    ):
        answer = await service.call(institution, "POST", BATCH, some)
        assert taken_apart(answer) == await one_by_one(service, institution, some)


async def test_what_is_usual_costs_a_word(service: Service, institution: TestInstitution) -> None:
    """Serials that no list names share one answer with its evidence, and have no rows."""
    await service.world.day({7: 3})
    answer = await service.call(institution, "POST", BATCH, question([f"{n:x}" for n in range(1, 10_001)]))
    assert answer["ca_id"] == "card-sign"
    assert answer["issuer_key"] == ISSUER_KEY
    assert answer["statuses"] == ["GOOD"] * 6 + ["REVOKED"] + ["GOOD"] * 9993
    assert answer["details"] == [[6, 1, 3, "affiliationChanged", "2026-11-19T00:00:00Z"]]
    good, revoked = answer["answers"]
    assert (good["status"], good["evidence"]["coverage"], good["evidence"]["crl_number"]) == (
        "GOOD",
        "ca",
        None,
    )
    assert (revoked["status"], revoked["evidence"]["coverage"]) == ("REVOKED", "list")
    assert revoked["evidence"]["crl_number"] == "2"


async def test_of_a_key_nobody_knows_nothing_is_good(service: Service, institution: TestInstitution) -> None:
    """An unknown issuer key: UNKNOWN for every item, as the single form says it."""
    asked = question(["1", "0", "ff"], issuer_key="00" * 32)
    answer = await service.call(institution, "POST", BATCH, asked)
    assert taken_apart(answer) == await one_by_one(service, institution, asked)
    assert {said["unknown_reason"] for said in answer["answers"]} == {"ISSUER_UNKNOWN"}


async def test_before_the_first_set_nothing_is_good(world: World, institution: TestInstitution) -> None:
    """Without a set: NO_CRL for all, also for serials that cannot be."""
    async with serving(world) as service:
        asked = question(["1", "0", "7" + 39 * "f"])
        answer = await service.call(institution, "POST", BATCH, asked)
        assert taken_apart(answer) == await one_by_one(service, institution, asked)
        assert answer["statuses"] == ["UNKNOWN"] * 3


async def test_messages_come_in_the_callers_language(service: Service, institution: TestInstitution) -> None:
    """Japanese on request, English otherwise."""
    told = {}
    for language in ("ja", "en"):
        answer = await service.call(
            institution, "POST", BATCH, question(["1"]), headers={"Accept-Language": language}
        )
        told[language] = answer["answers"][0]["message"]
    assert told["en"].isascii()
    assert "失効" in told["ja"]


async def test_only_its_own_registrations(service: Service, institution: TestInstitution) -> None:
    """With the entitlement ``registered`` an item that is not the institution's own is NOT_FOUND, revoked or
    not, registered elsewhere or nowhere; its own are answered.
    """
    database = service.world.database
    narrow = await make_institution(database, entitlement=Entitlement.REGISTERED)
    other = await make_institution(database, entitlement=Entitlement.REGISTERED)
    own, revoked, foreign, nowhere = (make_card(sets.ca()) for _ in range(4))
    await service.world.register(narrow, own, "one")
    await service.world.register(narrow, revoked, "two")
    await service.world.register(other, foreign)
    await service.world.day({revoked.serial: 4, foreign.serial: 4, nowhere.serial: 4})
    # More than are asked for in one question.
    filling = [f"{n:x}" for n in range(1, 300)]
    cards = [f"{card.serial:x}" for card in (own, foreign, nowhere, revoked)]
    asked = question([*cards, *filling, *cards])
    answer = await service.call(narrow, "POST", BATCH, asked)
    words = ["GOOD", "NOT_FOUND", "NOT_FOUND", "REVOKED"]
    assert answer["statuses"] == [*words, *["NOT_FOUND"] * len(filling), *words]
    assert taken_apart(answer)[:4] == await one_by_one(service, narrow, question(cards))
    assert [said["status"] for said in answer["answers"]] == ["GOOD", "REVOKED"]


async def test_denied_by_default(service: Service, institution: TestInstitution) -> None:
    """Entitlement, purpose, kinds and scope each close the door, as for one certificate."""
    database = service.world.database
    for rights in (
        {"entitlement": Entitlement.PRESENTED},
        {"purposes": frozenset({"signature_verification"})},
        {"kinds": frozenset({"card-sign"})},
        {"scopes": frozenset({"signatures:verify"})},
    ):
        narrow = await make_institution(database, **rights)  # type: ignore[arg-type]
        refused = await service.call(narrow, "POST", BATCH, question(["1"]), expect=403)
        assert refused["code"] == "NOT_PERMITTED"
    await service.call(None, "POST", BATCH, question(["1"]), expect=401)
    several = {name: value for name, value in question(["1"]).items() if name != "issuer_key"}
    assert (await service.call(institution, "POST", BATCH, several, expect=422))[
        "code"
    ] == "ISSUER_KEY_REQUIRED"
    await service.call(institution, "POST", BATCH, question(["1"], ca_id="unheard-of"), expect=404)


@pytest.mark.parametrize(
    ("serial_numbers", "pointer", "code"),
    [
        ([], "/serial_numbers", "too_short"),
        (["1"] * 10_001, "/serial_numbers", "too_long"),
        (["1", "2", "S3CRET"], "/serial_numbers/2", "string_pattern_mismatch"),
        (["1", ""], "/serial_numbers/1", "string_pattern_mismatch"),
        (["0x1"], "/serial_numbers/0", "string_pattern_mismatch"),
        (["1\n"], "/serial_numbers/0", "string_pattern_mismatch"),
        (["１"], "/serial_numbers/0", "string_pattern_mismatch"),
        (["8" + 39 * "0"], "/serial_numbers/0", "string_pattern_mismatch"),
        (["0" * 65], "/serial_numbers/0", "string_too_long"),
        ([1], "/serial_numbers/0", "string_type"),
        ([None], "/serial_numbers/0", "string_type"),
        ("1", "/serial_numbers", "list_type"),
        ({"0": "1"}, "/serial_numbers", "list_type"),
    ],
)
async def test_refused_with_the_place_and_never_the_value(
    service: Service, institution: TestInstitution, serial_numbers: Any, pointer: str, code: str
) -> None:
    """One error, its pointer, our bound; T46: 10,001 items are refused."""
    async with service.client.post(
        BATCH, json=question(serial_numbers), headers=institution.headers
    ) as response:
        text = await response.text()
        refused = await response.json(content_type=None)
    assert response.status == 422
    assert refused["code"] == "VALIDATION_FAILED"
    assert [(error["pointer"], error["code"]) for error in refused["errors"]] == [(pointer, code)]
    assert "S3CRET" not in text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "JSON_MALFORMED"),
        (b'{"serial_numbers":["1"]', 400, "JSON_MALFORMED"),
        (b'{"serial_numbers":["1"],}', 400, "JSON_MALFORMED"),
        (b'{"serial_numbers":["1"]} x', 400, "JSON_MALFORMED"),
        (b'["serial_numbers"]', 422, "VALIDATION_FAILED"),
        (b'{"serial_numbers":["1"],"surprise":1}', 422, "VALIDATION_FAILED"),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(60_000)) + b"}", 422, "VALIDATION_FAILED"),
        (b'{"serial_numbers":["1"]}' + b" " * 770_000, 413, "BODY_TOO_LARGE"),
    ],
)
async def test_other_bodies_are_refused_as_everywhere(
    service: Service, institution: TestInstitution, body: bytes, status: int, code: str
) -> None:
    """What is no JSON, no object, has a member too many, or is too long."""
    headers = {"Content-Type": "application/json", **institution.headers}
    async with service.client.post(BATCH, data=BytesIO(body), headers=headers) as response:
        assert response.status == status
        assert (await response.json(content_type=None))["code"] == code


async def test_other_spellings_of_the_same_body(service: Service, institution: TestInstitution) -> None:
    """Escapes in digits or in the name, a member twice (the last one counts): slower, and the same answer."""
    await service.world.day({0xBFCD: 3})
    start = f'{{"purpose":"current_status_check","ca_id":"card-sign","issuer_key":"{ISSUER_KEY}",'
    answers = []
    for members in (
        '"serial_numbers":["bfcd","1"]}',
        '"serial_numbers" : [ "b\\u0066cd" , "1" ] }',
        '"serial\\u005fnumbers":["bfcd","1"]}',
        '"serial_numbers":["5"],"serial_numbers":["bfcd","1"]}',
        '"max_age_s":null,\n"serial_numbers":[\t"0000bFcD",\r"01"]}',
    ):
        headers = {"Content-Type": "application/json", **institution.headers}
        async with service.client.post(BATCH, data=(start + members).encode(), headers=headers) as response:
            assert response.status == 200, await response.text()
            answers.append(await response.json())
    assert answers[0]["statuses"] == ["REVOKED", "GOOD"]
    assert all(answer == answers[0] for answer in answers)
