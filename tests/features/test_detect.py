"""Detection: each change of a watched certificate once, in order, whatever crashes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from platform_api.changes.detect import detect
from platform_api.problems import Problem
from platform_api.registrations.model import PENDING, WatchedIdentity
from platform_api.tagging import Tagger
from revocation.authorities import CrlSigning
from revocation.errors import OwnFault
from tests.base.postgres import TestDatabase, TestInstitution
from tests.features.cards import AUTH_POLICY, make_card
from tests.features.world import TAG_KEYS, World, make_world
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def test_a_move_is_told_once_to_the_right_institution(
    world: World, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """A newly listed certificate gives one event with its cause; the other institution gets its empty day."""
    moved, stays = make_card(sets.ca()), make_card(sets.ca())
    await world.day()
    first = await world.register(institution, moved, "a")
    await world.register(institution, stays, "b")
    await world.register(other_institution, stays, "c")
    await world.day({moved.serial: 3})
    report = await world.night()
    assert [one.set_seq for one in report.sets] == [1, 2]
    assert report.events == 1
    assert report.by_institution == {institution.institution_id: 1, other_institution.institution_id: 0}
    events = await world.events(institution)
    assert [event.seq for event in events] == [1, 2, 3]
    assert [event.type for event in events] == ["day.completed", "certificate.revoked", "day.completed"]
    told = events[1]
    assert (told.cause, told.action, told.transition) == (
        "CONTENT_CHANGED",
        "FETCH_FOUR_INFORMATION",
        "REVOKED",
    )
    assert (told.registration_id, told.registration_ref) == (first.registration.registration_id, "a")
    day = events[2]
    assert (day.complete, day.day_events, day.first_seq, day.last_seq) == (True, 1, 2, 2)
    others = await world.events(other_institution)
    assert [(event.type, event.day_events) for event in others] == [("day.completed", 0)] * 2
    assert await world.state(first.registration.registration_id) == (
        "CHANGED_AWAITING_REISSUE",
        {"current": "REVOKED"},
    )


async def test_running_again_gives_nothing_twice(world: World, institution: TestInstitution) -> None:
    """A second run after a finished one finds no set and writes nothing."""
    card = make_card(sets.ca())
    await world.day()
    await world.register(institution, card)
    await world.day({card.serial: 5})
    await world.night()
    before = await world.events(institution)
    assert (await world.night()).sets == ()
    assert await world.events(institution) == before


async def test_one_certificate_at_two_institutions(
    world: World, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Both institutions that registered one certificate are told, each in its own feed."""
    card = make_card(sets.ca())
    await world.day()
    await world.register(institution, card)
    await world.register(other_institution, card)
    await world.day({card.serial: 4})
    report = await world.night()
    assert report.by_institution == {institution.institution_id: 1, other_institution.institution_id: 1}
    for one in (institution, other_institution):
        assert await world.told(one) == [("REVOKED", "RENEWED", 2)]


async def test_hold_then_revoked_then_gone(world: World, institution: TestInstitution) -> None:
    """A hold and its later reason are two transitions; leaving the list is none."""
    card = make_card(sets.ca())
    await world.day()
    await world.register(institution, card)
    await world.day({card.serial: 6})
    await world.day({card.serial: 1})
    await world.day({})
    await world.night()
    assert await world.told(institution) == [
        ("ON_HOLD", "HOLD", 2),
        ("REVOKED", "KEY_COMPROMISED", 3),
    ]


async def test_released_hold(database: TestDatabase, tmp_path: Path, institution: TestInstitution) -> None:
    """Where the CA may release a hold, its end is told and the registration is watched again."""
    world = make_world(database, tmp_path / "phones", hold_releasable=True)
    card = make_card(sets.ca())
    await world.day()
    made = await world.register(institution, card)
    await world.day({card.serial: 6})
    await world.day({})
    await world.night()
    assert await world.told(institution) == [("ON_HOLD", "HOLD", 2), ("RELEASED", "HOLD", 3)]
    assert await world.state(made.registration.registration_id) == ("WATCHED", {"current": "NOT_LISTED"})


async def test_authentication_certificate_never_reports_a_move(
    world: World, institution: TestInstitution
) -> None:
    """Code 3 on an authentication certificate is UNSPECIFIED: it carries no items that could change."""
    card = make_card(sets.ca(), policies=[AUTH_POLICY], items=None)
    await world.day()
    await world.register(institution, card)
    await world.day({card.serial: 3})
    await world.night()
    assert await world.told(institution) == [("REVOKED", "UNSPECIFIED", 2)]


async def test_already_revoked_at_registration_is_told_at_once_and_only_once(
    world: World, institution: TestInstitution
) -> None:
    """The event comes with the registration; detecting the set that lists it adds nothing."""
    card = make_card(sets.ca())
    await world.day({card.serial: 3})
    made = await world.register(institution, card)
    assert made.registration.state.value == "CHANGED_AWAITING_REISSUE"
    assert await world.told(institution) == [("REVOKED", "CONTENT_CHANGED", 1)]
    await world.night()
    assert await world.told(institution) == [("REVOKED", "CONTENT_CHANGED", 1)]


