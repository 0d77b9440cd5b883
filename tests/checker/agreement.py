"""Two verdicts of one world side by side: alike, different for a reason that has a name, or a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tests.checker.making import ListTold, SlotTold, World


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


@dataclass
class Tally:
    """What a run has seen, so that it cannot become empty."""

    verdicts: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)

    def compare(self, world: World, ours: Answer, theirs: Answer, table: Mapping[str, Difference]) -> None:
        """Counts the world, and fails unless both agree or one name of the table says why not."""
        self.verdicts[ours.verdict] += 1
        self.parts.update(world.parts)
        if ours.verdict == theirs.verdict:
            self.names["agreed"] += 1
            return
        pair = (ours.verdict, theirs.verdict)
        found = [name for name, told in table.items() if pair in told.pairs and told.applies(world)]
        self.names.update(found[:1])
        assert found, (
            f"no name for: ours {ours.verdict} ({ours.said}), theirs {theirs.verdict} ({theirs.said})\n{world!r}"
        )

    def check(self, examples: int) -> None:
        """Every verdict and every form occurred, and the other checker mostly agrees."""
        for verdict in (Verdict.GOOD, Verdict.REVOKED, Verdict.NOT_DETERMINED):
            assert self.verdicts[verdict] >= examples // 25, (verdict, self.verdicts)
        for part in ("delta", "indirect", "partition", "reasons", "signer rolled", "signer apart"):
            assert self.parts[part] >= examples // 25, (part, self.parts)
        assert self.names["agreed"] >= examples // 2, self.names


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
