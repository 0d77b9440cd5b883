"""JIS X 0208 and JIS X 0212: the characters that a signing certificate can carry (jpki.md section 7)."""

from __future__ import annotations

from typing import Final

#: The certificate writes these by their full-width code points, Python's codec by the others.
_TWINS: Final = str.maketrans("－～∥￠￡￢―", "−〜‖¢£¬—")


def outside_repertoire(text: str) -> tuple[int, ...]:
    """Places of characters that neither standard has; such a one is replaced by a substitute.

    EUC-JP is JIS X 0208, JIS X 0212, ASCII and the half-width kana of JIS X 0201; these last are outside.
    """
    return tuple(
        place
        for place, char in enumerate(text.translate(_TWINS))
        if not _inside(char) and not (char.isascii() and char.isprintable())
    )


def _inside(char: str) -> bool:
    try:
        octets = char.encode("euc_jp")
    except UnicodeEncodeError:
        return False
    return len(octets) == 3 or (len(octets) == 2 and octets[0] != 0x8E)
