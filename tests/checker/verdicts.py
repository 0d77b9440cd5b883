"""The coarse verdicts in which checkers can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What every checker can be asked for."""

    GOOD = "good"
    REVOKED = "revoked"  # itself or an issuer of its path
    NOT_DETERMINED = "not determined"
    PATH_INVALID = "path invalid"


@dataclass(frozen=True)
class Answer:
    """A verdict, and what was said with it."""

    verdict: Verdict
    said: str
