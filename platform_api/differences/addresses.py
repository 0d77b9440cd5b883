"""Addresses: prefecture, town, block, building; what differs in writing only, and what is another place.

The block is the first chain of numbers with units or hyphens (3丁目12番7号, 12-7-202), else the first number
at the end or before a space. What follows is the building with its room. There is no gazetteer: README.md
says what that costs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from platform_api.differences import address_table as table
from platform_api.differences.characters import clean, marked, unrepeated
from platform_api.differences.model import Compared, Difference, Note, Text
from platform_api.differences.numerals import NUMERALS, with_digits
from platform_api.differences.substitutes import covers, matches, proven
from platform_api.differences.variants import NOTES, Level, folded

_NUMBER: Final = re.compile("[0-9]+")
#: From the beginning of a run only, and without going back: a long run that no unit follows is read once.
_NUMERALS_BEFORE_UNIT: Final = re.compile(f"(?<![{NUMERALS}])[{NUMERALS}]++(?={table.UNIT.pattern})")
#: 一番二, 一番二の五: inside the block too, though no unit follows.
_AFTER_NUMBER: Final = "(?:(?<=[0-9番号])|(?<=丁目)|(?<=番地))"
_AFTER_JOINT: Final = f"(?:(?<=[地番号{NUMERALS}0-9][のノ])|(?<=[0-9]-))"
_NUMERALS_IN_BLOCK: Final = re.compile(f"(?:{_AFTER_NUMBER}|{_AFTER_JOINT})[{NUMERALS}]++(?=[のノ -]|$)")
#: 3号三井ビル, 12-7三井ビル: a building follows.
_NAME_AFTER_NUMBER: Final = re.compile(
    f"{_AFTER_NUMBER}(?=[{NUMERALS}]++(?!{table.UNIT.pattern}|[のノ -]|$))"
)
_BETWEEN_NUMBERS: Final = re.compile("(?<=[0-9]) +(?=[0-9])")
_SPACED_HYPHEN: Final = re.compile(" *- *")
_ROOM: Final = re.compile(r"(?:^|(?<=[^0-9A-Z-]))([A-Z]?[0-9]+(?:-[0-9]+)*)$")

#: A building that is more than a name: it says which room, floor, wing or branch of the lot (12番地イ).
_TELLS_APART: Final = re.compile(r"[0-9]|(?:^|[^A-Z])[A-Z]$|^.$|[棟室階号]$|[別新本]館$")


@dataclass(frozen=True, slots=True)
class _Address:
    """For comparisons; ``block`` and ``room`` in digits."""

    prefecture: str
    county: str
    town: str
    block: tuple[str, ...]
    building: str
    room: tuple[str, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        return self.block + self.room


def normalised_address(text: str) -> str:
    """One spelling of digits, hyphens and the block; place names stay as they are."""
    text = _names_apart(_SPACED_HYPHEN.sub("-", clean(text)))
    text = with_digits(with_digits(text, _NUMERALS_BEFORE_UNIT), _NUMERALS_IN_BLOCK)
    found = _block(text)
    if found is None:
        return text
    start, end, numbers = found
    rest = text[end:].lstrip(" -")
    if not rest:
        return text[:start] + "-".join(numbers)
    # A single number keeps its unit: without it, numbers of the building might be taken for the block.
    block = "-".join(numbers) if len(numbers) > 1 else text[start:end].rstrip(" -のノ")
    return f"{text[:start]}{block} {rest}"


def compare_addresses(old: Text, new: Text) -> Compared:
    """What became of the address; the substitutes of either side may differ."""
    notes = (Note.UNRELIABLE_FLAGS,) if old.unreliable or new.unreliable else ()
    return _compared(old, new).noting(*notes)


def _compared(old: Text, new: Text) -> Compared:
    if old.value == new.value:
        chosen_anew = old.reliable and new.reliable and old.substitute_characters != new.substitute_characters
        return Compared(Difference.SUBSTITUTE_CHARACTER_ONLY if chosen_anew else Difference.UNCHANGED)
    ours, theirs = _read(old.value), _read(new.value)
    omitted = _omitted(ours, theirs)
    for level in Level:
        if _same_place(_at(ours, level), _at(theirs, level)):
            return Compared(Difference.NOTATION_ONLY, omitted + NOTES[level])
    our_marks, their_marks = _marks(old, ours), _marks(new, theirs)
    if _match(_at(our_marks, Level.INTERCHANGED), _at(their_marks, Level.INTERCHANGED)):
        return Compared(Difference.SUBSTITUTE_CHARACTER_ONLY, omitted)
    ours, theirs = _at(ours, Level.INTERCHANGED), _at(theirs, Level.INTERCHANGED)
    same_block = _same_town(ours, theirs) and ours.block == theirs.block and ours.block != ()
    return Compared(Difference.MOVED, (Note.SAME_BLOCK,) if same_block else ())


def _read(text: str) -> _Address:
    text = table.POSTAL_CODE.sub("", clean(text), count=1) if text else ""
    prefecture = table.PREFECTURE.match(text)
    text = text[prefecture.end() :].lstrip() if prefecture else text
    county = table.COUNTY.match(text)
    text = text[county.end() :].lstrip() if county else text
    text = _SPACED_HYPHEN.sub("-", with_digits(_names_apart(text)))
    start, end, numbers = _block(text) or (len(text), len(text), ())
    building, room = _building(_phrases(text[end:].lstrip(" -")))
    return _Address(
        prefecture[0] if prefecture else "",
        county[0] if county else "",
        unrepeated(_phrases(text[:start].rstrip()).replace(" ", "").casefold()),
        tuple(number.lstrip("0") or "0" for number in numbers),
        unrepeated(building),
        room,
    )


def _names_apart(text: str) -> str:
    return _NAME_AFTER_NUMBER.sub(" ", text)


def _phrases(text: str) -> str:
    for pattern, to in table.PHRASES:
        text = pattern.sub(to, text)
    return text


def _block(text: str) -> tuple[int, int, tuple[str, ...]] | None:
    """Where it begins and ends, and its numbers."""
    bare = None
    for first in _NUMBER.finditer(text):
        numbers, end, explicit = _chain(text, first)
        if explicit or len(numbers) > 1:
            return first.start(), end, numbers
        if bare is None and text[end : end + 1] in ("", " "):
            bare = first.start(), end, numbers
    return bare


def _chain(text: str, number: re.Match[str]) -> tuple[tuple[str, ...], int, bool]:
    """From this number on, as far as units and joints lead to the next one."""
    numbers = [number[0]]
    end, explicit = number.end(), False
    while True:
        unit = table.UNIT.match(text, end)
        if unit is not None:
            end, explicit = unit.end(), True
        joint = table.JOINT.match(text, end)
        following = _NUMBER.match(text, end if joint is None else joint.end())
        if following is None or (unit is None and joint is None):
            return tuple(numbers), end, explicit
        numbers.append(following[0])
        end = following.end()


def _building(text: str) -> tuple[str, tuple[str, ...]]:
    """Its name without spaces, and the room."""
    # Two numbers side by side stay two: block 12 and room 101 are not room 12101.
    text = _BETWEEN_NUMBERS.sub("-", text).replace(" ", "").upper().lstrip("-")
    for pattern, to in table.BUILDINGS:
        text = pattern.sub(to, text)
    room = _ROOM.search(text)
    if room is None:
        return text, ()
    numbers = tuple(number.lstrip("0") or "0" for number in room[1].split("-"))
    return text[: room.start()].rstrip("-"), numbers


def _at(address: _Address, level: Level) -> _Address:
    return _Address(
        address.prefecture,
        address.county,
        folded(address.town, level),
        address.block,
        folded(address.building, level),
        address.room,
    )


def _same_town(ours: _Address, theirs: _Address) -> bool:
    return ours.town == theirs.town and _same_regions(ours, theirs)


def _same_regions(ours: _Address, theirs: _Address) -> bool:
    """A prefecture or county that one side leaves out says nothing."""
    pairs = ((ours.prefecture, theirs.prefecture), (ours.county, theirs.county))
    return all(one == other or not (one and other) for one, other in pairs)


def _same_place(ours: _Address, theirs: _Address) -> bool:
    if not _same_town(ours, theirs) or not _same_numbers(ours, theirs):
        return False
    return ours.building == theirs.building or not (ours.building and theirs.building)


def _same_numbers(ours: _Address, theirs: _Address) -> bool:
    """Where one side leaves the building's name out, all numbers decide: 12-7-202 is メゾン 202 on 12-7. More
    than a name cannot be left out: メゾンA-101 on 12-7 is not 12-7."""
    if ours.building and theirs.building:
        return ours.block == theirs.block and ours.room == theirs.room
    left_out = not _TELLS_APART.search(ours.building or theirs.building)
    return left_out and ours.numbers == theirs.numbers


def _match(ours: _Address, theirs: _Address) -> bool:
    if not _same_regions(ours, theirs) or not _same_numbers(ours, theirs):
        return False
    buildings = not (ours.building and theirs.building) or matches(ours.building, theirs.building)
    return buildings and proven(ours.town, theirs.town) and matches(ours.town, theirs.town)


def _omitted(ours: _Address, theirs: _Address) -> tuple[Note, ...]:
    notes = []
    if bool(ours.prefecture) != bool(theirs.prefecture):
        notes.append(Note.PREFECTURE_OMITTED)
    if bool(ours.building) != bool(theirs.building):
        notes.append(Note.BUILDING_NAME_OMITTED)
    return tuple(notes)


def _marks(text: Text, address: _Address) -> _Address:
    """The address with its substitutes marked; where flags change what is a number and what a name, without
    marks."""
    if not text.reliable:
        return address
    found = _read(marked(text.value, text.substitute_characters))
    same = (found.prefecture, found.county, found.block, found.room) == (
        address.prefecture,
        address.county,
        address.block,
        address.room,
    )
    covered = covers(found.town, address.town) and covers(found.building, address.building)
    return found if same and covered else address
