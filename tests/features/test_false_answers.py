"""T40 and T42 at the service: what J-LIS must not say is thrown away, and asking once means asking once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from platform_api.certificates.birth_date import birth_date
from platform_api.certificates.four_items import FourInformation, TextItem, gender
from platform_api.jlis.gateway import FourInformationAnswer, FourInformationQuery, QueryOutcome
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import ALL, consent, fetch, next_day, onboard
from tests.features.gateways import CANARY_ADDRESS, CANARY_NAME, FakeJlis, canary, successor
from tests.features.service import Service
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

Bend = Callable[[FourInformationAnswer], FourInformationAnswer]


async def _moved(
    service: Service, jlis: FakeJlis, institution: TestInstitution, items: list[str] | None = None
) -> str:
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id, items)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    return registration_id


def _bend(jlis: FakeJlis, bend: Bend) -> None:
    plain = jlis.query_four_information

    async def answer(query: FourInformationQuery) -> FourInformationAnswer:
        return bend(await plain(query))

    jlis.query_four_information = answer  # type: ignore[method-assign]


def _items(**changes: Any) -> Bend:
    return lambda answer: replace(answer, items=replace(answer.items or canary(), **changes))


async def _thrown_away(
    service: Service, institution: TestInstitution, registration_id: str, code: str, **more: Any
) -> None:
    got = await fetch(service, institution, registration_id, **more)
    assert (got["outcome"], got["detail_code"], got["four_information"]) == ("TEMPORARY", code, None)
    assert got["registration"]["state"] == "CHANGED_AWAITING_REISSUE"
    rows = await everything(service.world.database)
    assert [row["slot"] for row in rows["watched_certificate"]] == ["current"]
    assert rows["four_information_query"][-1]["detail_code"] == code
    assert CANARY_NAME not in str(rows)


async def test_t40_more_items_than_consented(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The whole answer is thrown away: who sends more than was asked may have mixed up more than that."""
    registration_id = await _moved(service, jlis, institution, ["address"])
    _bend(jlis, _items(name=TextItem(CANARY_NAME, None)))
    await _thrown_away(service, institution, registration_id, "ITEMS_NOT_ASKED")


@pytest.mark.parametrize("known", [None, {"date_of_birth": "1992-02-29", "gender": "2"}])
async def test_t40_another_person_s_data(
    service: Service, jlis: FakeJlis, institution: TestInstitution, known: dict[str, str] | None
) -> None:
    """A birthday that is not the certificate's; or one that is, of somebody born on that day another year,
    and of the other sex, which only the institution's own record tells."""
    registration_id = await _moved(service, jlis, institution)
    if known is None:
        _bend(jlis, _items(date_of_birth=birth_date("319800217")))
        await _thrown_away(service, institution, registration_id, "PERSON_MISMATCH")
    else:
        _bend(jlis, _items(date_of_birth=birth_date("319840229"), gender=gender("1")))
        await _thrown_away(service, institution, registration_id, "PERSON_MISMATCH", compare_with=known)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("old", "SUCCESSOR_IS_OLD_CERTIFICATE"),
        ("foreign", "SUCCESSOR_ISSUER_UNKNOWN"),
        ("authentication", "SUCCESSOR_KIND"),
        ("later", "SUCCESSOR_DATES"),
        ("none", "ANSWER_INCOMPLETE"),
    ],
)
async def test_t40_wrong_new_serial(
    service: Service, jlis: FakeJlis, institution: TestInstitution, wrong: str, code: str
) -> None:
    """The old number again, one of an unknown CA, of a certificate that cannot sign, of one that is not
    valid yet, or none."""
    registration_id = await _moved(service, jlis, institution)

    def bend(answer: FourInformationAnswer) -> FourInformationAnswer:
        found = answer.certificate
        assert found is not None
        begins = replace(found.validity, not_before=found.validity.not_before + timedelta(days=90))
        return replace(
            answer,
            certificate={
                "old": replace(found, identity=jlis.queries[-1].identity),
                "foreign": replace(found, identity=replace(found.identity, ca_id="elsewhere")),
                "authentication": replace(found, kind="card-auth"),
                "later": replace(found, validity=begins),
                "none": None,
            }[wrong],
        )

    _bend(jlis, bend)
    await _thrown_away(service, institution, registration_id, code)


