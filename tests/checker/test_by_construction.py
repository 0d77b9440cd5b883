"""The checker's verdict is the one that a world was made for."""

from __future__ import annotations

import pytest

from tests.checker.agreement import Tally, in_worlds
from tests.checker.ask_ours import checker_says
from tests.checker.by_construction import right_verdicts
from tests.checker.making import World


@pytest.mark.parametrize("examples", [1000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_the_verdict_is_right_by_construction(examples: int) -> None:
    """In random hierarchies the checker says what RFC 5280 section 6.3.3 makes of the facts drawn."""
    tally = Tally()

    def is_right(world: World) -> None:
        ours, right = checker_says(world), right_verdicts(world)
        tally.count(world, ours)
        assert ours.verdict in right, f"{ours.verdict} ({ours.said}) is none of {sorted(right)}\n{world!r}"

    in_worlds(examples, is_right)
    tally.check(examples)
