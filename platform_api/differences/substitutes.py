"""Texts with substitutes: ``MARK`` stands for a character that the certificate could not carry.

A substitute was chosen by hand, and another one may be chosen at the next issue; where no kanji fits, it is
kana, which may be several characters for one. So a mark equals any one character but a digit or a space, and
a run of marks equals a run of marks of any length.
"""

from __future__ import annotations

from platform_api.differences.characters import MARK


def matches(ours: str, theirs: str) -> bool:
    """Can both be the same text, whatever stands behind the marks?"""
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        places = waiting.pop()
        if places in seen:
            continue
        seen.add(places)
        mine, their = places
        if mine == len(ours) and their == len(theirs):
            return True
        if mine == len(ours) or their == len(theirs):
            continue
        if ours[mine] == theirs[their] == MARK:
            waiting.append((_after_run(ours, mine), _after_run(theirs, their)))
        if _same(ours[mine], theirs[their]):
            waiting.append((mine + 1, their + 1))
    return False


def covers(marks: str, text: str) -> bool:
    """Is it the text with some characters marked? A flag on a space or a bracket makes another text of it."""
    return len(marks) == len(text) and all(
        mark in (MARK, char) for mark, char in zip(marks, text, strict=True)
    )


def proven(ours: str, theirs: str) -> bool:
    """Is enough of it no mark? Two texts of marks alone match, and prove nothing."""
    return all(_literals(text) >= max(1, text.count(MARK)) for text in (ours, theirs))


def _literals(text: str) -> int:
    return sum(1 for char in text if char not in (MARK, " "))


def _same(ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    if ours == MARK:
        return not (theirs.isdigit() or theirs.isspace())
    return theirs == MARK and not (ours.isdigit() or ours.isspace())


def _after_run(text: str, place: int) -> int:
    while place < len(text) and text[place] == MARK:
        place += 1
    return place
