"""What a customer reads before he consents: 15 numbered explanations, 11 of them required (jpki.md 4.2).
Pure.

A service may have a text of its own; without one the template is shown. The application names the version
that was shown (文面版), and an invitation keeps the version that it was made with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from platform_api.consents.application import TEXT_VERSION
from platform_api.invitations.explanation_template import ENGLISH, JAPANESE

#: Which explanations there are, and which of them must not be missing nor folded away.
NUMBERS: Final = tuple(range(1, 16))
REQUIRED: Final = frozenset((1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 15))

_OWN: Final = re.compile(r"own-([1-9][0-9]{0,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Clause:
    """One explanation as it is shown."""

    number: int
    heading: str
    text: str

    @property
    def required(self) -> bool:
        return self.number in REQUIRED


@dataclass(frozen=True, slots=True)
class Explanation:
    """All explanations of one version. ``version`` 0 is the template of ours."""

    version: int
    ja: tuple[Clause, ...]
    en: tuple[Clause, ...] | None

    @property
    def text_version(self) -> str:
        """What the application says under 文面版."""
        return TEXT_VERSION if self.version == 0 else f"own-{self.version}"

    @property
    def is_template(self) -> bool:
        return self.version == 0

    def clauses(self, language: str) -> tuple[tuple[Clause, ...], str]:
        """The clauses, and the language that they are in: Japanese where there is no English."""
        if language == "en" and self.en is not None:
            return self.en, "en"
        return self.ja, "ja"

    def stored(self) -> dict[str, Any]:
        return {"ja": _stored(self.ja), "en": None if self.en is None else _stored(self.en)}

    @classmethod
    def from_stored(cls, version: int, content: Mapping[str, Any]) -> Explanation:
        english = content["en"]
        return cls(version, _clauses(content["ja"]), None if english is None else _clauses(english))


def _stored(clauses: tuple[Clause, ...]) -> list[list[Any]]:
    return [[clause.number, clause.heading, clause.text] for clause in clauses]


def _clauses(stored: list[list[Any]]) -> tuple[Clause, ...]:
    return tuple(sorted((Clause(*row) for row in stored), key=lambda clause: clause.number))


def missing(clauses: tuple[Clause, ...]) -> tuple[int, ...]:
    """The required numbers that are not there."""
    return tuple(sorted(REQUIRED - {clause.number for clause in clauses}))


def own_version(text_version: str) -> int | None:
    """The number of a service's own text; 0 for the template, None for neither."""
    if text_version == TEXT_VERSION:
        return 0
    found = _OWN.fullmatch(text_version)
    return None if found is None else int(found[1])


TEMPLATE: Final = Explanation(
    0,
    tuple(Clause(number, *JAPANESE[number]) for number in NUMBERS),
    tuple(Clause(number, *ENGLISH[number]) for number in NUMBERS),
)
