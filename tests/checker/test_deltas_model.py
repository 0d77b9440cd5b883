"""Complete lists and deltas against a dictionary: written from RFC 5280 sections 5.2.4 and 6.3.3.

First an issuer that keeps the rules, of whose lists somebody has some: what he may conclude is what was true.
Then lists of any numbers, windows and entries, among them such as no issuer may make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from revocation.checker.deltas import said
from revocation.checker.lists import HeldList
from tests.checker.material import DAY, HOLD, KEY_COMPROMISE, REMOVE, SUPERSEDED, Entity, held
from tests.der_writer import T0, der_oid, seq
from tests.forged_lists import entry

_CA = Entity("CA")
_ABSENT = 0xFF
_AKIS = (b"one", b"two")
#: ecdsa-with-SHA1.
_WEAK = seq(der_oid("1.2.840.10045.4.1"))


@dataclass(frozen=True)
class Written:
    """A list, before it is one: days are counted from T0."""

    number: int
    base: int | None
    day: int
    until: int
    #: Reasons under which the certificate is in it.
    codes: tuple[int, ...]
    aki: bytes = _AKIS[0]
    #: Whether its issuer has left a duty undone (section 5), so that what it leaves out proves nothing.
    doubtful: bool = False

    def holds(self, day: int) -> bool:
        return day < self.until

    def read(self) -> HeldList:
        return held(
            _CA,
            *(entry(1, reason=None if code == _ABSENT else code) for code in self.codes),
            number=self.number,
            delta_base=self.base,
            aki=self.aki,
            this_update=T0 + self.day * DAY,
            next_update=T0 + self.until * DAY,
            **({"inner_algorithm": _WEAK} if self.doubtful else {}),
        )


def _weight(code: int | None) -> int:
    """Section 5.3.1: nothing < on hold < revoked < revoked for a reason."""
    return {None: 0, HOLD: 1, _ABSENT: 2, 0: 2}.get(code, 3)


#: Whether a list holds now, whether what it leaves out proves nothing, how much is said against the
#: certificate, and whether a list that holds says so.
Answer = tuple[bool, bool, int, bool]


def _ask(lists: Sequence[Written], day: int) -> Answer | None:
    def listed(one: HeldList) -> list[int]:
        return list(one.reasons_of(_CA.subject, b"\x01"))

    at = T0 + day * DAY
    found = said([one.read() for one in lists], listed, at)
    if found is None:
        return None
    return found.is_current, found.doubt is not None, _weight(found.reason), found.by.is_current(at)


#: What may become of a certificate from one number to the next (section 5.3.1: a hold ends either way).
_NEXT: dict[int | None, tuple[int | None, ...]] = {
    None: (None, HOLD, KEY_COMPROMISE),
    HOLD: (None, HOLD, SUPERSEDED),
}


_SELDOM = st.sampled_from([False, False, False, True])


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[int | None], list[Written]]:
    """The truth at each number, and those lists of an orderly issuer that somebody has."""
    truth: list[int | None] = [None]
    for _ in range(draw(st.integers(1, 6))):
        truth.append(draw(st.sampled_from(_NEXT.get(truth[-1], (truth[-1],)))))
    lists = []
    for number, now in enumerate(truth):
        until = number + draw(st.integers(1, 4))
        if draw(st.booleans()):
            codes = () if now is None else (now,)
            lists.append(Written(number, None, number, until, codes, doubtful=draw(_SELDOM)))
        if number and draw(st.booleans()):
            base = draw(st.integers(0, number - 1))
            codes = _changes(truth, base, number)
            lists.append(Written(number, base, number, until, codes, doubtful=draw(_SELDOM)))
    return truth, draw(st.permutations(lists))


def _changes(truth: list[int | None], base: int, number: int) -> tuple[int, ...]:
    """Section 5.2.4: what changed since the base; a release, where the base or one since held it."""
    since, now = truth[base : number + 1], truth[number]
    if now is not None:
        return (now,) if any(one != now for one in since) else ()
    return (REMOVE,) if any(one is not None for one in since) else ()


@given(_histories(), st.integers(0, 3))
def test_of_an_orderly_issuer_the_truth_is_known(
    history: tuple[list[int | None], list[Written]], later: int
) -> None:
    """RFC 5280 sections 5.2.4, 6.3.3 (c): what was true at the newest number that is reached and holds.

    What a newer list adds that cannot be used (lapsed, or on a base that nobody has) is not good either.
    """
    truth, lists = history
    day = max((one.day for one in lists), default=0) + later
    found = _ask(lists, day)
    sure = [one for one in lists if not one.doubtful]
    known = {one.number for one in sure if one.base is None}
    for one in sorted(sure, key=lambda one: one.number):
        if one.base is not None and any(one.base <= number < one.number for number in known):
            known.add(one.number)
    holding = {
        one.number
        for one in sure
        if one.holds(day) and (one.base is None or any(one.base <= number < one.number for number in known))
    }
    in_doubt = {one.number for one in lists if one.doubtful and one.base is None and one.holds(day)}
    if not any(one.base is None for one in lists):
        assert found is None
        return
    assert found is not None
    assert found[0] == bool(holding or in_doubt)
    if holding or in_doubt:
        assert found[1] == (not holding)
        newest = max(holding or in_doubt)
        heard = [code for one in lists if one.number > newest for code in one.codes if code != REMOVE]
        assert found[2] == max(map(_weight, [truth[newest], *heard]))


def _word(before: int | None, steps: Sequence[Sequence[Written]]) -> int | None:
    """Section 6.3.3 (i) to (k), from the newest deltas backwards; those of one number speak together."""
    if not steps:
        return before
    *older, newest = steps
    revoking = [code for one in newest for code in one.codes if code != REMOVE]
    if revoking:
        return max(revoking, key=_weight)
    earlier = _word(before, older)
    released = all(one.codes for one in newest) and earlier in {HOLD, _ABSENT, 0}
    return None if released else earlier


Step = list[Written]


def _combined(complete: Written, lists: Sequence[Written], day: int) -> list[Step]:
    """Section 5.2.4: of all ways from the complete list to a number that holds, that to the greatest number.

    Every number is a step, or left out; of several ways the one that goes as far as it can each time.
    """
    if complete.doubtful:
        return []
    deltas = [
        one
        for one in lists
        if one.base is not None
        and not one.doubtful
        and one.aki == complete.aki
        and one.number > complete.number
        and one.day >= complete.day
    ]
    numbers = sorted({one.number for one in deltas})
    ways = []
    for size in range(1, len(numbers) + 1):
        for way in combinations(numbers, size):
            steps = [[one for one in deltas if one.number == number] for number in way]
            reached = (complete.number, *way)
            fits = all(
                one.base is not None and one.base <= before
                for before, step in zip(reached, steps, strict=False)
                for one in step
            )
            if fits and all(one.holds(day) for one in steps[-1]):
                ways.append((way[-1], way, steps))
    return max(ways)[2] if ways else []


def _top(complete: Written, steps: Sequence[Step]) -> Written:
    return steps[-1][0] if steps else complete


def _unanswered(one: Written, complete: Written, steps: Sequence[Step]) -> list[int]:
    """Section 5.2.4: what was revoked stays in later deltas till a complete list has it, so they speak.

    What is older than the combination, or a delta than its complete list, has its answer there. A later delta
    that speaks of the certificate answers a hold, and what gave no reason (section 5.3.1).
    """
    revoking = [code for code in one.codes if code != REMOVE]
    if one.base is None:
        return revoking if one.number >= _top(complete, steps).number else []
    if one.number < complete.number:
        return []
    if any(later.codes for step in steps for later in step if later.number > one.number):
        return [code for code in revoking if code not in {HOLD, _ABSENT, 0}]
    return revoking


def _model(lists: Sequence[Written], day: int) -> Answer | None:
    views = [(one, _combined(one, lists, day)) for one in lists if one.base is None]
    if not views:
        return None
    holding = [view for view in views if _top(*view).holds(day)]
    among = [view for view in holding if not view[0].doubtful] or holding or views
    freshest = [
        view
        for view in among
        if not any(
            _top(*other).number > _top(*view).number and _top(*other).day >= _top(*view).day
            for other in among
        )
    ]
    words = []
    for complete, steps in freshest:
        own = max(complete.codes, key=_weight, default=None)
        words.append((_weight(_word(own, steps)), _top(complete, steps).holds(day)))
        for one in lists:
            # Who says nothing against it says nothing at all: "not listed" is known up to what was combined.
            if codes := _unanswered(one, complete, steps):
                words.append((max(map(_weight, codes)), one.holds(day)))
    return bool(holding), freshest[0][0].doubtful, *max(words)


_CODES = st.sampled_from([HOLD, HOLD, REMOVE, KEY_COMPROMISE, _ABSENT, 0])
_COMPLETE = st.builds(
    lambda number, day, length, codes, aki, doubtful: Written(
        number, None, day, day + length, tuple(codes), aki, doubtful
    ),
    st.integers(0, 6),
    st.integers(0, 4),
    st.integers(1, 4),
    st.lists(_CODES, max_size=2),
    st.sampled_from((*_AKIS[:1] * 3, _AKIS[1])),
    _SELDOM,
)
_DELTA = st.builds(
    lambda number, back, day, length, codes, aki, doubtful: Written(
        number, max(0, number - back), day, day + length, tuple(codes), aki, doubtful
    ),
    st.integers(0, 8),
    st.integers(-1, 4),
    st.integers(0, 4),
    st.integers(1, 4),
    st.lists(_CODES, max_size=2),
    st.sampled_from((*_AKIS[:1] * 3, _AKIS[1])),
    _SELDOM,
)


@given(
    st.lists(_COMPLETE, max_size=3),
    st.lists(_DELTA, max_size=5),
    st.integers(4, 6),
    st.randoms(use_true_random=False),
)
def test_any_lists_are_combined_as_the_rules_say(
    complete: list[Written], deltas: list[Written], day: int, order: object
) -> None:
    """RFC 5280 sections 5.2.3, 5.2.4, 6.3.3: freshest, base, chain, windows, releases; in any order given."""
    lists = [*complete, *deltas]
    order.shuffle(lists)  # type: ignore[attr-defined]
    found, expected = _ask(lists, day), _model(lists, day)
    if found is None or expected is None or not found[0]:
        # Of lists that have all lapsed it is not asked whether they were in doubt.
        assert (found and (found[0], *found[2:])) == (expected and (expected[0], *expected[2:]))
    else:
        assert found == expected
