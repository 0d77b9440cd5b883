"""Folding variants of a character, by how sure it is that they are one. The table is ``variants.json``."""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from platform_api.differences.model import Note


class Level(IntEnum):
    """Each folds what the one before folds, and more."""

    EXACT = 0
    #: Forms of one character: 高 and 髙.
    GLYPH = 1
    #: Old and new form of one character: 沢 and 澤. The register may have changed on the holder's wish.
    OLD_NEW = 2
    #: Two characters that are commonly exchanged: 斎 and 斉.
    INTERCHANGED = 3


NOTES: Final = {
    Level.EXACT: (),
    Level.GLYPH: (Note.GLYPH_VARIANT,),
    Level.OLD_NEW: (Note.OLD_NEW_FORM,),
    Level.INTERCHANGED: (Note.INTERCHANGED_CHARACTER,),
}

TABLE: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("variants.json").read_text(encoding="utf-8")
)


def _tables() -> dict[Level, dict[int, str]]:
    glyph: dict[str, str] = {}
    old_new: dict[str, str] = {}
    for group in TABLE["groups"]:
        glyph |= dict.fromkeys(group["glyph"], group["head"])
        old_new |= dict.fromkeys(group["old_new"], group["head"])
    exchanged = {char: pair["chars"][0] for pair in TABLE["interchanged"] for char in pair["chars"][1:]}
    old_new |= glyph
    every = old_new | {char: exchanged.get(head, head) for char, head in old_new.items()}
    return {
        Level.EXACT: {},
        Level.GLYPH: str.maketrans(glyph),
        Level.OLD_NEW: str.maketrans(old_new),
        Level.INTERCHANGED: str.maketrans(exchanged | every),
    }


_TABLES: Final = _tables()


def folded(text: str, level: Level) -> str:
    """The text with each variant replaced by the head of its group."""
    return text.translate(_TABLES[level])
