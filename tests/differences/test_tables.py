"""The two tables and the repertoire: consistent, documented, and doing what they say."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest

from platform_api.differences import address_table, outside_repertoire, variants
from platform_api.differences.characters import clean
from platform_api.differences.variants import Level, folded

GROUPS = variants.TABLE["groups"]


def test_each_character_stands_once() -> None:
    """No character belongs to two groups, and no group's head is a member of another."""
    members = Counter(char for group in GROUPS for char in group["glyph"] + group["old_new"])
    assert [char for char, times in members.items() if times > 1] == []
    assert {group["head"] for group in GROUPS} & set(members) == set()
    assert len({group["head"] for group in GROUPS}) == len(GROUPS) > 400


def test_each_group_says_why_and_adds_to_nfkc() -> None:
    """A source or a reason for each; characters that NFKC folds anyway are not repeated."""
    for group in GROUPS:
        assert group["why"], group
        for char in [group["head"], *group["glyph"], *group["old_new"]]:
            assert len(char) == 1
            assert unicodedata.normalize("NFKC", char) == clean(char) == char, group
    for pair in variants.TABLE["interchanged"]:
        assert pair["why"]
        assert not any(
            char in group["glyph"] + group["old_new"] for group in GROUPS for char in pair["chars"]
        )


@pytest.mark.parametrize(
    ("group", "level"),
    [
        ("高髙", Level.GLYPH),
        ("崎﨑嵜", Level.GLYPH),
        ("辺邉", Level.GLYPH),
        ("辺邉邊", Level.OLD_NEW),
        ("吉𠮷", Level.GLYPH),
        ("斎齋", Level.OLD_NEW),
        ("斉齊", Level.OLD_NEW),
        ("斎齋斉齊", Level.INTERCHANGED),
        ("徳德", Level.OLD_NEW),
        ("浜濱濵", Level.OLD_NEW),
        ("沢澤", Level.OLD_NEW),
        ("島嶋嶌", Level.GLYPH),
    ],
)
def test_the_groups_that_everybody_asks_for(group: str, level: Level) -> None:
    """They fold into one at their level, and not below it."""
    assert len({folded(char, level) for char in group}) == 1
    assert len({folded(char, Level(level - 1)) for char in group}) > 1


@pytest.mark.parametrize("pair", ["萩荻", "己巳", "太大", "土士", "未末", "堀掘", "浦蒲", "渡度"])
def test_what_is_alike_to_the_eye_only_is_not_folded(pair: str) -> None:
    """Two characters with two meanings stay two, at every level."""
    assert len({folded(char, Level.INTERCHANGED) for char in pair}) == 2


def test_folding_twice_changes_nothing() -> None:
    """Every character of the tables, at every level."""
    every = "".join(char for group in GROUPS for char in [group["head"], *group["glyph"], *group["old_new"]])
    every += "".join(char for pair in variants.TABLE["interchanged"] for char in pair["chars"])
    for level in Level:
        assert folded(folded(every, level), level) == folded(every, level)


def test_the_repertoire_is_two_standards() -> None:
    """JIS X 0208 and 0212 are inside, also as the certificate writes hyphens; extensions, JIS X 0213's own,
    half-width kana and control characters are not."""
    assert outside_repertoire("東京都清瀬市観布子南１２－７～２０２　黒桐　幹也ヶ々〜−ABC") == ()
    assert outside_repertoire("彅丂鷗") == ()
    assert outside_repertoire("髙橋﨑𠮷①㈱ｱ\x00") == (0, 2, 3, 4, 5, 6, 7)


def test_the_address_table_is_documented() -> None:
    """47 prefectures; a reason beside each rule."""
    assert len(set(address_table.TABLE["prefectures"])) == 47
    for section in ("units", "phrases", "buildings"):
        assert all(rule["why"] for rule in address_table.TABLE[section])
