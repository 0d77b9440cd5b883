"""How the simulated J-LIS conducts itself where nobody outside knows how the real one does; journalled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

#: A consent counts from the day after it was received (GL 1.8), or reflected (text of the consent): the two
#: official texts disagree (jpki.md section 4.2, open question 7).
CountsFrom = Literal["received", "reflected"]
LONGEST_DELAY_S: Final = 366 * 86_400


@dataclass(frozen=True, slots=True)
class JlisSettings:
    """Defaults: everything is reflected at once, and a consent counts from the day after that."""

    reflection_delay_s: int = 0
    withdrawal_delay_s: int = 0
    consent_counts_from: CountsFrom = "reflected"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def changed(self, changes: Mapping[str, Any]) -> JlisSettings:
        """These with some of them changed; what was received before keeps its own times."""
        return replace(self, **changes)
