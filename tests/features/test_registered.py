"""The entitlement ``registered``: an institution hears of certificates that its own registrations watch, and
of no other; neither from OCSP nor by serial number, and whatever it does to the database's one question.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from cryptography.x509 import ocsp

from platform_api.db.transactions import tenant
from platform_api.institutions import remembered
from platform_api.institutions.callers import Callers
from platform_api.institutions.model import Entitlement, Mode
from platform_api.ocsp.permission import Permission, permission, permission_now
from platform_api.registrations import store as registrations
from platform_api.tagging import Tagger
from revocation.ocsp.responder import Responder, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from tests.base.postgres import TestInstitution, make_institution
from tests.features.calling import GRACE, TTL, Asking, asking
from tests.features.cards import Card, make_card
from tests.features.service import serving
from tests.features.test_ocsp_http import request_for, responder_pair
from tests.features.world import TAG_KEYS, World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

UNAUTHORIZED = bytes.fromhex("30030a0106")


@pytest.fixture
async def live(world: World) -> AsyncIterator[Asking]:
    await world.day()
    async with asking(world) as made:
        yield made


@pytest.fixture
async def bank(world: World) -> TestInstitution:
    return await make_institution(
        world.database, name="Bank", mode=Mode.LIVE, entitlement=Entitlement.REGISTERED
    )


@pytest.fixture
async def broker(world: World) -> TestInstitution:
    return await make_institution(
        world.database, name="Broker", mode=Mode.LIVE, entitlement=Entitlement.REGISTERED
    )


def identity(world: World, card: Card) -> Any:
    return world.known(card).identity


async def test_one_s_own_registrations_and_no_other(
    live: Asking, bank: TestInstitution, broker: TestInstitution
) -> None:
    """What the bank registered is the bank's to ask; the broker hears no, before and after."""
    card, other = make_card(sets.ca()), make_card(sets.ca())
    await live.world.register(bank, card)
    banks, brokers = await live.caller(bank), await live.caller(broker)
    for _ in range(2):
        assert await live.callers.entitled(banks, identity(live.world, card)) is True
        assert await live.callers.entitled(brokers, identity(live.world, card)) is False
        assert await live.callers.entitled(banks, identity(live.world, other)) is False
    assert live.callers.entitled_now(banks, identity(live.world, card)) is True
    assert live.callers.entitled_now(brokers, identity(live.world, card)) is False


async def test_a_new_registration_is_seen_within_the_time_and_an_erased_one_ends(
    live: Asking, bank: TestInstitution
) -> None:
    """A remembered no and a remembered yes both last ``caller_ttl_s`` at most."""
    card = make_card(sets.ca())
    caller, asked = await live.caller(bank), identity(live.world, card)
    assert await live.callers.entitled(caller, asked) is False
    made = await live.world.register(bank, card)
    live.now.at += TTL
    assert live.callers.entitled_now(caller, asked) is None
    assert await live.callers.entitled(caller, asked) is True
    async with tenant(live.database.app_pool, bank.institution_id) as connection:
        await connection.execute(
            "DELETE FROM registration WHERE registration_id = $1", made.registration.registration_id
        )
    live.now.at += TTL
    assert await live.callers.entitled(caller, asked) is False


async def test_a_revoked_certificate_is_still_one_s_own(live: Asking, bank: TestInstitution) -> None:
    """The registration that ended with it watches it still: the answer is revoked, never unauthorized."""
    card = make_card(sets.ca())
    made = await live.world.register(bank, card)
    await live.world.day({card.serial: 4})
    await live.world.night()
    state, _ = await live.world.state(made.registration.registration_id)
    assert state != "WATCHED"
    live.now.at += TTL
    assert await live.callers.entitled(await live.caller(bank), identity(live.world, card)) is True


async def test_both_tag_keys_of_a_rotation_find_it(live: Asking, bank: TestInstitution) -> None:
    """A registration from before the rotation is found by the key of before."""
    card = make_card(sets.ca())
    await live.world.register(bank, card)
    live.world.tagger = Tagger(TAG_KEYS | {2: bytes(range(96, 128))}, 2)
    async with asking(live.world) as rotated:
        assert await rotated.callers.entitled(await rotated.caller(bank), identity(live.world, card)) is True
    live.world.tagger = Tagger({2: bytes(range(96, 128))}, 2)
    async with asking(live.world) as foreign:
        assert await foreign.callers.entitled(await foreign.caller(bank), identity(live.world, card)) is False