async def test_t40_substitute_characters(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Flags come through byte for byte; flags that are not one for each character are passed on and called
    unreliable; and a substitute chosen anew is no new name."""
    registration_id = await _moved(service, jlis, institution)
    _bend(jlis, _items(name=TextItem("金糸鳥　歌子", "001000"), address=TextItem(CANARY_ADDRESS, "01")))
    got = await fetch(
        service, institution, registration_id, compare_with={"name": CANARY_NAME, "address": CANARY_ADDRESS}
    )
    assert got["four_information"]["name"] == {
        "value": "金糸鳥　歌子",
        "normalised": "金糸鳥 歌子",
        "substitute_characters": "001000",
        "substitute_characters_reliable": True,
    }
    assert got["four_information"]["address"]["substitute_characters"] == "01"
    assert got["four_information"]["address"]["substitute_characters_reliable"] is False
    assert (got["differences"]["name"], got["differences"]["address"]) == (
        "SUBSTITUTE_CHARACTER_ONLY",
        "UNCHANGED",
    )
    assert got["differences"]["notes"] == {"address": ["UNRELIABLE_FLAGS"]}


@pytest.mark.parametrize("item", ["name", "address", "flags", "date_of_birth", "gender", "furigana"])
async def test_t40_zero_octet(
    service: Service, jlis: FakeJlis, institution: TestInstitution, item: str
) -> None:
    """0x00 in any text of the answer: thrown away, before any table or client sees it."""
    registration_id = await _moved(service, jlis, institution)
    bent: dict[str, Any] = {
        "name": {"name": TextItem("金糸雀\x00　歌子", None)},
        "address": {"address": TextItem("東京都\x00", None)},
        "flags": {"name": TextItem(CANARY_NAME, "00000\x00")},
        "date_of_birth": {"date_of_birth": birth_date("41992\x000229")},
        "gender": {"gender": gender("\x00")},
        "furigana": {"name_furigana": "カナリヤ\x00"},
    }
    _bend(jlis, _items(**bent[item]))
    await _thrown_away(service, institution, registration_id, "ITEMS_MALFORMED")


async def test_t40_name_of_ten_megabytes(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Thrown away without being normalised or compared (the loop is not held)."""
    registration_id = await _moved(service, jlis, institution)
    _bend(jlis, _items(name=TextItem("金" * (10 * 1024 * 1024 // 3), None)))
    await _thrown_away(
        service, institution, registration_id, "ITEMS_MALFORMED", compare_with={"name": CANARY_NAME}
    )


async def test_t42_fifty_at_once_ask_once(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """One Idempotency-Key, fifty requests at once: one question to J-LIS, one answer with items; the others
    409 while it runs and 410 after it; another body under the key is 422."""
    registration_id = await _moved(service, jlis, institution)
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    headers = institution.headers | {"Idempotency-Key": "once"}
    jlis.meanwhile = lambda: asyncio.sleep(0.2)

    async def attempt() -> tuple[int, Any]:
        async with service.client.post(path, json={"items": ALL}, headers=headers) as response:
            return response.status, await response.json()

    answers = await asyncio.gather(*(attempt() for _ in range(50)))
    assert [body["outcome"] for status, body in answers if status == 200] == ["DATA"]
    assert {status for status, _ in answers} <= {200, 409, 410}
    assert len(jlis.queries) == 1
    again = await attempt()
    assert (again[0], again[1]["code"]) == (410, "RESPONSE_NOT_KEPT")
    async with service.client.post(path, json={"items": ["name"]}, headers=headers) as response:
        assert response.status == 422
    assert len(jlis.queries) == 1


async def test_nothing_is_half_given(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """DATA without items, or without a certificate: thrown away whole."""
    registration_id = await _moved(service, jlis, institution)
    _bend(jlis, lambda answer: FourInformationAnswer(QueryOutcome.DATA, None, answer.certificate))
    await _thrown_away(service, institution, registration_id, "ANSWER_INCOMPLETE")
    assert FourInformation().given() == ()
