"""Names as the certificate writes them: 姓　名, 姓［旧氏］　名, perhaps with a reading in brackets.

``normalised_name`` is for people and for matching by equality; ``compare_names`` says what became of a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from platform_api.differences.characters import clean, is_kana, katakana, marked, unrepeated
from platform_api.differences.model import Compared, Difference, Note, Text, greatest
from platform_api.differences.substitutes import covers, matches, proven
from platform_api.differences.variants import NOTES, Level, folded

#: NFKC has made ［］ and （） of these; the others are seen in registers.
_BRACKETED: Final = re.compile(r"\s*[\[(〔【〈]([^\[\](){}〔〕【】〈〉]*)[\])〕】〉]\s*")

_MOST_PARTS: Final = 8


@dataclass(frozen=True, slots=True)
class _Name:
    """Family and given name (or one part, or several), the former surname, the reading."""

    parts: tuple[str, ...]
    former: str = ""
    reading: str = ""

    def at(self, level: Level) -> _Name:
        return _Name(tuple(_key(part, level) for part in self.parts), _key(self.former, level), self.reading)


def normalised_name(text: str) -> str:
    """Full width or half, which space, which bracket: one spelling. Variants of kanji stay as they are."""
    name = _read(text)
    former = f"[{name.former}]" if name.former else ""
    reading = f"({name.reading})" if name.reading else ""
    first, rest = name.parts[:1], name.parts[1:]
    # Cleaned again: a bracket may have stood between a letter and its accent.
    return clean(" ".join(("".join(first) + former, *rest)) + reading)


def compare_names(old: Text, new: Text) -> Compared:
    """What became of the name; the substitutes of either side may differ."""
    notes = (Note.UNRELIABLE_FLAGS,) if old.unreliable or new.unreliable else ()
    return _compared(old, new).noting(*notes)


def compare_furigana(old: str, new: str) -> Compared:
    """``old`` "": none was known."""
    if old == new:
        return Compared(Difference.UNCHANGED)
    if not katakana(new):
        return Compared(Difference.NOT_COMPUTED, (Note.FURIGANA_REMOVED,))
    if not katakana(old):
        return Compared(Difference.FURIGANA_ADDED)
    if katakana(old) == katakana(new):
        return Compared(Difference.NOTATION_ONLY)
    return Compared(Difference.RENAMED, (Note.FURIGANA_CHANGED,))


def _compared(old: Text, new: Text) -> Compared:
    if old.value == new.value:
        chosen_anew = old.reliable and new.reliable and old.substitute_characters != new.substitute_characters
        return Compared(Difference.SUBSTITUTE_CHARACTER_ONLY if chosen_anew else Difference.UNCHANGED)
    ours, theirs = _read(old.value), _read(new.value)
    our_marks, their_marks = _marks(old, ours), _marks(new, theirs)
    parts = _compared_parts(ours.parts, theirs.parts, our_marks.parts, their_marks.parts)
    if parts is None:
        renamed = Compared(Difference.RENAMED)
        if theirs.former and not ours.former:
            renamed = renamed.noting(Note.FORMER_SURNAME_ADDED)
        return renamed if _share_a_part(our_marks, their_marks) else renamed.noting(Note.WHOLE_NAME)
    former = _compared_former(ours, theirs, our_marks, their_marks)
    reading = _compared_reading(ours.reading, theirs.reading)
    found = [one for one in (parts, former, reading) if one is not None]
    return Compared(
        greatest(one.difference for one in found), tuple(note for one in found for note in one.notes)
    )


def _read(text: str) -> _Name:
    """A bracket of kana alone is a reading, any other is the former surname; the first of each counts.

    Brackets inside brackets are taken from the inside: what is left has none that belong together.
    """
    text = clean(text)
    former = reading = ""
    while contents := _BRACKETED.findall(text):
        for inside in map(str.strip, contents):
            if inside and all(is_kana(char) or char in " ・" for char in inside):
                reading = reading or inside
            else:
                former = former or inside
        text = _BRACKETED.sub(" ", text)
    return _Name(tuple(text.split()), former, reading)


def _marks(text: Text, name: _Name) -> _Name:
    """The name with its substitutes marked, part by part; where flags join or break parts, without marks."""
    if not text.reliable:
        return name
    found = _read(marked(text.value, text.substitute_characters))
    pairs = zip((*found.parts, found.former), (*name.parts, name.former), strict=False)
    same = len(found.parts) == len(name.parts) and all(covers(mark, part) for mark, part in pairs)
    return found if same else name


def _key(part: str, level: Level) -> str:
    return folded(unrepeated(part).casefold(), level)


def _compared_parts(
    ours: tuple[str, ...], theirs: tuple[str, ...], our_marks: tuple[str, ...], their_marks: tuple[str, ...]
) -> Compared | None:
    """Family and given name one by one; where one side does not divide them, both as one. None: renamed."""
    notes: tuple[Note, ...] = ()
    if len(ours) != len(theirs):
        if min(len(ours), len(theirs)) > 1 or not (ours and theirs):
            return None
        ours, theirs = ("".join(ours),), ("".join(theirs),)
        our_marks, their_marks = ("".join(our_marks),), ("".join(their_marks),)
        notes = (Note.SPACE_MISSING,)
    for level in Level:
        if [_key(part, level) for part in ours] == [_key(part, level) for part in theirs]:
            return Compared(Difference.NOTATION_ONLY, notes + NOTES[level])
    most = Level.INTERCHANGED
    for one, other, our_mark, their_mark in zip(ours, theirs, our_marks, their_marks, strict=True):
        if _key(one, most) != _key(other, most) and not _match(our_mark, their_mark):
            return None
    return Compared(Difference.SUBSTITUTE_CHARACTER_ONLY, notes)


def _match(ours: str, theirs: str) -> bool:
    one, other = (_key(part, Level.INTERCHANGED) for part in (ours, theirs))
    return proven(one, other) and matches(one, other)


def _compared_former(ours: _Name, theirs: _Name, our_marks: _Name, their_marks: _Name) -> Compared | None:
    if not ours.former and not theirs.former:
        return None
    if not ours.former:
        return Compared(Difference.FORMER_SURNAME_ADDED)
    if not theirs.former:
        return Compared(Difference.RENAMED, (Note.FORMER_SURNAME_REMOVED,))
    for level in Level:
        if _key(ours.former, level) == _key(theirs.former, level):
            return Compared(Difference.NOTATION_ONLY, NOTES[level])
    if _match(our_marks.former, their_marks.former):
        return Compared(Difference.SUBSTITUTE_CHARACTER_ONLY)
    return Compared(Difference.RENAMED, (Note.FORMER_SURNAME_CHANGED,))


def _compared_reading(ours: str, theirs: str) -> Compared | None:
    if katakana(ours) == katakana(theirs):
        return None
    if not ours:
        return Compared(Difference.FURIGANA_ADDED)
    if not theirs:
        return Compared(Difference.NOTATION_ONLY, (Note.FURIGANA_REMOVED,))
    return Compared(Difference.RENAMED, (Note.FURIGANA_CHANGED,))


def _share_a_part(ours: _Name, theirs: _Name) -> bool:
    """A family or given name in common, also as former surname; of an undivided name, two characters at its
    beginning or end."""
    our_parts, their_parts = _all_parts(ours), _all_parts(theirs)
    keys = {_key(part, Level.INTERCHANGED) for part in our_parts}
    if not keys.isdisjoint(_key(part, Level.INTERCHANGED) for part in their_parts):
        return True
    if any(_match(a, b) for a in our_parts for b in their_parts):
        return True
    one, other = ("".join(name.at(Level.INTERCHANGED).parts) for name in (ours, theirs))
    if min(len(ours.parts), len(theirs.parts)) > 1 or min(len(one), len(other)) < 2:
        return one == other
    return one[:2] == other[:2] or one[-2:] == other[-2:]


def _all_parts(name: _Name) -> tuple[str, ...]:
    """The first of them: a name of hundreds of parts is none, and every pair is compared."""
    parts = name.parts[:_MOST_PARTS]
    return (*parts, name.former) if name.former else parts
