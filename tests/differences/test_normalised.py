"""The forms that are shown beside the originals."""

from __future__ import annotations

import pytest

from platform_api.differences import normalised_address, normalised_name
from platform_api.differences.characters import clean, katakana, unrepeated
from platform_api.differences.numerals import with_digits


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("黒桐　幹也", "黒桐 幹也"),
        (" 髙橋　　一郎\u3000", "髙橋 一郎"),
        ("山田［佐藤］　花子", "山田[佐藤] 花子"),
        ("山田（佐藤）　花子", "山田[佐藤] 花子"),
        ("山田　太郎（ヤマダ　タロウ）", "山田 太郎(ヤマダ タロウ)"),
        ("ＳＭＩＴＨ　ＪＯＨＮ", "SMITH JOHN"),
        ("ﾔﾏﾀﾞ　ﾊﾅ", "ヤマダ ハナ"),
        ("葛\U000e0100城　光", "葛城 光"),
        ("佐々木　次郎", "佐々木 次郎"),
        ("", ""),
    ],
)
def test_names(text: str, form: str) -> None:
    """Width, spaces and brackets in one way; kanji stay as they are."""
    assert normalised_name(text) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("東京都清瀬市観布子南１２－７－２０２", "東京都清瀬市観布子南12-7-202"),
        ("東京都千代田区霞が関三丁目２番１号", "東京都千代田区霞が関3-2-1"),
        ("東京都千代田区一番町５番地３", "東京都千代田区一番町5-3"),
        ("東京都港区六本木六丁目１０番１号", "東京都港区六本木6-10-1"),
        (
            "東京都清瀬市観布子南１２番７号　メゾン青葉２０２号室",
            "東京都清瀬市観布子南12-7 メゾン青葉202号室",
        ),
        ("北海道札幌市中央区北三条西四丁目１番地２", "北海道札幌市中央区北三条西4-1-2"),
        ("茨城県龍ケ崎市３７１０番地", "茨城県龍ケ崎市3710"),
        ("長野県長野市緑町１６１３番地　ハイツ３－２", "長野県長野市緑町1613番地 ハイツ3-2"),
        ("東京都新島村若郷無番地", "東京都新島村若郷無番地"),
        ("", ""),
    ],
)
def test_addresses(text: str, form: str) -> None:
    """Digits, hyphens and the block in one way; the names of places stay as they are."""
    assert normalised_address(text) == form


def test_characters() -> None:
    """The exceptions to NFKC, one by one."""
    assert clean("か゛ハ゜") == "がパ"
    assert clean("１ー２") == "1-2"
    assert clean("タワ－　メアリ－") == "タワー メアリー"
    assert clean("ラーメン") == "ラーメン"
    assert clean("Ａ～Ｂ〜Ｃ~Ｄ") == "A〜B〜C〜D"
    assert clean("‐‑‒–—―−－─") == "-" * 9
    assert clean("a\x00b\u200bc\ufe0fd\te") == "abcd e"
    assert unrepeated("佐々木いすゞさゝき") == "佐佐木いすずささき"
    assert unrepeated("々ゝ木ゝ") == "々ゝ木ゝ"
    assert katakana("やまだ・ﾀﾛｳ") == "ヤマダタロウ"
    assert with_digits("十一1二3") == "11 1-2 3"
