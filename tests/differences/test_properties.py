"""What must hold for every text, however odd: driven by Hypothesis."""

from __future__ import annotations

import unicodedata

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from platform_api.differences import (
    NOT_COMPUTED,
    Difference,
    Person,
    Text,
    differences,
    normalised_address,
    normalised_name,
    outside_repertoire,
)
from platform_api.differences.characters import clean, katakana
from platform_api.differences.numerals import value, with_digits
from platform_api.differences.substitutes import matches

#: A loaded machine is slow, and that is no fault of the code.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_ALPHABET = st.sampled_from(
    "高髙崎﨑辺邊邉斎齋斉齊渡田山花子一二三十百千万大字ヶケがのノ"
    "丁目番地号棟条町市区郡県都京 　－-ー−〜～１２3４5ＡB"
    "アカガｶﾞﾊﾟハか゛々ゝゞ［］（）[]()・\u3099\U000e0100\ufe00\u200b\x00\ue000\ue001\U00020bb7\n"
)
TEXTS = st.text(_ALPHABET, max_size=24) | st.text(max_size=24)
FLAGS = st.none() | st.text(st.sampled_from("01"), max_size=24) | st.text(max_size=8)


@st.composite
def items(draw: st.DrawFn) -> Text:
    text = draw(TEXTS)
    right = st.text(st.sampled_from("01"), min_size=len(text), max_size=len(text))
    return Text(text, draw(FLAGS | right))


DATES = st.one_of(
    st.from_regex(r"\A[0-5]19[0-9]{2}[01][0-9][0-3][0-9]\Z"),
    st.from_regex(r"\A19[0-9]{2}-[01][0-9]-[0-3][0-9]\Z"),
    st.text(max_size=10),
)
GENDERS = st.sampled_from(("1", "2", "3", "9", "male", "female", "", "x"))


@st.composite
def people(draw: st.DrawFn) -> Person:
    return Person(
        name=draw(st.none() | items()),
        address=draw(st.none() | items()),
        date_of_birth=draw(st.none() | DATES),
        gender=draw(st.none() | GENDERS),
        name_furigana=draw(st.none() | TEXTS),
        moved_abroad_on=draw(st.none() | st.sampled_from(("2026-04-01", "2027-04-01"))),
    )


@UNTIMED
@given(people(), people())
def test_any_two_people_can_be_compared(old: Person, new: Person) -> None:
    """Nothing raises, whatever the flags, dates and texts are; the whole is the class of one of its parts."""
    found = differences(old, new)
    parts = [found.name, found.address, found.date_of_birth, found.gender, found.name_furigana]
    assert found.overall in {part.difference for part in parts} | {Difference.PERSON_MISMATCH}


@UNTIMED
@given(people())
def test_nobody_differs_from_himself(person: Person) -> None:
    """Everything that is said is UNCHANGED."""
    found = differences(person, person)
    for item in ("name", "address", "date_of_birth", "gender", "name_furigana"):
        said = getattr(person, item) is not None
        assert getattr(found, item).difference is (
            Difference.UNCHANGED if said else Difference.NOT_COMPUTED
        ), item
    assert found.overall in (Difference.UNCHANGED, Difference.NOT_COMPUTED)


@UNTIMED
@given(items(), items())
def test_unchanged_means_the_very_same_text(old: Text, new: Text) -> None:
    """UNCHANGED for no two texts that differ in a byte."""
    found = differences(Person(name=old, address=old), Person(name=new, address=new))
    for part in (found.name, found.address):
        if part.difference is Difference.UNCHANGED:
            assert old.value == new.value


_BOTH_WAYS = {
    Difference.UNCHANGED,
    Difference.NOTATION_ONLY,
    Difference.SUBSTITUTE_CHARACTER_ONLY,
    Difference.MOVED,
    Difference.CORRECTED,
}


@UNTIMED
@given(people(), people())
def test_the_other_way_round(old: Person, new: Person) -> None:
    """What is the same in another notation, moved, corrected or another person is so in both directions; what
    was added one way was removed the other."""
    there, back = differences(old, new), differences(new, old)
    for item in ("address", "date_of_birth", "gender"):
        one, other = getattr(there, item).difference, getattr(back, item).difference
        if Difference.MOVED_ABROAD not in (one, other):
            assert one == other
    assert (there.overall is Difference.PERSON_MISMATCH) == (back.overall is Difference.PERSON_MISMATCH)
    readings = (
        old.name is not None and new.name is not None and any(c in "()（）[]［］" for c in old.name.value)
    )
    readings = readings or (new.name is not None and any(c in "()（）[]［］" for c in new.name.value))
    if there.name.difference in _BOTH_WAYS and not readings:
        assert back.name.difference == there.name.difference


