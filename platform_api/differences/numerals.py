"""Kanji numerals as digits, for comparisons: 二十三 and 二三 as 23, also inside place names (三田 as 3田)."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = {char: value for value, char in enumerate("〇一二三四五六七八九")} | {
    "零": 0,
    "壱": 1,
    "弐": 2,
    "参": 3,
}
_TENS: Final = {"十": 10, "拾": 10, "百": 100, "千": 1000}
NUMERALS: Final = "".join(_DIGITS) + "".join(_TENS) + "万"
_RUN: Final = re.compile(f"[{NUMERALS}]+")


def with_digits(text: str, runs: re.Pattern[str] = _RUN) -> str:
    """Every run of kanji numerals, or those that ``runs`` finds, in digits; one that touches digits is kept
    apart: after them by a hyphen (12番3一), before them by a space (南三12番)."""

    def replaced(found: re.Match[str]) -> str:
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        digits = str(value(found[0])) if any(char in _TENS or char == "万" for char in found[0]) else ""
        digits = digits or "".join(str(_DIGITS[char]) for char in found[0])
        return ("-" if before.isdecimal() else "") + digits + (" " if after.isdecimal() else "")

    return runs.sub(replaced, text)


def value(numerals: str) -> int:
    """By tens and hundreds; a sequence that makes no number makes some number, always the same."""
    total = section = digits = 0
    for char in numerals:
        if char in _DIGITS:
            digits = digits * 10 + _DIGITS[char]
        elif char in _TENS:
            section += max(digits, 1) * _TENS[char]
            digits = 0
        else:  # 万
            total = (total + max(section + digits, 1)) * 10_000
            section = digits = 0
    return total + section + digits
