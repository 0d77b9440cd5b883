"""Two verdicts of one world side by side: alike, different for a reason that has a name, or a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hypothesis import Phase, given, settings

from tests.checker.ask_ours import checker_says
from tests.checker.making import ListTold, SlotTold, World
from tests.checker.verdicts import Answer, Verdict
from tests.checker.worlds import worlds


@dataclass(frozen=True)
class Difference:
    """Why another checker answers otherwise: when it may, and one sentence with the section of RFC 5280."""

    pairs: frozenset[tuple[Verdict, Verdict]]  # ours, theirs
    applies: Callable[[World], bool]
    why: str


def difference(why: str, when: Callable[[World], bool], *pairs: str) -> Difference:
    """Pairs are written "ours/theirs" with the first letter of each verdict: G, R, N, P."""
    by_letter = {verdict.value[0].upper(): verdict for verdict in Verdict}
    read = [tuple(by_letter[letter] for letter in pair.split("/")) for pair in pairs]
    return Difference(frozenset((ours, theirs) for ours, theirs in read), when, why)


EVERY_PAIR = ("R/G", "G/R", "R/N", "G/N", "N/G", "N/R")


@dataclass
class Tally:
    """What a run has seen, so that it cannot become empty."""

    verdicts: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)

    def count(self, world: World, ours: Answer) -> None:
        self.verdicts[ours.verdict] += 1
        self.parts.update(world.parts)

    def compare(self, world: World, ours: Answer, theirs: Answer, table: Mapping[str, Difference]) -> None:
        """Fails unless both agree or a name of the table says why not."""
        self.count(world, ours)
        if ours.verdict == theirs.verdict:
            self.names["agreed"] += 1
            return
        pairs = {(ours.verdict, theirs.verdict)}
        if theirs.verdict == Verdict.NOT_DETERMINED and "leaf expired" in world.parts:
            pairs.add((ours.verdict, Verdict.GOOD))  # what it would be but for the date
        found = [name for name, told in table.items() if pairs & told.pairs and told.applies(world)]
        self.names.update(found)
        said = f"ours {ours.verdict} ({ours.said}), theirs {theirs.verdict} ({theirs.said})"
        assert found, f"no name for: {said}\n{world!r}"

    def check(self, examples: int) -> None:
        """Every verdict and every form occurred."""
        for verdict in Verdict:
            assert self.verdicts[verdict] >= examples // 50, (verdict, self.verdicts)
        for part in MUST_OCCUR:
            assert self.parts[part] >= examples // 50, (part, self.parts)


MUST_OCCUR = (
    "delta",
    "indirect",
    "partition",
    "reasons",
    "lapsed",
    "signer own",
    "signer rolled",
    "signer apart",
)
MUST_OCCUR += ("removeFromCRL in a delta", "scope fits", "point relative", "list relative", "entry sticky")


def in_worlds(examples: int, test: Callable[[World], None]) -> None:
    """The test over so many worlds, the same ones in every run; a failure in a long run is not shrunk."""
    phases = (Phase.generate, Phase.shrink) if examples < 2000 else (Phase.generate,)

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None, phases=phases)
    @given(worlds())
    def over(world: World) -> None:
        test(world)

    over()


def agree(examples: int, theirs: Callable[[World], Answer], table: Mapping[str, Difference]) -> Counter[str]:
    """Compares with another checker; how often both agreed, and how often each name was needed."""
    tally = Tally()
    in_worlds(examples, lambda world: tally.compare(world, checker_says(world), theirs(world), table))
    tally.check(examples)
    assert tally.names["agreed"] >= examples * 2 // 3, tally.names
    return tally.names


def having(*parts: str) -> Callable[[World], bool]:
    """Worlds with all of these parts."""
    return lambda world: world.parts.issuperset(parts)


def having_any(*parts: str) -> Callable[[World], bool]:
    """Worlds with one of these parts."""
    return lambda world: not world.parts.isdisjoint(parts)


def any_list(test: Callable[[ListTold], bool]) -> Callable[[World], bool]:
    """Worlds in which a list of the certificate looked at closely is so."""
    return lambda world: any(test(told) for slot in world.slots for told in slot.lists)


def any_slot(test: Callable[[SlotTold], bool]) -> Callable[[World], bool]:
    """Worlds in which a distribution point of that certificate is so."""
    return lambda world: any(map(test, world.slots))


CONTRADICTING = difference(
    "An older list with a delta upon it says revoked, the newest list with the same delta does not: no "
    "issuer may do that (section 5.2.4). The checker takes the more severe, the others go by the newest.",
    any_slot(
        lambda slot: (
            any(told.number == 10 and told.base is None and told.says for told in slot.lists)
            and any(told.base == 10 for told in slot.lists)
        )
    ),
    *("R/G", "R/N"),
)


def out_of_reach(slot: SlotTold) -> bool:
    """A delta whose base is newer than a complete list that may have to do."""
    numbers = [told.number or 0 for told in slot.lists if told.base is None and not told.flaw]
    return any(told.base is not None and told.base > min(numbers, default=0) for told in slot.lists)


LAPSED_ELSEWHERE = difference(
    "A lapsed list of one distribution point says that the certificate is revoked or on hold, and a list of "
    "another, not later, covers every reason and does not. That is good by section 6.3.3; the checker "
    "forgets nothing.",
    lambda world: len(world.slots) > 1 and any_list(lambda told: told.lapsed and told.says != "")(world),
    "N/G",
)