@UNTIMED
@given(TEXTS)
@example("[[))")
def test_folding_twice_changes_nothing(text: str) -> None:
    """Each normal form of a normal form is itself."""
    assert clean(clean(text)) == clean(text)
    assert normalised_name(normalised_name(text)) == normalised_name(text)
    assert normalised_address(normalised_address(text)) == normalised_address(text)
    assert katakana(katakana(text)) == katakana(text)


@UNTIMED
@given(items())
@example(Text("3号百B"))
@example(Text("3の3一B"))
@example(Text("百3B3の3"))
@example(Text("一番二 メゾン"))
@example(Text("12番地三4"))
def test_a_normal_form_is_another_notation(text: Text) -> None:
    """Comparing a text with its own normal form never says more than NOTATION_ONLY."""
    name = differences(Person(name=Text(text.value)), Person(name=Text(normalised_name(text.value)))).overall
    assert name in (Difference.UNCHANGED, Difference.NOTATION_ONLY)
    address = Person(address=Text(normalised_address(text.value)))
    assert differences(Person(address=Text(text.value)), address).overall in (
        Difference.UNCHANGED,
        Difference.NOTATION_ONLY,
    )


@UNTIMED
@given(TEXTS)
def test_normal_forms_hold_no_surprises(text: str) -> None:
    """No control character, no full-width digit, no double or outer space."""
    for found in (normalised_name(text), normalised_address(text)):
        assert not any(unicodedata.category(char) == "Cc" for char in found)
        assert not set(found) & set("０１２３４５６７８９　－")
        assert "  " not in found
        assert found == found.strip()


@UNTIMED
@given(st.text(max_size=40))
def test_places_outside_the_repertoire(text: str) -> None:
    """Places are places, in order."""
    places = outside_repertoire(text)
    assert list(places) == sorted(set(places))
    assert all(0 <= place < len(text) for place in places)


@UNTIMED
@given(st.integers(0, 9999))
def test_kanji_numerals(number: int) -> None:
    """A number written by tens and hundreds, or digit by digit, is that number."""
    digits = "〇一二三四五六七八九"
    plain = "".join(digits[int(digit)] for digit in str(number))
    assert int(with_digits(plain)) == number
    units = ["", "十", "百", "千"]
    by_tens = ""
    for place, digit in enumerate(reversed(str(number))):
        if digit != "0":
            by_tens = ("" if digit == "1" and place else digits[int(digit)]) + units[place] + by_tens
    if by_tens:
        assert value(by_tens) == number
        assert with_digits(f"東{by_tens}丁目") == f"東{number}丁目"


@UNTIMED
@given(
    st.text(st.sampled_from("ab\ue000 1"), max_size=30), st.text(st.sampled_from("ab\ue000 1"), max_size=30)
)
def test_substitutes_match_both_ways(ours: str, theirs: str) -> None:
    """Matching is symmetric, reflexive, and equal to equality where nothing is flagged."""
    assert matches(ours, theirs) == matches(theirs, ours)
    assert matches(ours, ours)
    if "\ue000" not in ours + theirs:
        assert matches(ours, theirs) == (ours == theirs)


def test_flagged_all_over_does_not_take_long() -> None:
    """The longest texts that are ever compared, all of them substitutes."""
    long = Text("高" * 1000, "1" * 1000)
    other = Text("橋" * 999, "1" * 999)
    assert differences(Person(name=long, address=long), Person(name=other, address=other)).overall is (
        Difference.RENAMED
    )


def test_nothing_is_shown() -> None:
    """No ``repr`` holds an item, nor does what is found."""
    person = Person(name=Text("金糸雀　歌子", "000000"), date_of_birth="419920229")
    found = differences(person, Person(name=Text("金糸雀　歌"), date_of_birth="419920301"))
    shown = f"{person!r} {person.name!r} {found!r}"
    assert "金糸雀" not in shown
    assert "1992" not in shown
    assert differences(person, Person()) == NOT_COMPUTED


@UNTIMED
@given(people(), people())
def test_another_person_needs_another_birth(old: Person, new: Person) -> None:
    """Whatever else differs, an equal birth date is never another person's."""
    assume(old.date_of_birth == new.date_of_birth)
    assert differences(old, new).overall is not Difference.PERSON_MISMATCH
