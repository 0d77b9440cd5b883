"""One spelling for each character: NFKC, with the exceptions that matter in names and addresses.

* Variation selectors, zero-width and control characters go before NFKC; any white space is one space.
* A free-standing voiced sound mark (U+309B, U+309C) joins its kana; NFKC would put a space between.
* Every dash and minus is "-"; NFKC leaves most of them. A wave dash is "〜", whichever of three came.
* A long vowel mark after what is no kana was meant as a hyphen (１ー２), and a hyphen inside or after
  kana as a long vowel mark (タワ－).
* 々 stays here; it is unfolded in comparisons only (``unrepeated``).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Stands for a character that is flagged as a substitute; private use, so no register has it.
MARK: Final = "\ue000"
#: What a character of the text itself that looks like the mark becomes.
_NO_MARK: Final = "\ue001"

_IGNORED: Final = re.compile(
    "[\u00ad\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
_SPACES: Final = re.compile(r"\s+")
_VOICED: Final = str.maketrans({"\u309b": "\u3099", "\u309c": "\u309a"})
_DASHES: Final = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2500\u2501\u02d7\u2796", "-")
    | dict.fromkeys("~\u223c\u223f\uff5e", "\u301c")
)
#: Marks that repeat the kana before, and their voiced forms.
_REPEATS: Final = {"々": "", "〻": "", "ゝ": "", "ヽ": "", "ゞ": "\u3099", "ヾ": "\u3099"}


def clean(text: str) -> str:
    """The one spelling; doing it twice changes nothing more."""
    text = "".join(char for char in text if char.isspace() or unicodedata.category(char) != "Cc")
    text = _IGNORED.sub("", text).translate(_VOICED)
    text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    text = unicodedata.normalize("NFKC", _IGNORED.sub("", text))
    text = _SPACES.sub(" ", text).strip()
    return _hyphens(text)


def _hyphens(text: str) -> str:
    """Hyphen or long vowel mark, by what stands before."""
    found: list[str] = []
    for place, char in enumerate(text):
        before = found[-1] if found else ""
        after = text[place + 1 : place + 2]
        if char == "-" and is_kana(before) and (after in ("", " ") or is_kana(after)):
            found.append("ー")
        elif char == "ー" and before and not is_kana(before):
            found.append("-")
        else:
            found.append(char)
    return "".join(found)


def is_kana(char: str) -> bool:
    return "ぁ" <= char <= "ゖ" or "ァ" <= char <= "ヺ" or char == "ー"


def unrepeated(text: str) -> str:
    """佐々木 as 佐佐木: for comparisons."""
    found: list[str] = []
    for char in text:
        voice = _REPEATS.get(char)
        if voice is None or not found or (char in "ゝヽゞヾ") != is_kana(found[-1]):
            found.append(char)
        else:
            found.append(unicodedata.normalize("NFC", found[-1] + voice) if voice else found[-1])
    return "".join(found)


def marked(value: str, flags: str | None) -> str:
    """The text with its substitutes replaced by ``MARK``; without usable flags, with none."""
    value = value.replace(MARK, _NO_MARK)
    if flags is None or len(flags) != len(value):
        return value
    return "".join(MARK if flag == "1" else char for char, flag in zip(value, flags, strict=True))


def katakana(text: str) -> str:
    """A reading in one form: katakana, no spaces, no middle dots."""
    text = clean(text)
    text = "".join(chr(ord(char) + 0x60) if "ぁ" <= char <= "ゖ" else char for char in text)
    return clean(text.replace(" ", "").replace("・", "").replace("゠", ""))
