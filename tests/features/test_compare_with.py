"""What became of the customer: compared in memory with what the institution knows, and forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from platform_api.certificates.four_items import TextItem
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import ALL, consent, fetch, next_day, onboard
from tests.features.gateways import (
    CANARY_ADDRESS,
    CANARY_BIRTH,
    CANARY_NAME,
    FakeJlis,
    successor,
)
from tests.features.service import Service
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

KNOWN = {"name": CANARY_NAME, "address": CANARY_ADDRESS, "date_of_birth": CANARY_BIRTH, "gender": "2"}
#: Nowhere else: what the institution sends of its customer.
PLANTED = "雪柳　冬馬"


async def _moved(service: Service, jlis: FakeJlis, institution: TestInstitution, items: Any = None) -> str:
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id, items)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    return registration_id


@pytest.mark.parametrize(
    ("known", "item", "found"),
    [
        ({}, "overall", "UNCHANGED"),
        ({"name": "金糸雀 歌子"}, "name", "NOTATION_ONLY"),
        ({"address": "千代田区カナリア町9丁目8番7号"}, "address", "NOTATION_ONLY"),
        ({"address": "東京都千代田区カナリア町９－８－６"}, "overall", "MOVED"),
        ({"name": "雲雀　歌子"}, "overall", "RENAMED"),
        (
            {"name": "金糸鳥　歌子", "name_substitute_characters": "001000"},
            "name",
            "SUBSTITUTE_CHARACTER_ONLY",
        ),
        ({"name_furigana": ""}, "name_furigana", "UNCHANGED"),
        ({"date_of_birth": "1992-02-29", "gender": "female"}, "overall", "UNCHANGED"),
        ({"gender": "1"}, "overall", "CORRECTED"),
    ],
)
async def test_each_item_and_the_whole_are_classed(
    service: Service,
    jlis: FakeJlis,
    institution: TestInstitution,
    known: dict[str, str],
    item: str,
    found: str,
) -> None:
    """With what the institution knows the answer says what became of it."""
    registration_id = await _moved(service, jlis, institution)
    got = await fetch(service, institution, registration_id, compare_with=KNOWN | known)
    assert got["outcome"] == "DATA"
    assert got["differences"][item] == found


async def test_without_it_nothing_is_computed(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """NOT_COMPUTED for each item, also for those that only one side says, and for other outcomes."""
    registration_id = await _moved(service, jlis, institution, ["address"])
    got = await fetch(service, institution, registration_id)
    assert got["differences"].pop("notes") == {}
    assert set(got["differences"].values()) == {"NOT_COMPUTED"}
    got = await fetch(service, institution, registration_id, compare_with=KNOWN)
    assert (got["differences"]["address"], got["differences"]["name"]) == ("UNCHANGED", "NOT_COMPUTED")
    jlis.successor = None
    got = await fetch(service, institution, registration_id, compare_with=KNOWN)
    assert (got["outcome"], got["differences"]["overall"]) == ("NO_NEW_CERTIFICATE", "NOT_COMPUTED")


async def test_moved_abroad(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """The day of departure says it, whatever the address's text is; it goes with the address only."""
    registration_id = await _moved(service, jlis, institution)

    async def answer(*_: Any) -> Any:
        found = await plain(*_)
        assert found.items is not None
        return replace(found, items=replace(found.items, moved_abroad_on=date(2026, 12, 1)))

    plain, jlis.query_four_information = jlis.query_four_information, answer  # type: ignore[method-assign]
    got = await fetch(service, institution, registration_id, compare_with=KNOWN)
    assert got["four_information"]["moved_abroad_on"] == "2026-12-01"
    assert (got["differences"]["address"], got["differences"]["overall"]) == ("MOVED_ABROAD", "MOVED_ABROAD")


@pytest.mark.parametrize(
    "known",
    [
        {"date_of_birth": "319800217", "gender": "1"},
        {"date_of_birth": "319800217", "name": PLANTED},
    ],
)
async def test_another_person_s_answer_is_discarded(
    service: Service, jlis: FakeJlis, institution: TestInstitution, known: dict[str, str]
) -> None:
    """Birth and sex, or birth and whole name, are another's: no items, no successor, only the code kept."""
    registration_id = await _moved(service, jlis, institution)
    got = await fetch(service, institution, registration_id, compare_with=KNOWN | known)
    assert (got["outcome"], got["detail_code"], got["four_information"]) == (
        "TEMPORARY",
        "PERSON_MISMATCH",
        None,
    )
    assert got["registration"]["pending_successor"] is False
    assert got["differences"]["overall"] == "NOT_COMPUTED"
    rows = await everything(service.world.database)
    assert [row["slot"] for row in rows["watched_certificate"]] == ["current"]
    assert rows["four_information_query"][-1]["detail_code"] == "PERSON_MISMATCH"


async def test_what_was_compared_with_is_neither_kept_nor_repeated(
    service: Service, jlis: FakeJlis, institution: TestInstitution, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not in the answer, the log, the database, nor in a refusal; also under an Idempotency-Key."""
    registration_id = await _moved(service, jlis, institution)
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    sent = {"name": PLANTED, "address": f"{PLANTED}町１－１", "name_furigana": "ユキヤナギ"}
    headers = {"Idempotency-Key": "compared"}
    body: dict[str, Any] = {"items": ALL, "compare_with": sent}
    got = await service.call(institution, "POST", path, body, headers=headers)
    assert got["differences"]["overall"] == "RENAMED"
    gone = await service.call(institution, "POST", path, body, headers=headers, expect=410)
    bad = {"items": ALL, "compare_with": sent | {"date_of_birth": PLANTED, PLANTED: 1, "gender": ["x"]}}
    refused = await service.call(institution, "POST", path, bad, expect=422)
    rows = await everything(service.world.database)
    told = f"{got}{gone}{refused}{rows}{capfd.readouterr()}"
    assert institution.service_code in told  # the search finds what is there
    for text in (PLANTED, "雪柳", "冬馬", "ユキヤナギ", PLANTED.encode().hex(), ascii(PLANTED)[1:-1]):
        assert text not in told


@pytest.mark.parametrize(
    "text",
    [
        "一" * 1000,
        "1-" * 500,
        "[" * 1000,
        "あ " * 500,
        "1 " * 500,
        "ー-" * 500,
        "第1" * 500,
        "(あ)" * 333,
        "\u3099" * 1000,
    ],
)
async def test_long_and_odd_texts_do_not_hold_the_loop(
    service: Service, jlis: FakeJlis, institution: TestInstitution, text: str
) -> None:
    """The longest that is taken, with flags and without, as name and as address, on both sides."""
    registration_id = await _moved(service, jlis, institution)
    plain = jlis.query_four_information

    async def answer(*asked: Any) -> Any:
        found = await plain(*asked)
        item = TextItem(text[::-1], "10" * (len(text) // 2))
        return replace(found, items=replace(found.items, name=item, address=item))

    jlis.query_four_information = answer  # type: ignore[method-assign]
    for flags in (None, "01" * (len(text) // 2)):
        known = {
            "name": text,
            "address": text,
            "name_substitute_characters": flags,
            "address_substitute_characters": flags,
            "name_furigana": text,
        }
        got = await fetch(service, institution, registration_id, compare_with=known)
        assert got["outcome"] == "DATA"
        assert got["differences"]["overall"] != "NOT_COMPUTED"