async def test_any_and_presented_need_no_look(live: Asking) -> None:
    """``any`` is always yes, ``presented`` always no, without a question to anybody."""
    card = make_card(sets.ca())
    for entitlement, expected in ((Entitlement.ANY, True), (Entitlement.PRESENTED, False)):
        institution = await make_institution(live.database, mode=Mode.LIVE, entitlement=entitlement)
        caller = await live.caller(institution)
        assert live.callers.entitled_now(caller, identity(live.world, card)) is expected
        assert await live.callers.entitled(caller, identity(live.world, card)) is expected


async def test_an_outage_and_one_s_own(live: Asking, bank: TestInstitution) -> None:
    """T20: a remembered yes goes on for ``caller_grace_s``; what was not asked before is tryLater."""
    card, other, unasked = (make_card(sets.ca()) for _ in range(3))
    await live.world.register(bank, card)
    await live.world.register(bank, unasked, "account-2")
    caller = await live.caller(bank)
    assert await live.callers.entitled(caller, identity(live.world, card)) is True
    assert await live.callers.entitled(caller, identity(live.world, other)) is False
    async with live.database_away():
        live.now.at += TTL
        assert await live.callers.entitled(caller, identity(live.world, card)) is True
        for asked in (other, unasked):
            found = await live.callers.entitled(caller, identity(live.world, asked))
            assert found is Callers.UNAVAILABLE
            assert not found
        live.now.at += GRACE
        assert await live.callers.entitled(caller, identity(live.world, card)) is Callers.UNAVAILABLE
    live.now.at += remembered.LEFT_ALONE_S
    assert await live.callers.entitled(caller, identity(live.world, unasked)) is True


async def test_permission_of_a_whole_request(
    live: Asking, bank: TestInstitution, broker: TestInstitution
) -> None:
    """One CertID that is not one's own closes all of them; nobody's certificate closes nothing; an unknown
    caller is unauthorized, one that could not be looked up is told to come back.
    """
    card, second, foreign = (make_card(sets.ca()) for _ in range(3))
    await live.world.register(bank, card)
    await live.world.register(bank, second, "account-2")
    await live.world.register(broker, foreign)
    one, two, three = (identity(live.world, each) for each in (card, second, foreign))
    caller = await live.caller(bank)
    world = live.world.authorities
    cases: list[tuple[Any, tuple[Any, ...], Permission]] = [
        (caller, (one,), Permission.ALLOWED),
        (caller, (one, two), Permission.ALLOWED),
        (caller, (one, None), Permission.ALLOWED),
        (caller, (None,), Permission.ALLOWED),
        (caller, (), Permission.ALLOWED),
        (caller, (one, three), Permission.UNAUTHORIZED),
        (caller, (three, one), Permission.UNAUTHORIZED),
        (None, (one,), Permission.UNAUTHORIZED),
        (None, (), Permission.UNAUTHORIZED),
        (Callers.UNAVAILABLE, (one,), Permission.TRY_LATER),
    ]
    for who, identities, expected in cases:
        assert await permission(live.callers, who, identities, world) is expected
        assert permission_now(live.callers, who, identities, world) is expected
    async with asking(live.world) as fresh:
        again = await fresh.caller(bank)
        assert permission_now(fresh.callers, again, (one,), world) is None
        async with live.database_away():
            assert await permission(fresh.callers, again, (one,), world) is Permission.TRY_LATER


