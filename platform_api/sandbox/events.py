"""The events of a life, by name: what each does to the person, the card and the phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from platform_api.sandbox.acts import (
    AFFILIATION_CHANGED,
    CESSATION_OF_OPERATION,
    KEY_COMPROMISE,
    SUPERSEDED,
    Act,
    Scene,
    need_open_card,
    need_valid_card,
    renewed_birthdays,
)
from platform_api.sandbox.births import Birth, Known
from platform_api.sandbox.dates import JST
from platform_api.sandbox.kinds import CARD, CARD_SIGN
from platform_api.sandbox.name_tables import TOWNS
from platform_api.sandbox.names import ABROAD, FURIGANA_FROM, draw_address, draw_family_name, reading
from platform_api.sandbox.phone_events import PHONE_ACTS, PHONE_NEEDS
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import HOLD, Register, Resident


def _content_changed(scene: Scene) -> None:
    """A change of the four items ends the signing certificates, and neither authentication certificate."""
    scene.end((CARD_SIGN,), AFFILIATION_CHANGED)
    scene.reissue("same_day")


def _move(scene: Scene) -> None:
    place = scene.options.place or scene.random.choice(scene.register.places())
    scene.change(
        address=draw_address(scene.random, place), municipality_code=place.code, moved_abroad_on=None
    )
    _content_changed(scene)


def _moved_abroad(scene: Scene) -> None:
    """Who leaves the country keeps the card since 2024; the address says the day of leaving instead."""
    day = scene.options.day or (scene.at.astimezone(JST) + timedelta(days=14)).date()
    scene.change(address=ABROAD, moved_abroad_on=day)
    _content_changed(scene)


def _rename(scene: Scene) -> None:
    person = scene.resident.person
    name = draw_family_name(scene.random, other_than=person.family_name)
    told = None if person.furigana is None else reading(name, person.given_name)
    scene.change(family_name=name, furigana=told)
    _content_changed(scene)


def _former_surname(scene: Scene) -> None:
    """Registers one (it stands in brackets in the name from then on), or gives it up."""
    person = scene.resident.person
    name = draw_family_name(scene.random, other_than=person.family_name)
    scene.change(former_surname=name if person.former_surname is None else None)
    _content_changed(scene)


def _furigana(scene: Scene) -> None:
    """Told for the first time it is an addition, in the next certificate; corrected, it is a change."""
    person = scene.resident.person
    told = reading(person.family_name, person.given_name)
    if person.furigana is None:
        scene.change(furigana=told)
        return
    scene.change(furigana=told + "ロウ" if person.furigana == told else told)
    _content_changed(scene)


def _correct_birth(scene: Scene) -> None:
    """Another day of the same month; a birth date with unknown parts becomes known."""
    birth = scene.resident.person.birth
    day = scene.random.choice([day for day in range(1, 28) if day != birth.on.day])
    scene.change(birth=Birth(birth.on.replace(day=day), Known.DAY))
    _content_changed(scene)


def _correct_gender(scene: Scene) -> None:
    scene.change(gender="2" if scene.resident.person.gender == "1" else "1")
    _content_changed(scene)


def _substitute_character(scene: Scene) -> None:
    """Asks for another character in place of one that certificates lack: same name, other spelling."""
    scene.change(substitute=1 - scene.resident.person.substitute)
    scene.end((CARD_SIGN,), SUPERSEDED)
    scene.reissue("same_day")


def _minor_correction(scene: Scene) -> None:
    """The town is renamed: the address changes, every certificate stays (law article 12, 軽微な修正)."""
    person = scene.register.present(scene.resident.person)
    town = next(town for town in sorted(TOWNS, key=len, reverse=True) if town in person.address)
    other = scene.random.choice([each for each in TOWNS if each != town])
    scene.resident.person = replace(person, address=person.address.replace(town, other, 1))


def _renew(scene: Scene) -> None:
    birthdays = renewed_birthdays(scene.resident, scene.at)
    scene.end(CARD, SUPERSEDED)
    scene.issue_card(birthdays=birthdays)


def _lose(scene: Scene) -> None:
    scene.end(CARD, KEY_COMPROMISE)
    scene.reissue("never")


def _hold(scene: Scene) -> None:
    scene.end(CARD, HOLD)
    scene.reissue("never")


def _stop(scene: Scene) -> None:
    scene.end(CARD, CESSATION_OF_OPERATION)
    scene.reissue("never")


def _strike(scene: Scene) -> None:
    scene.resident.struck = True
    scene.end(CARD, CESSATION_OF_OPERATION)


def _reissue(scene: Scene) -> None:
    """What is on hold stays so: a hold on a card is not released, the new card simply replaces it."""
    scene.issue_card()


ACTS: Final[dict[str, Act]] = {
    "move": _move,
    "rename": _rename,
    "renew": _renew,
    "lose": _lose,
    "hold": _hold,
    "stop": _stop,
    "strike": _strike,
    "reissue": _reissue,
    "minor_correction": _minor_correction,
    "substitute_character": _substitute_character,
    "furigana": _furigana,
    "former_surname": _former_surname,
    "correct_birth": _correct_birth,
    "correct_gender": _correct_gender,
    "moved_abroad": _moved_abroad,
    **PHONE_ACTS,
}


def _need_substitute(_: Register, resident: Resident, __: datetime) -> None:
    if not resident.person.has_substitutes:
        raise RequestRefused(
            409, "NO_SUBSTITUTE_CHARACTER", "expected a name with a character that certificates lack"
        )


def _need_reading(_: Register, __: Resident, at: datetime) -> None:
    if at < FURIGANA_FROM:
        raise RequestRefused(409, "TOO_EARLY", "expected a day from 2026-05-26 on; readings begin then")


def _need_town(_: Register, resident: Resident, __: datetime) -> None:
    if resident.person.address == ABROAD:
        raise RequestRefused(409, "NO_ADDRESS", "expected a resident with a domestic address")


#: What must be so for an event; the others can befall everybody who is not struck.
NEEDS: Final[dict[str, Callable[[Register, Resident, datetime], None]]] = {
    "lose": need_open_card,
    "stop": need_open_card,
    "hold": need_valid_card,
    "substitute_character": _need_substitute,
    "furigana": _need_reading,
    "minor_correction": _need_town,
    **PHONE_NEEDS,
}
