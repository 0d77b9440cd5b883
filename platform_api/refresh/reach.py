"""Does J-LIS answer? What one question of a pass saw, the next ones need not find out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from platform_api.refresh.model import LINE_CLOSED, Answer

#: J-LIS not reached this often in a row: the rest waits for the next pass.
AWAY_AFTER: Final = 3


@dataclass(slots=True)
class Reach:
    """Does J-LIS answer? One for a whole pass: an institution does not try again what another just saw."""

    #: It answered in this pass. Until it has, it is asked one question at a time.
    proven: bool = False
    in_a_row: int = 0
    away: str | None = None
    #: How it failed last.
    last: str | None = None

    @property
    def unreached(self) -> str | None:
        """Why this pass could ask nothing of it, or stopped asking."""
        return self.last if self.in_a_row and not self.proven else self.away

    def tell(self, answer: Answer) -> None:
        if answer.refused_before:
            return  # J-LIS was not asked
        if answer.reached:
            self.proven, self.in_a_row = True, 0
        elif answer.code is not None and answer.code.startswith("JLIS_"):
            self.in_a_row, self.last = self.in_a_row + 1, answer.code
            if answer.code in LINE_CLOSED or self.in_a_row >= AWAY_AFTER:
                self.away = answer.code