async def test_registration_waits_for_the_set_that_detection_passed(
    world: World, institution: TestInstitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that still holds set 1 may not check on it once set 2 is detected: a change would be lost."""
    card = make_card(sets.ca())
    await world.day()
    newer = await world.day({card.serial: 3}, adopt=False)
    await world.night()
    waiting = asyncio.create_task(world.register(institution, card))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    world.snapshots.adopt(newer)
    made = await waiting
    assert made.set_seq == 2
    assert await world.told(institution) == [("REVOKED", "CONTENT_CHANGED", 2)]
    await world.day({card.serial: 3}, adopt=False)
    await world.night()
    monkeypatch.setattr("platform_api.registrations.watching.caught_up", _at_once)
    with pytest.raises(Problem, match="SNAPSHOT_BEHIND"):
        await world.register(institution, make_card(sets.ca()), "late")


async def _at_once(*_: Any) -> bool:
    return False


async def test_registration_during_detection_is_neither_lost_nor_doubled(
    world: World, institution: TestInstitution
) -> None:
    """Registrations that race with a night are told once, by the registration or by the night."""
    cards = [make_card(sets.ca()) for _ in range(12)]
    await world.day()
    await world.register(institution, make_card(sets.ca()), "watched-before")
    await world.day({card.serial: 3 for card in cards}, adopt=False)

    async def follow() -> None:
        await asyncio.sleep(0.02)
        world.snapshots.adopt(await asyncio.to_thread(world.store.current))

    await asyncio.gather(
        *(world.register(institution, card, f"r{number}") for number, card in enumerate(cards[:6])),
        world.night(),
        follow(),
        *(world.register(institution, card, f"r{number + 6}") for number, card in enumerate(cards[6:])),
    )
    await world.night()
    events = [e for e in await world.events(institution) if e.registration_id is not None]
    assert sorted(str(event.registration_ref) for event in events) == sorted(f"r{n}" for n in range(12))
    everything = await world.events(institution)
    assert [event.seq for event in everything] == list(range(1, len(everything) + 1))


async def test_both_tag_keys_of_a_rotation_find_their_registrations(
    world: World, institution: TestInstitution
) -> None:
    """Registrations tagged under the old key and under both are found, each once."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    await world.day()
    await world.register(institution, old, "old")
    world.tagger = Tagger(TAG_KEYS | {2: bytes(range(128, 160))}, 2)
    await world.register(institution, new, "new")
    await world.day({old.serial: 3, new.serial: 3})
    await world.night()
    assert await world.told(institution) == [("REVOKED", "CONTENT_CHANGED", 2)] * 2


async def test_one_certificate_is_told_once_whatever_the_slots(
    world: World, institution: TestInstitution
) -> None:
    """The database refuses one certificate in both slots; were it there all the same, one event tells it."""
    card = make_card(sets.ca())
    world.tagger = Tagger(TAG_KEYS | {2: bytes(range(128, 160))}, 2)
    await world.day()
    made = (await world.register(institution, card)).registration
    known = world.known(card)
    again = WatchedIdentity(known.identity, known.validity, None)

    async def in_both_slots() -> None:
        async with world.watcher.transaction(world.database.app_pool, institution.institution_id) as work:
            await work.begin(made.registration_id, PENDING, "card-sign", again)

    with pytest.raises(asyncpg.UniqueViolationError):
        await in_both_slots()
    async with world.database.superuser() as connection:
        await connection.execute("DROP INDEX registration_tag_lookup")
    await in_both_slots()
    await world.day({card.serial: 3})
    assert (await world.night()).events == 1
    assert await world.told(institution) == [("REVOKED", "CONTENT_CHANGED", 2)]
    assert await world.state(made.registration_id) == (
        "CHANGED_AWAITING_REISSUE",
        {"current": "REVOKED", "pending_successor": "REVOKED"},
    )


async def test_small_batches_find_the_same(world: World, institution: TestInstitution) -> None:
    """The batch size is memory, not meaning: batches of two find all of nine."""
    cards = [make_card(sets.ca()) for _ in range(9)]
    await world.day()
    for number, card in enumerate(cards):
        await world.register(institution, card, f"r{number}")
    await world.day({card.serial: 5 for card in cards})
    report = await detect(
        world.database.detector_pool,
        store=world.store,
        authorities=world.authorities,
        tagger=world.tagger,
        clock=world.clock,
        batch=2,
    )
    assert (report.changes, report.events) == (9, 9)


async def test_newest_key_signs_for_all_generations(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution
) -> None:
    """In that mode a list does not say which generation issued; a card of each is still found."""
    world = make_world(database, tmp_path / "one-lineage", crl_signing=CrlSigning.NEWEST_FOR_ALL)
    cards = [make_card(sets.ca(), generation=number) for number in (0, 1)]
    await world.day()
    for number, card in enumerate(cards):
        await world.register(institution, card, f"g{number}")
    await world.day({card.serial: 3 for card in cards})
    assert (await world.night()).events == 2


async def test_partial_set_says_so(world: World, institution: TestInstitution) -> None:
    """A set in which a list is carried over announces an incomplete day."""
    await world.day()
    scopes = sets.every_list(world.authority, 1)
    scopes.pop(sets.scope(world.authority, 1))
    await world.day(only=scopes)
    await world.night()
    days = [event.complete for event in await world.events(institution)]
    assert days == [True, False]


async def test_missing_base_is_our_fault(world: World, institution: TestInstitution) -> None:
    """Without any set at or below the cursor nothing is guessed: the night stops with a code."""
    await world.day()
    await world.night()
    await world.day()
    await asyncio.to_thread(world.store.retention, keep_from_seq=2)
    with pytest.raises(OwnFault, match="DETECTION_GAP"):
        await world.night()


async def test_the_application_cannot_read_tags(world: World, institution: TestInstitution) -> None:
    """jpki_app may add tags and never read one; the detector may read tags and no sealed identity."""
    await world.day()
    await world.register(institution, make_card(sets.ca()))
    async with world.database.app_pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT tag FROM registration_tag")
    async with world.database.detector_pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM registration_tag") == 1
        for column in ("identity", "expiry_month"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT {column} FROM watched_certificate")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT registration_ref FROM registration")
