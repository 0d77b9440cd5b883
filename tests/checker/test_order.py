"""The verdict on a random world hangs on what is given, and not on the order in which it is given."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.checker.agreement import in_worlds
from tests.checker.ask_ours import checker_says
from tests.checker.making import World
from tests.checker.verdicts import Verdict


@pytest.mark.parametrize("examples", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_the_order_of_lists_and_certificates_decides_nothing(examples: int) -> None:
    """RFC 5280 section 6.3.3 names no order; each world is asked again, shuffled three times."""

    def is_the_same(world: World) -> None:
        mixed = random.Random(world.certificate)
        first = checker_says(world)
        for _ in range(3):
            shuffled = replace(
                world,
                lists=tuple(mixed.sample(world.lists, len(world.lists))),
                others=tuple(mixed.sample(world.others, len(world.others))),
            )
            assert checker_says(shuffled).verdict == first.verdict, f"{first.said}\n{world!r}"

    in_worlds(examples, is_the_same)


@pytest.mark.parametrize("examples", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_what_is_given_twice_decides_nothing(examples: int) -> None:
    """The same lists and certificates a second time are the same lists and certificates."""

    def is_the_same(world: World) -> None:
        twice = replace(world, lists=world.lists * 2, others=world.others * 2, trust=world.trust * 2)
        assert checker_says(twice).verdict == checker_says(world).verdict, repr(world)

    in_worlds(examples, is_the_same)


@pytest.mark.parametrize("examples", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_without_lists_nothing_is_good(examples: int) -> None:
    """No list, no good: whatever the world is, and whichever certificates are given."""

    def is_not_good(world: World) -> None:
        assert checker_says(replace(world, lists=())).verdict in {
            Verdict.NOT_DETERMINED,
            Verdict.PATH_INVALID,
        }

    in_worlds(examples, is_not_good)
