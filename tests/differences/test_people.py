"""The class of the whole: what weighs most, and when it is another person."""

from __future__ import annotations

import pytest

from platform_api.differences import Difference, Person, Text, differences

OLD = Person(
    name=Text("佐藤　花子"),
    address=Text("東京都清瀬市観布子南１２－７"),
    date_of_birth="419920229",
    gender="2",
    name_furigana="",
)


def _new(**changes: str) -> Person:
    values = {
        "name": "佐藤　花子",
        "address": "東京都清瀬市観布子南１２－７",
        "date_of_birth": "419920229",
        "gender": "2",
    } | changes
    return Person(
        name=Text(values["name"]),
        address=Text(values["address"]),
        date_of_birth=values["date_of_birth"],
        gender=values["gender"],
        name_furigana=values.get("name_furigana"),
        moved_abroad_on=values.get("moved_abroad_on"),
    )


@pytest.mark.parametrize(
    ("changes", "overall"),
    [
        ({}, "UNCHANGED"),
        ({"address": "東京都清瀬市観布子南12-7"}, "NOTATION_ONLY"),
        ({"name_furigana": "サトウ　ハナコ"}, "FURIGANA_ADDED"),
        ({"name": "佐藤［鈴木］　花子", "name_furigana": "サトウ　ハナコ"}, "FORMER_SURNAME_ADDED"),
        ({"address": "東京都千代田区千代田１－１"}, "MOVED"),
        ({"address": "東京都千代田区千代田１－１", "name": "山田　花子"}, "RENAMED"),
        ({"moved_abroad_on": "2026-04-01"}, "MOVED_ABROAD"),
        ({"moved_abroad_on": "2026-04-01", "address": "東京都千代田区千代田１－１"}, "MOVED_ABROAD"),
        ({"date_of_birth": "419920301"}, "CORRECTED"),
        ({"gender": "1"}, "CORRECTED"),
        ({"gender": "1", "name": "山田　太郎"}, "CORRECTED"),
        ({"date_of_birth": "419920301", "gender": "1"}, "PERSON_MISMATCH"),
        ({"date_of_birth": "419920301", "name": "山田　太郎"}, "PERSON_MISMATCH"),
        ({"date_of_birth": "419920301", "name": "山田　花子"}, "CORRECTED"),
        ({"date_of_birth": "419920301", "name": "山田［佐藤］　華子"}, "CORRECTED"),
        ({"date_of_birth": "419920200", "name": "山田　太郎", "gender": "1"}, "CORRECTED"),
        ({"date_of_birth": "nonsense", "name": "山田　太郎", "gender": "1"}, "CORRECTED"),
        ({"date_of_birth": "419920301", "gender": "9"}, "CORRECTED"),
    ],
)
def test_the_class_of_the_whole(changes: dict[str, str], overall: str) -> None:
    """The greatest of the items' classes; another person by birth and sex, or birth and whole name."""
    assert differences(OLD, _new(**changes)).overall.value == overall


def test_who_left_before_is_compared_by_text() -> None:
    """The same day of departure again is no new departure."""
    left = _new(moved_abroad_on="2026-04-01")
    assert differences(left, left).overall is Difference.UNCHANGED
    later = _new(moved_abroad_on="2027-04-01")
    assert differences(left, later).address.difference is Difference.MOVED_ABROAD


def test_only_what_both_say_is_compared() -> None:
    """Nothing in common: NOT_COMPUTED; one item in common: that one decides."""
    assert differences(Person(), OLD).overall is Difference.NOT_COMPUTED
    found = differences(Person(gender="2"), OLD)
    assert (found.overall, found.name.difference) == (Difference.UNCHANGED, Difference.NOT_COMPUTED)
    # A birth date alone contradicts: corrected, since nothing else says that it is another person.
    assert differences(Person(date_of_birth="419920301"), OLD).overall is Difference.CORRECTED
