"""A consent withdrawn over HTTP: the holder's signed form, forwarding to J-LIS, dying in between."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from platform_api.consents import accept_withdrawal
from platform_api.consents.receipts import ReceiptSigner
from platform_api.consents.receiving import ConsentReceiver, SignedApplication
from platform_api.consents.withdrawing import ConsentWithdrawer
from revocation.errors import InputRefused
from revocation.status import CertificateStatus, Status
from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import (
    acknowledge,
    consent,
    consent_events,
    effective,
    fetch,
    next_day,
    onboard,
    put,
    seen,
    withdraw,
    withdrawal,
)
from tests.features.crashing import until_it_lives
from tests.features.gateways import FakeJlis, successor
from tests.features.service import Service, b64, serving
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

UP_TO_REFLECTED = [("RECEIVED", "holder"), ("SENT", "institution"), ("REFLECTED", "jlis")]
EFFECTIVE = [*UP_TO_REFLECTED, ("EFFECTIVE", "clock")]


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
async def test_the_holder_withdraws(
    service: Service, jlis: FakeJlis, institution: TestInstitution, kind: str
) -> None:
    """Consent and withdrawal with each kind of key; both passed to J-LIS; nothing is fetched any more."""
    card = make_card(sets.ca(), key=pki.key(kind, 5))
    registration_id, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    gone = await withdraw(service, institution, consent_id, signed)
    assert gone["state"] == "WITHDRAWN"
    assert gone["withdrawal"]["forwarding"] == "FORWARDED"
    assert gone["withdrawal"]["jlis_reflected_at"] is not None
    assert [w.consent_ref for w in jlis.withdrawals] == ["ref-1"]
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_WITHDRAWN"
    assert jlis.queries == []
    assert await seen(service, institution, consent_id) == (
        "WITHDRAWN",
        [*EFFECTIVE, ("WITHDRAWN", "holder")],
    )
    again = await withdraw(service, institution, consent_id, signed)
    assert again == gone
    assert await consent_events(service, institution) == ["consent.effective", "consent.withdrawn"]


async def test_the_form_that_the_holder_signs(service: Service, institution: TestInstitution) -> None:
    """The XML of the contract with J-LIS, to the octet; each asking gives another number."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    texts = []
    for _ in range(2):
        signed = await withdrawal(service, institution, consent_id, card)
        texts.append(base64.b64decode(signed["application"]).decode())
    async with service.world.database.superuser() as connection:
        given = await connection.fetchval("SELECT application_number FROM consent")
        numbers = await connection.fetch("SELECT application_number FROM withdrawal_application")
    now = service.world.clock.now()
    assert sorted(texts) == sorted(
        '<?xml version="1.0" encoding="UTF-8"?>\n<利用者同意取消申請情報><版>1.0</版>'
        f"<機関コード>{institution.institution_id}</機関コード>"
        f"<サービスコード>{institution.service_code}</サービスコード>"
        f"<同意申請番号>{given}</同意申請番号><申請番号>{row['application_number']}</申請番号>"
        f"<作成日時>{now:%Y-%m-%dT%H:%M:%SZ}</作成日時></利用者同意取消申請情報>"
        for row in numbers
    )
    assert len(set(texts)) == 2


