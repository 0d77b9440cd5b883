"""What is compared and what is found. Frozen, and silent: no ``repr`` shows an item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Difference(StrEnum):
    """What became of an item, or of the person; from the least to the most."""

    NOT_COMPUTED = "NOT_COMPUTED"
    #: The very same text.
    UNCHANGED = "UNCHANGED"
    #: Another text that says the same: widths, hyphens, kanji numerals, variants of a character.
    NOTATION_ONLY = "NOTATION_ONLY"
    #: It differs only where one side has a substitute for a character that the certificate cannot carry.
    SUBSTITUTE_CHARACTER_ONLY = "SUBSTITUTE_CHARACTER_ONLY"
    FURIGANA_ADDED = "FURIGANA_ADDED"
    FORMER_SURNAME_ADDED = "FORMER_SURNAME_ADDED"
    MOVED = "MOVED"
    MOVED_ABROAD = "MOVED_ABROAD"
    RENAMED = "RENAMED"
    #: Date of birth or sex say something else.
    CORRECTED = "CORRECTED"
    #: Date of birth and sex, or date of birth and the whole name: another person. Discard the answer.
    PERSON_MISMATCH = "PERSON_MISMATCH"


_ORDER: Final = {difference: place for place, difference in enumerate(Difference)}


def greatest(found: Iterable[Difference]) -> Difference:
    """The one that weighs most; NOT_COMPUTED of nothing."""
    return max(found, key=_ORDER.__getitem__, default=Difference.NOT_COMPUTED)


class Note(StrEnum):
    """How it was found, for who looks closer. Codes, never characters of the item."""

    GLYPH_VARIANT = "GLYPH_VARIANT"
    OLD_NEW_FORM = "OLD_NEW_FORM"
    INTERCHANGED_CHARACTER = "INTERCHANGED_CHARACTER"
    SPACE_MISSING = "SPACE_MISSING"
    #: Flags that are not one 0 or 1 for each character: they say nothing and were not used.
    UNRELIABLE_FLAGS = "UNRELIABLE_FLAGS"
    FORMER_SURNAME_ADDED = "FORMER_SURNAME_ADDED"
    FORMER_SURNAME_CHANGED = "FORMER_SURNAME_CHANGED"
    FORMER_SURNAME_REMOVED = "FORMER_SURNAME_REMOVED"
    FURIGANA_CHANGED = "FURIGANA_CHANGED"
    FURIGANA_REMOVED = "FURIGANA_REMOVED"
    #: Not one part of the name is the same.
    WHOLE_NAME = "WHOLE_NAME"
    BUILDING_NAME_OMITTED = "BUILDING_NAME_OMITTED"
    PREFECTURE_OMITTED = "PREFECTURE_OMITTED"
    #: Town and block are the same; building or room are not.
    SAME_BLOCK = "SAME_BLOCK"
    #: One side knows a part of the date only, and no part contradicts the other.
    DATE_PRECISION = "DATE_PRECISION"
    DATE_UNRELIABLE = "DATE_UNRELIABLE"


@dataclass(frozen=True, slots=True, repr=False)
class Text:
    """A text, byte for byte as it came, and one 0 or 1 per character: is it a substitute?"""

    value: str
    substitute_characters: str | None = None

    @property
    def reliable(self) -> bool:
        flags = self.substitute_characters
        return flags is not None and len(flags) == len(self.value) and set(flags) <= {"0", "1"}

    @property
    def unreliable(self) -> bool:
        """There are flags, and they cannot be used."""
        return self.substitute_characters is not None and not self.reliable

    def __repr__(self) -> str:
        return "Text(hidden)"


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What one side knows. None: not said, not compared. ``name_furigana`` "": known to have none.

    ``date_of_birth``: EYYYYMMDD as in the certificate, or YYYY-MM-DD. ``gender``: the certificate's digit,
    or ``male`` or ``female``. ``moved_abroad_on``: YYYY-MM-DD.
    """

    name: Text | None = None
    address: Text | None = None
    date_of_birth: str | None = None
    gender: str | None = None
    name_furigana: str | None = None
    moved_abroad_on: str | None = None

    def __repr__(self) -> str:
        return "Person(hidden)"


@dataclass(frozen=True, slots=True)
class Compared:
    """The class of one item, and how it was found."""

    difference: Difference
    notes: tuple[Note, ...] = ()

    def noting(self, *notes: Note) -> Compared:
        more = tuple(note for note in notes if note not in self.notes)
        return Compared(self.difference, self.notes + more)


_NOTHING: Final = Compared(Difference.NOT_COMPUTED)


@dataclass(frozen=True, slots=True)
class Differences:
    """The class of each item, and of the person."""

    name: Compared = _NOTHING
    address: Compared = _NOTHING
    date_of_birth: Compared = _NOTHING
    gender: Compared = _NOTHING
    name_furigana: Compared = _NOTHING
    overall: Difference = Difference.NOT_COMPUTED


NOT_COMPUTED: Final = Differences()
