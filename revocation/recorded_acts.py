"""Acts of two people upon the authorities: who proposed, who approved, what, upon which content.

Names are what the operators say they are: nothing here proves them (see THREAT_MODEL.md).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from revocation.errors import InputRefused

MAX_NAME: Final = 100
MAX_SUMMARY: Final = 1000
MAX_REASON: Final = 500
#: Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt), and the braille blank.
_UNSEEN: Final = dict.fromkeys(
    code
    for first, last in (
        (0x00AD, 0x00AD),
        (0x034F, 0x034F),
        (0x061C, 0x061C),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFF8),
        (0x1BCA0, 0x1BCA3),
        (0x1D173, 0x1D17A),
        (0xE0000, 0xE0FFF),
    )
    for code in range(first, last + 1)
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """One act, as ``authorities.json`` keeps it for ever."""

    #: The version of the file that this act made.
    version: int
    #: "add_authority", "close_partitions": the ``kind`` of the act.
    kind: str
    ca_id: str
    #: What was done, in one sentence.
    summary: str
    reason: str
    proposal_id: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str
    approved_at: datetime
    #: Hex SHA-256 of the whole file that the act was upon; of nothing where there was none.
    before_sha256: str
    #: Hex SHA-256 of the authorities that it made: a later change past the acts shows.
    after_sha256: str

    def __post_init__(self) -> None:
        if self.version < 1:
            raise _malformed("a version of 1 or more", "another number")
        if not all(_SHA256.match(text) for text in (self.before_sha256, self.after_sha256)):
            raise _malformed("SHA-256 hashes in lower-case hexadecimal", "another text")
        if len(self.summary) > MAX_SUMMARY:
            raise _malformed(f"a summary of at most {MAX_SUMMARY} characters", "a longer one")
        if any(at.tzinfo is None for at in (self.proposed_at, self.approved_at)):
            raise _malformed("times with a time zone", "one without")
        check_reason(self.reason)
        require_another(self.approved_by, than=self.proposed_by)


def operator_name(given: str) -> str:
    """A name as it is kept: trimmed, 1 to 100 printable characters, of which something is seen."""
    name = " ".join(given.split())
    if not (1 <= len(name) <= MAX_NAME and name.isprintable() and _seen(name)):
        raise InputRefused(
            "OPERATOR_NAME_MALFORMED",
            expected=f"a name of 1 to {MAX_NAME} printable characters",
            got="an empty or another text",
            remedy="say who you are: --by NAME",
        )
    return name


def check_reason(reason: str) -> str:
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise _malformed(f"a reason of at most {MAX_REASON} printable characters", "another text")
    return reason


def require_another(name: str, *, than: str) -> None:
    """Two people: equal but for case, width, spaces and what is not seen is one (a slip must not pass for a
    second person). Look-alikes of other scripts and variants of a character are not (THREAT_MODEL.md).
    """
    if _folded(name) == _folded(than):
        raise InputRefused(
            "SECOND_PERSON_REQUIRED",
            expected="another person than the one who proposed it",
            got="the same name",
            remedy="let a colleague look at it and approve it with a name of his or her own",
        )


def _folded(name: str) -> str:
    return _seen("".join(unicodedata.normalize("NFKC", _seen(operator_name(name))).casefold().split()))


def _seen(text: str) -> str:
    return text.translate(_UNSEEN)


def _malformed(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "RECORDED_ACT_MALFORMED",
        expected=expected,
        got=got,
        remedy="restore authorities.json from its backup",
    )
