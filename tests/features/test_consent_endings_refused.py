"""Withdrawals that end nothing: another holder, other octets, another form, another institution."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.base.postgres import TestInstitution
from tests.features.cards import AUTH_POLICY, make_card
from tests.features.consenting import (
    consent,
    effective,
    put,
    seen,
    withdraw,
    withdrawal,
)
from tests.features.service import Service
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def refused(
    service: Service, institution: TestInstitution, consent_id: str, signed: dict[str, Any]
) -> str:
    """The code of the refusal; the consent goes on."""
    answer = await withdraw(service, institution, consent_id, signed, expect=422)
    assert (await seen(service, institution, consent_id))[0] == "EFFECTIVE"
    return str(answer["code"])


async def test_a_next_holder_withdraws_nothing(service: Service, institution: TestInstitution) -> None:
    """The registration's number was given to another customer: the former holder's consent is not his."""
    former, next_one = make_card(sets.ca()), make_card(sets.ca())
    _, consent_id = await effective(service, institution, former)
    await put(service, institution, next_one)
    signed = await withdrawal(service, institution, consent_id, next_one)
    assert await refused(service, institution, consent_id, signed) == "WITHDRAWAL_HOLDER_MISMATCH"


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (lambda d: d | {"signature": d["signature"][:-8] + "AAAAAAA="}, "CONSENT_SIGNATURE_INVALID"),
        (lambda d: d | {"signature_algorithm": "ECDSA-SHA384"}, "CONSENT_ALGORITHM"),
        (lambda d: d | {"certificate": "MAA="}, "CERTIFICATE_MALFORMED"),
    ],
)
async def test_a_bent_withdrawal_is_refused(
    service: Service, institution: TestInstitution, bend: Any, code: str
) -> None:
    """Signature, algorithm and certificate are checked as strictly as a consent's; the consent goes on."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    signed = bend(await withdrawal(service, institution, consent_id, card))
    assert await refused(service, institution, consent_id, signed) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.replace("1.0</版>", "1.1</版>"), "WITHDRAWAL_APPLICATION_MALFORMED"),
        (lambda t: t.replace("取消申請", "申請"), "WITHDRAWAL_APPLICATION_MALFORMED"),
        (lambda t: t.replace("<申請番号>", "<余分/><申請番号>"), "WITHDRAWAL_APPLICATION_MALFORMED"),
        (lambda t: re.sub("(?<=<申請番号>).{8}", "00000000", t), "WITHDRAWAL_NUMBER_UNKNOWN"),
        (lambda t: re.sub("(?<=<同意申請番号>).{8}", "00000000", t), "WITHDRAWAL_CONSENT_MISMATCH"),
        (lambda t: re.sub("(?<=<作成日時>)....", "2025", t), "WITHDRAWAL_OCTETS_MISMATCH"),
        (lambda t: t.replace("Z</作成日時>", "Z</作成日時>\n"), "WITHDRAWAL_OCTETS_MISMATCH"),
    ],
)
async def test_another_form_than_ours_is_refused(
    service: Service, institution: TestInstitution, change: Any, code: str
) -> None:
    """Signed by the right card, but not the octets that we wrote."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    signed = await withdrawal(
        service, institution, consent_id, card, change=lambda octets: change(octets.decode()).encode()
    )
    assert await refused(service, institution, consent_id, signed) == code


async def test_an_authentication_certificate_withdraws_nothing(
    service: Service, institution: TestInstitution
) -> None:
    """Only a signing certificate's signature counts."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    other = make_card(sets.ca(), policies=(AUTH_POLICY,), items=None)
    signed = await withdrawal(service, institution, consent_id, other)
    assert await refused(service, institution, consent_id, signed) == "CONSENT_KIND"


async def test_a_form_of_another_consent_withdraws_nothing(
    service: Service, institution: TestInstitution
) -> None:
    """The number was issued for one consent and counts for no other, of the same holder neither."""
    card = make_card(sets.ca())
    registration_id, first = await effective(service, institution, card)
    second = (await consent(service, institution, card, registration_id))["consent_id"]
    signed = await withdrawal(service, institution, first, card)
    answer = await withdraw(service, institution, second, signed, expect=422)
    assert answer["code"] == "WITHDRAWAL_NUMBER_UNKNOWN"
    assert (await seen(service, institution, first))[0] == "EFFECTIVE"


async def test_another_institutions_consent_is_not_there(
    service: Service, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """404 on every address of a consent for whoever it does not belong to."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    await withdraw(service, other_institution, consent_id, signed, expect=404)
    for method, path in (
        ("GET", ""),
        ("GET", "/history"),
        ("GET", "/proof"),
        ("POST", "/withdrawal-applications"),
        ("POST", ":reminded"),
    ):
        await service.call(other_institution, method, f"/v1/consents/{consent_id}{path}", expect=404)
    await service.call(other_institution, "POST", f"/v1/consents/{consent_id}:stop", {}, expect=404)
    assert (await service.call(other_institution, "GET", "/v1/consents"))["consents"] == []
    assert (await seen(service, institution, consent_id))[0] == "EFFECTIVE"
