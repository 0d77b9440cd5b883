"""The events of a life, by name: what each does to the person, the card and the phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
from platform_api.sandbox.kinds import CARD, CARD_SIGN
from platform_api.sandbox.municipalities import MUNICIPALITIES
from platform_api.sandbox.names import draw_address, draw_family_name, reading
from platform_api.sandbox.register import HOLD, Register, Resident


def _move(scene: Scene) -> None:
    place = scene.options.place or scene.random.choice(MUNICIPALITIES)
    scene.change(address=draw_address(scene.random, place), municipality_code=place.code)
    scene.end((CARD_SIGN,), AFFILIATION_CHANGED)
    scene.reissue("same_day")


def _rename(scene: Scene) -> None:
    person = scene.resident.person
    name = draw_family_name(scene.random, other_than=person.family_name)
    told = None if person.furigana is None else reading(name, person.given_name)
    scene.change(family_name=name, furigana=told)
    scene.end((CARD_SIGN,), AFFILIATION_CHANGED)
    scene.reissue("same_day")


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
}

#: What must be so for an event; the others can befall everybody who is not struck.
NEEDS: Final[dict[str, Callable[[Register, Resident, datetime], None]]] = {
    "lose": need_open_card,
    "stop": need_open_card,
    "hold": need_valid_card,
}
