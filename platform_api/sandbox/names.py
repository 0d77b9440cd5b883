"""Synthetic people: names, addresses and the register's spelling as a certificate can carry it.

A certificate knows JIS X 0208 and 0212 only; another character of the register is replaced, and a flag per
character says where (jpki.md section 7). Towns are invented, so that no address of a real house comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Final

from platform_api.sandbox.births import Birth
from platform_api.sandbox.dates import start_of_day
from platform_api.sandbox.municipalities import Municipality
from platform_api.sandbox.name_tables import FAMILY_NAMES, GIVEN_NAMES, SUBSTITUTES, TOWNS

_FAMILY: Final = tuple(FAMILY_NAMES)
_GIVEN: Final = {gender: tuple(names) for gender, names in GIVEN_NAMES.items()}
_FULL_WIDTH: Final = str.maketrans("0123456789-", "０１２３４５６７８９－")
#: From this day on the reading of a name is part of it (jpki.md section 4.2), and certificates carry it.
FURIGANA_FROM: Final = start_of_day(date(2026, 5, 26))
#: What stands as the address of somebody who left the country and kept the card.
ABROAD: Final = "国外転出"


@dataclass(frozen=True, slots=True, repr=False)
class FourInformation:
    """The basic four information as the certificate carries it, with flags for substitute characters."""

    name: str
    name_substitute_characters: str
    address: str
    address_substitute_characters: str
    date_of_birth: str
    gender: str
    name_furigana: str | None = None
    moved_abroad_on: date | None = None

    def as_json(self) -> dict[str, str]:
        """The six fields, and the two others where they exist."""
        found = {
            "name": self.name,
            "name_substitute_characters": self.name_substitute_characters,
            "address": self.address,
            "address_substitute_characters": self.address_substitute_characters,
            "date_of_birth": self.date_of_birth,
            "gender": self.gender,
        }
        if self.name_furigana is not None:
            found["name_furigana"] = self.name_furigana
        if self.moved_abroad_on is not None:
            found["moved_abroad_on"] = self.moved_abroad_on.isoformat()
        return found


def as_certified(register_spelling: str, choice: int = 0) -> tuple[str, str]:
    """The spelling a certificate can carry, and one flag per character: 1 where a substitute stands."""
    spelling = "".join(
        SUBSTITUTES[character][choice] if character in SUBSTITUTES else character
        for character in register_spelling
    )
    return spelling, "".join("1" if character in SUBSTITUTES else "0" for character in register_spelling)


def draw_family_name(random: Random, *, other_than: str | None = None) -> str:
    """A family name in the register's spelling."""
    while True:
        name = random.choice(_FAMILY)
        if name != other_than:
            return name


def draw_given_name(random: Random, gender: str) -> str:
    return random.choice(_GIVEN[gender])


def reading(family_name: str, given_name: str) -> str:
    """The furigana of a drawn name, in full-width katakana with the same space as the name."""
    given = GIVEN_NAMES["1"].get(given_name) or GIVEN_NAMES["2"].get(given_name) or "ナナシ"
    return f"{FAMILY_NAMES.get(family_name, 'ナナシ')}\u3000{given}"


def draw_address(random: Random, place: Municipality) -> str:
    """An invented address in a real municipality, in the full-width form of the certificates."""
    town = random.choice(TOWNS)
    numbers = f"{random.randint(1, 9)}-{random.randint(1, 40)}-{random.randint(1, 899)}"
    return f"{place.prefecture}{place.name}{town}{numbers.translate(_FULL_WIDTH)}"


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What the register of residents knows of a person, in its own spelling."""

    family_name: str
    given_name: str
    gender: str
    birth: Birth
    address: str
    municipality_code: str
    former_surname: str | None = None
    #: None until the person has told how the name is read.
    furigana: str | None = None
    #: Which of the possible substitutes stands for a character that a certificate cannot carry.
    substitute: int = 0
    moved_abroad_on: date | None = None

    @property
    def name(self) -> str:
        """A registered former surname stands in brackets behind the family name (jpki.md section 1.4)."""
        bracket = "" if self.former_surname is None else f"［{self.former_surname}］"
        return f"{self.family_name}{bracket}\u3000{self.given_name}"

    @property
    def has_substitutes(self) -> bool:
        return any(character in SUBSTITUTES for character in self.name)

    def four_information(self, at: datetime) -> FourInformation:
        """As a certificate issued at that moment says it."""
        name, name_flags = as_certified(self.name, self.substitute)
        address, address_flags = as_certified(self.address)
        return FourInformation(
            name,
            name_flags,
            address,
            address_flags,
            self.birth.digits,
            self.gender,
            self.furigana if at >= FURIGANA_FROM else None,
            self.moved_abroad_on,
        )


def draw_person(random: Random, place: Municipality, birth: Birth) -> Person:
    """One in eleven has not told the reading yet, one in thirty has registered a former surname."""
    gender = random.choice("12")
    family_name, given_name = draw_family_name(random), draw_given_name(random, gender)
    return Person(
        family_name=family_name,
        given_name=given_name,
        gender=gender,
        birth=birth,
        address=draw_address(random, place),
        municipality_code=place.code,
        former_surname=draw_family_name(random, other_than=family_name) if random.random() < 1 / 30 else None,
        furigana=reading(family_name, given_name) if random.random() < 10 / 11 else None,
    )