async def test_the_one_question_answers_for_one_s_own_tenant_alone(
    live: Asking, bank: TestInstitution, broker: TestInstitution
) -> None:
    """The right tags, asked by another tenant or none, are no. The tags themselves stay unreadable, by name,
    by a bent search_path; and nobody can put a table of one's own in front.
    """
    card = make_card(sets.ca())
    await live.world.register(bank, card)
    tags = [tag.value for tag in live.world.tagger.tags(identity(live.world, card))]
    pool = live.database.app_pool
    async with tenant(pool, bank.institution_id) as connection:
        assert await registrations.are_registered(
            connection, [tags, [bytes(16)], [bytes(16), *tags], [], [bytes(15)]]
        ) == [True, False, True, False, False]
    async with tenant(pool, broker.institution_id) as connection:
        assert await registrations.are_registered(connection, [tags]) == [False]
        await connection.execute("SET LOCAL search_path = pg_temp, public")
        assert await registrations.are_registered(connection, [tags]) == [False]
    for statement in ("CREATE TEMP TABLE registration_tag ()", "CREATE TABLE public.mine ()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
    async with pool.acquire() as connection, connection.transaction():
        assert await registrations.are_registered(connection, [tags]) == [False]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenant(pool, bank.institution_id) as connection:
            await connection.fetch("SELECT tag FROM registration_tag")


async def test_many_questions_are_few_transactions(
    live: Asking, bank: TestInstitution, broker: TestInstitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 certificates asked about at once by two institutions: each question gets its own answer, in its own
    institution's transaction, and there are few of those; one who goes away takes nothing from the others.
    """
    asked: list[tuple[UUID, int]] = []
    real = registrations.are_registered

    async def counted(connection: Any, certificates: Any) -> list[bool]:
        owner = await connection.fetchval("SELECT current_setting('app.institution_id')::uuid")
        asked.append((owner, len(certificates)))
        return await real(connection, certificates)

    monkeypatch.setattr(registrations, "are_registered", counted)
    cards = [make_card(sets.ca()) for _ in range(150)]
    for number in (0, 7, 149):
        await live.world.register(bank, cards[number], f"account-{number}")
    await live.world.register(broker, cards[8])
    identities = [identity(live.world, card) for card in cards]
    banks, brokers = await live.caller(bank), await live.caller(broker)
    tasks = [
        asyncio.create_task(live.callers.entitled(who, asking_about))
        for asking_about in identities
        for who in (banks, brokers)
    ]
    await asyncio.sleep(0)
    tasks[4].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[4], asyncio.CancelledError)
    assert [at for at, answer in enumerate(answers) if answer is True] == [0, 14, 17, 298]
    assert {owner for owner, _ in asked} == {bank.institution_id, broker.institution_id}
    assert sum(count for _, count in asked) == 300
    assert len(asked) <= 6


async def test_only_the_application_may_ask(live: Asking) -> None:
    """EXECUTE is jpki_app's; the function is the owner's, whom forced policies bind, not a superuser's."""
    async with live.database.superuser() as superuser:
        rights = await superuser.fetchrow(
            "SELECT has_function_privilege('jpki_app', p.oid, 'EXECUTE') AS app,"
            " has_function_privilege('detector', p.oid, 'EXECUTE') AS detector,"
            " p.prosecdef AS definer, p.proowner::regrole::text AS owner, p.proconfig AS config"
            " FROM pg_proc AS p WHERE p.proname = 'registered_among'"
        )
        others = await superuser.fetch(
            "SELECT p.proname FROM pg_proc AS p WHERE p.prosecdef AND p.proname <> 'registered_among'"
            " AND p.pronamespace = 'public'::regnamespace"
        )
    assert rights is not None
    assert (rights["app"], rights["detector"], rights["definer"]) == (True, False, True)
    assert rights["owner"] == "jpki_owner"
    assert rights["config"] == ["search_path=pg_catalog, pg_temp"]
    assert others == []


async def test_ocsp_and_json_by_serial_say_the_same(
    live: Asking, bank: TestInstitution, broker: TestInstitution
) -> None:
    """Over HTTP: one's own is answered by both, another's is unsigned unauthorized and 404; so is a serial
    that is registered nowhere, so that nobody learns which is whose.
    """
    world = live.world
    world.responders[TrustMode.LOCAL] = Responder(
        world.authorities, {TrustMode.LOCAL: LocallyTrustedSigner(*responder_pair())}, world.clock
    )
    card, nowhere = make_card(sets.ca()), make_card(sets.ca())
    await world.register(bank, card)
    generation = sets.ca().generations[1].key_id.hex()
    async with serving(world, mode="live") as service:
        for who, of, own in ((bank, card, True), (broker, card, False), (bank, nowhere, False)):
            numbers = {"ca_id": "card-sign", "issuer_key": generation, "serial_number": f"{of.serial:x}"}
            body = {"purpose": "current_status_check", "serial": numbers}
            told = await service.call(who, "POST", "/v1/certificates:check", body, expect=200 if own else 404)
            response = await service.client.post("/ocsp", data=request_for(of), headers=who.headers)
            octets = await response.read()
            if own:
                assert told["status"]["status"] == "GOOD"
                answer = ocsp.load_der_ocsp_response(octets)
                assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
                assert "private" in response.headers["Cache-Control"]
            else:
                assert told["code"] == "NOT_FOUND"
                assert octets == UNAUTHORIZED
                assert response.headers["Cache-Control"] == "no-cache, no-store"
