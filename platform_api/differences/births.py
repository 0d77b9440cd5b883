"""Dates of birth and sexes: EYYYYMMDD or YYYY-MM-DD, a digit or a word; and what contradicts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from platform_api.differences.model import Compared, Difference, Note

_RAW: Final = re.compile(r"([0-5])([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_SEXES: Final = {"1": "male", "2": "female", "male": "male", "female": "female"}


@dataclass(frozen=True, slots=True)
class _Born:
    """Zero: not known."""

    year: int
    month: int
    day: int

    @property
    def parts(self) -> tuple[int, int, int]:
        return self.year, self.month, self.day


def compare_births(old: str, new: str) -> Compared:
    """CORRECTED where a known part says otherwise, or where one side says more than the other."""
    if old == new:
        return Compared(Difference.UNCHANGED)
    ours, theirs = _read(old), _read(new)
    if ours is None or theirs is None:
        return Compared(Difference.NOT_COMPUTED, (Note.DATE_UNRELIABLE,))
    if ours == theirs:
        # Like is compared with like: of a whole date both forms say the same; the era may be written or not.
        forms = {_ISO.fullmatch(old) is None, _ISO.fullmatch(new) is None}
        same = len(forms) == 2 and 0 not in ours.parts
        return Compared(Difference.UNCHANGED if same else Difference.NOTATION_ONLY)
    if births_contradict(old, new):
        return Compared(Difference.CORRECTED)
    return Compared(Difference.CORRECTED, (Note.DATE_PRECISION,))


def births_contradict(old: str, new: str) -> bool:
    """Does a part that both know differ? What cannot be read contradicts nothing."""
    ours, theirs = _read(old), _read(new)
    if ours is None or theirs is None:
        return False
    pairs = zip(ours.parts, theirs.parts, strict=True)
    return any(one != other and 0 not in (one, other) for one, other in pairs)


def compare_genders(old: str, new: str) -> Compared:
    """The certificate's digits for "not known" differ by source, and mean the same."""
    if old == new:
        return Compared(Difference.UNCHANGED)
    ours, theirs = _SEXES.get(old), _SEXES.get(new)
    if ours != theirs:
        return Compared(Difference.CORRECTED)
    like = ours is not None and old.isdigit() != new.isdigit()
    return Compared(Difference.UNCHANGED if like else Difference.NOTATION_ONLY)


def genders_contradict(old: str, new: str) -> bool:
    ours, theirs = _SEXES.get(old), _SEXES.get(new)
    return ours is not None and theirs is not None and ours != theirs


def _read(text: str) -> _Born | None:
    found = _RAW.fullmatch(text)
    groups = found.groups()[1:] if found is not None else None
    if found is None:
        iso = _ISO.fullmatch(text)
        groups = None if iso is None else iso.groups()
    if groups is None:
        return None
    born = _Born(*(int(group) for group in groups))
    if born.month > 12 or born.day > 31 or (born.day and not born.month) or (born.month and not born.year):
        return None
    if 0 not in born.parts:
        try:
            date(*born.parts)
        except ValueError:
            return None
    return born