async def test_jlis_down_while_withdrawing(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The withdrawal stands at once, nothing of the signed form is kept, and sending it again forwards it."""
    card = make_card(sets.ca())
    registration_id, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    jlis.down = True
    failed = await withdraw(service, institution, consent_id, signed, expect=503)
    assert failed["code"] == "WITHDRAWN_FORWARDING_FAILED"
    assert (failed["state"], failed["forwarding"], failed["cause"]) == (
        "WITHDRAWN",
        "PENDING",
        "JLIS_TIMEOUT",
    )
    assert failed["ids"] == {"consent_id": consent_id}
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_WITHDRAWN"
    pending = await service.call(institution, "GET", "/v1/consents?forwarding=PENDING")
    assert [c["consent_id"] for c in pending["consents"]] == [consent_id]
    rows = await everything(service.world.database)
    for table in rows.values():
        for row in table:
            assert card.der not in [v for v in row.values() if isinstance(v, bytes)]
    jlis.down = False
    done = await withdraw(service, institution, consent_id, signed)
    assert done["withdrawal"]["forwarding"] == "FORWARDED"
    assert len(jlis.withdrawals) == 1
    assert await consent_events(service, institution) == ["consent.effective", "consent.withdrawn"]


async def test_the_same_withdrawal_goes_on_after_the_card_has_ended(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Taken in the evening with J-LIS closed; that night the card is listed and another customer's is
    registered: the very same request is still forwarded, once, and its receipt is that of the evening."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    jlis.down = True
    await withdraw(service, institution, consent_id, signed, expect=503)
    evening = await service.call(institution, "GET", f"/v1/consents/{consent_id}")
    await next_day(service, {card.serial: 3})
    await put(service, institution, make_card(sets.ca()))
    await withdraw(service, institution, consent_id, signed, expect=503)
    jlis.down = False
    for _ in range(2):
        gone = await withdraw(service, institution, consent_id, signed)
        assert gone["withdrawal"]["forwarding"] == "FORWARDED"
        assert gone["withdrawal"]["received_at"] == evening["withdrawal"]["received_at"]
    assert len(jlis.withdrawals) == 1
    assert await consent_events(service, institution) == ["consent.effective", "consent.withdrawn"]


async def test_only_what_the_holder_signed_goes_on(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The form of a withdrawal that was taken, signed by another: not forwarded in the holder's name."""
    card, stranger = make_card(sets.ca()), make_card(sets.ca(), key=pki.key("p256", 91))
    _, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    jlis.down = True
    await withdraw(service, institution, consent_id, signed, expect=503)
    jlis.down = False
    form = base64.b64decode(signed["application"])
    by_another = signed | {"signature": b64(stranger.sign(form)), "certificate": b64(stranger.der)}
    refused = await withdraw(service, institution, consent_id, by_another, expect=422)
    assert refused["code"] == "WITHDRAWAL_HOLDER_MISMATCH"
    assert jlis.withdrawals == []


async def test_jlis_took_the_withdrawal_and_its_answer_was_lost(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Persisted at J-LIS though it reported an error: the same request again finds it there, once."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    jlis.answer_lost = True
    await withdraw(service, institution, consent_id, signed, expect=503)
    jlis.answer_lost = False
    assert (await withdraw(service, institution, consent_id, signed))["withdrawal"][
        "forwarding"
    ] == "FORWARDED"
    assert len(jlis.withdrawals) == 1


async def test_jlis_refuses_the_withdrawal(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Our fetching has ended all the same; the refusal is shown by its code, for a person to look at."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    jlis.refuse = "JLIS_REFUSED"
    gone = await withdraw(service, institution, consent_id, signed)
    assert (gone["state"], gone["withdrawal"]["forwarding"]) == ("WITHDRAWN", "REFUSED")
    assert gone["withdrawal"]["forwarding_code"] == "JLIS_REFUSED"


async def test_without_a_gateway_the_withdrawal_stands(
    service: Service, institution: TestInstitution
) -> None:
    """A server without an address of J-LIS ends its own fetching and says what is missing."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    async with serving(service.world, None) as alone:
        signed = await withdrawal(alone, institution, consent_id, card)
        failed = await withdraw(alone, institution, consent_id, signed, expect=503)
    assert failed["cause"] == "JLIS_NOT_CONFIGURED"
    assert (await seen(service, institution, consent_id))[0] == "WITHDRAWN"


async def test_a_successor_of_the_holder_may_withdraw(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """After a move: the new card, pending and then current, is the same holder's; consent survives it."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id, consent_id = await effective(service, institution, old)
    await next_day(service, {old.serial: 3})
    signed = await withdrawal(service, institution, consent_id, new)
    refused = await withdraw(service, institution, consent_id, signed, expect=422)
    assert refused["code"] == "WITHDRAWAL_HOLDER_MISMATCH"  # nothing proves whose it is
    jlis.successor = successor(world, new)
    assert (await fetch(service, institution, registration_id))["outcome"] == "DATA"
    by_old = await withdrawal(service, institution, consent_id, old)
    refused = await withdraw(service, institution, consent_id, by_old, expect=422)
    assert refused["code"] == "CONSENT_CERTIFICATE_NOT_GOOD"  # revoked by the move
    await acknowledge(service, institution, registration_id)
    assert (await withdraw(service, institution, consent_id, signed))["state"] == "WITHDRAWN"


async def test_late_lists_keep_nobody_from_withdrawing(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Nothing can be said of the card, whose lists are late: the withdrawal is taken and J-LIS is told."""
    card = make_card(sets.ca())
    registration_id, consent_id = await effective(service, institution, card)
    signed = await withdrawal(service, institution, consent_id, card)
    service.world.clock.advance(timedelta(days=5))
    gone = await withdraw(service, institution, consent_id, signed)
    assert (gone["state"], gone["withdrawal"]["forwarding"]) == ("WITHDRAWN", "FORWARDED")
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_WITHDRAWN"


@pytest.mark.parametrize("status", list(Status))
def test_whose_certificate_ends_a_consent(status: Status) -> None:
    """One that is good, or of which nothing is proved against it; no other."""
    found = CertificateStatus(status, None, validity_checked=True)
    if status in (Status.GOOD, Status.UNKNOWN):
        accept_withdrawal.check_status(found)
    else:
        with pytest.raises(InputRefused, match="CONSENT_CERTIFICATE_NOT_GOOD"):
            accept_withdrawal.check_status(found)


async def test_withdrawn_before_jlis_named_it(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Sent, answer lost: withdrawn with us, though there is no name of it to withdraw at J-LIS."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    jlis.answer_lost = True
    await consent(service, institution, card, registration_id, expect=503)
    listed = await service.call(institution, "GET", "/v1/consents?state=SENT")
    consent_id = listed["consents"][0]["consent_id"]
    signed = await withdrawal(service, institution, consent_id, card)
    gone = await withdraw(service, institution, consent_id, signed)
    assert gone["withdrawal"]["forwarding"] == "NO_REFERENCE"
    assert gone["state"] == "WITHDRAWN"
    jlis.answer_lost = False
    assert await consent_events(service, institution) == ["consent.withdrawn"]


async def test_the_same_signed_consent_never_reopens_one(
    service: Service, institution: TestInstitution
) -> None:
    """Re-consent is a new application and a new record; the old one stays withdrawn."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    signed: dict[str, Any] = {}
    given = await consent(service, institution, card, registration_id, keep=signed)
    consent_id = given["consent_id"]
    await withdraw(service, institution, consent_id, await withdrawal(service, institution, consent_id, card))
    same = await service.call(institution, "POST", "/v1/consents", signed, expect=201)
    assert (same["consent_id"], same["state"]) == (consent_id, "WITHDRAWN")
    again = await consent(service, institution, card, registration_id)
    assert again["consent_id"] != consent_id
    assert again["state"] == "REFLECTED"


async def test_erasing_a_registration_takes_everything_of_its_consents(
    service: Service, institution: TestInstitution
) -> None:
    """Foreign keys cascade: no history, receipt, form, withdrawal or reminder is left."""
    card = make_card(sets.ca())
    registration_id, consent_id = await effective(service, institution, card)
    await withdraw(service, institution, consent_id, await withdrawal(service, institution, consent_id, card))
    async with service.world.database.superuser() as connection:
        await connection.execute("DELETE FROM registration WHERE registration_id = $1::uuid", registration_id)
    rows = await everything(service.world.database)
    ours = {table for table in rows if "consent" in table or "withdrawal" in table}
    assert {table for table in ours if rows[table]} <= {"withdrawal_poll", "consent_text"}
    assert len(ours) >= 8


async def test_dying_while_it_is_withdrawn(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Before each statement, before and after each commit: handed in again, it is withdrawn once and J-LIS
    has it once."""
    world, card = service.world, make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    body = await withdrawal(service, institution, consent_id, card)
    parts = [base64.b64decode(body[name]) for name in ("application", "signature", "certificate")]
    signed = SignedApplication(parts[0], parts[1], body["signature_algorithm"], parts[2])

    async def work(pool: Any) -> None:
        withdrawer = ConsentWithdrawer(pool, world.watcher, jlis, institution.principal)
        await withdrawer.withdraw(UUID(consent_id), signed)

    assert await until_it_lives(world.database.app_pool, work) > 20
    assert len(jlis.withdrawals) == 1
    assert await consent_events(service, institution) == ["consent.effective", "consent.withdrawn"]
    body = await service.call(institution, "GET", f"/v1/consents/{consent_id}")
    assert body["withdrawal"]["forwarding"] == "FORWARDED"


async def test_dying_while_it_is_received(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The same at the other end: one consent, one receipt, each state once."""
    world, card = service.world, make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    jlis.down = True
    body: dict[str, Any] = {}
    await consent(service, institution, card, registration_id, expect=503, keep=body)
    async with world.database.superuser() as connection:  # only the form that we wrote is left
        await connection.execute("DELETE FROM consent")
    jlis.down = False
    parts = [base64.b64decode(body[name]) for name in ("application", "signature", "certificate")]
    signed = SignedApplication(parts[0], parts[1], body["signature_algorithm"], parts[2])
    receipts = ReceiptSigner(Ed25519PrivateKey.generate())

    async def work(pool: Any) -> None:
        receiver = ConsentReceiver(pool, world.watcher, jlis, institution.principal, receipts)
        await receiver.take(UUID(registration_id), signed)

    assert await until_it_lives(world.database.app_pool, work) > 20
    rows = await everything(world.database)
    assert (len(rows["consent"]), len(rows["consent_receipt"]), len(jlis.taken)) == (1, 1, 1)
    assert [row["state"] for row in rows["consent_history"]] == ["RECEIVED", "SENT", "REFLECTED"]
