"""One day's life: drawn from the seed and the day's number, the same in every run.

Each kind of event occurs at least once a day; 2,000 residents have the numbers below, a million five hundred
times as many. (That is far more than in reality: a short demonstration should see everything.)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from platform_api.sandbox.acts import Lived, Options, Reissue, perform
from platform_api.sandbox.kinds import CARD, CARD_SIGN
from platform_api.sandbox.register import Due, Register, Resident

_PER: Final = 2000
_LONGEST_SPAN: Final = timedelta(days=31)


class Habit(NamedTuple):
    """An event, how often 2,000 residents live it in a day, and when the new card follows."""

    event: str
    per_day: float
    reissue: Callable[[Random], Reissue | None]


HABITS: Final = (
    Habit("move", 5, lambda _: "same_day"),
    Habit("move", 3, lambda random: random.randint(1, 3)),
    Habit("move", 2, lambda _: "never"),
    Habit("rename", 2, lambda _: "same_day"),
    Habit("renew", 3, lambda _: None),
    Habit("lose", 2, lambda random: random.choice(("never", 3, 7))),
    Habit("hold", 2, lambda _: "never"),
    Habit("strike", 2, lambda _: None),
)


class _Planned(NamedTuple):
    at: datetime
    number: int
    event: str
    reissue: Reissue | None
    hold_ends: Due | None


def live(register: Register, *, seed: int, day: int, since: datetime, until: datetime) -> list[Lived]:
    """Everything that happens after ``since`` and before ``until``, done to the register in order of time."""
    random = Random(f"{seed}:day:{day}")
    planned = _fallen_due(register, random, since=since, until=until)
    taken = {plan.number for plan in planned}
    days = min(max(until - since, timedelta(days=1)), _LONGEST_SPAN) / timedelta(days=1)
    for habit in HABITS:
        wanted = max(1, round(habit.per_day * days * len(register.residents) / _PER))
        for nth in range(wanted):
            resident = _somebody(
                register, random, taken, since=since, until=until, renews=habit.event == "renew"
            )
            if resident is None:
                break
            taken.add(resident.number)
            at = _moment(random, since, until)
            planned.append(
                _Planned(
                    at,
                    resident.number,
                    habit.event,
                    habit.reissue(random),
                    _end_of_hold(random, habit, at, day + nth),
                )
            )
    lived = []
    for plan in sorted(planned, key=lambda found: (found.at, found.number)):
        resident = register.residents[plan.number]
        lived.append(perform(plan.event, register, resident, plan.at, random, Options(reissue=plan.reissue)))
        if plan.hold_ends is not None:
            register.due[plan.number] = plan.hold_ends
    return lived


def _fallen_due(register: Register, random: Random, *, since: datetime, until: datetime) -> list[_Planned]:
    """New cards that are ready, and holds whose owners decided. Only what was due before this day began
    to be lived is taken: a hold and its end never fall into one list."""
    planned = []
    for number, due in sorted(register.due.items()):
        if due.at >= until:
            continue
        at = due.at if due.at > since else _moment(random, since, until)
        reissue: Reissue | None = None
        if due.event == "lose":
            reissue = random.choice(("same_day", "never"))
        if due.event != "reissue" and not any(register.residents[number].open(kind, at) for kind in CARD):
            # The certificate on hold expired meanwhile: there is nothing left to revoke.
            del register.due[number]
            continue
        planned.append(_Planned(at, number, due.event, reissue, None))
    return planned


def _end_of_hold(random: Random, habit: Habit, at: datetime, nth: int) -> Due | None:
    """Every other card on hold is given up or reported stolen some days later; the rest stay on hold."""
    if habit.event != "hold" or nth % 2:
        return None
    return Due(at + timedelta(hours=random.randint(30, 60)), random.choice(("lose", "stop")))


def _somebody(
    register: Register, random: Random, taken: set[int], *, since: datetime, until: datetime, renews: bool
) -> Resident | None:
    """A resident with a valid card whom nothing else befalls this day; who renews is near the end of it."""
    found: list[Resident] = []
    for _ in range(200):
        resident = register.residents[random.randint(1, len(register.residents))]
        if _free(register, resident, taken, since=since, until=until):
            found.append(resident)
            if not renews or len(found) == 40:
                break
    if not found:
        return None
    return min(found, key=lambda one: one.certificates[-1].not_after)


def _free(
    register: Register, resident: Resident, taken: set[int], *, since: datetime, until: datetime
) -> bool:
    return (
        resident.number not in taken
        and not resident.struck
        and resident.number not in register.due
        and (resident.touched_at is None or resident.touched_at <= since)
        and resident.valid(CARD_SIGN, until) is not None
    )


def _moment(random: Random, since: datetime, until: datetime) -> datetime:
    """A whole second strictly between two publications, so that no list leaves room for argument."""
    return since + timedelta(seconds=random.randint(1, max(1, int((until - since).total_seconds()) - 1)))
