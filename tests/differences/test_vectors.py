"""Golden vectors: pairs made by hand after real ways of writing, each with what became of the item."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from platform_api.differences import Compared, Difference, Note, Person, Text, differences

ROWS = list(
    csv.DictReader(
        Path(__file__).with_name("vectors.tsv").read_text(encoding="utf-8").splitlines(),
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
    )
)


def compared(item: str, old: str, new: str, old_flags: str = "", new_flags: str = "") -> Compared:
    if item in ("name", "address"):
        one = Person(**{item: Text(old, old_flags or None)})  # type: ignore[arg-type]
        other = Person(**{item: Text(new, new_flags or None)})  # type: ignore[arg-type]
    else:
        one, other = Person(**{item: old}), Person(**{item: new})  # type: ignore[arg-type]
    found = getattr(differences(one, other), item)
    assert isinstance(found, Compared)
    return found


def test_there_are_enough() -> None:
    """Of each item several, in all more than 120."""
    assert len(ROWS) >= 120
    assert {row["item"] for row in ROWS} == {"name", "address", "date_of_birth", "gender", "name_furigana"}
    assert {row["difference"] for row in ROWS} == set(Difference) - {"MOVED_ABROAD", "PERSON_MISMATCH"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['old']}={row['new']}")
def test_vector(row: dict[str, str]) -> None:
    """The class and the notes of this pair."""
    found = compared(row["item"], row["old"], row["new"], row["old_flags"], row["new_flags"])
    notes = tuple(Note(note) for note in row["notes"].split() if note)
    assert (found.difference.value, found.notes) == (row["difference"], notes)
