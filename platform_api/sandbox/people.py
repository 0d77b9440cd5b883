"""Who somebody is and was: drawn from the seed and the person's number, whenever somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from platform_api.sandbox.history import Past
from platform_api.sandbox.municipalities import MUNICIPALITIES
from platform_api.sandbox.names import Person, draw_address, draw_family_name, draw_person, reading


def draw_versions(seed: int, number: int, past: Past) -> Sequence[Person]:
    """The person as they are, then as they were before each change, the newest change first."""
    random = Random(f"{seed}:person:{number}")
    person = draw_person(random, MUNICIPALITIES[past.places[0]], past.birth)
    versions = [person]
    for change in past.changes:
        person = versions[-1]
        place = MUNICIPALITIES[change.place]
        if change.what == "name":
            name = draw_family_name(random, other_than=person.family_name)
            told = None if person.furigana is None else reading(name, person.given_name)
            versions.append(replace(person, family_name=name, furigana=told))
        else:
            address = draw_address(random, place)
            versions.append(replace(person, address=address, municipality_code=place.code))
    return versions
