"""One day's life: drawn from the seed and the day's number, the same in every run.

Each kind of event occurs at least once a day; 2,000 residents have the numbers below, a million five hundred
times as many. (That is far more than in reality: a short demonstration should see everything.)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from platform_api.sandbox.acts import Lived, Options, Reissue
from platform_api.sandbox.kinds import CARD, CARD_SIGN, MOBILE, MOBILE_SIGN
from platform_api.sandbox.performing import perform
from platform_api.sandbox.phone_events import releasable
from platform_api.sandbox.register import Due, Register, Resident

_PER: Final = 2000
_LONGEST_SPAN: Final = timedelta(days=31)
_TRIES: Final = 200


class Habit(NamedTuple):
    """An event, how often 2,000 residents live it in a day, when the new card follows; perhaps another
    event of the same person later on the same day."""

    event: str
    per_day: float
    reissue: Callable[[Random], Reissue | None] = lambda _: None
    then: str | None = None


HABITS: Final = (
    Habit("move", 5, lambda _: "same_day"),
    Habit("move", 3, lambda random: random.randint(1, 3)),
    Habit("move", 2, lambda _: "never"),
    Habit("rename", 2, lambda _: "same_day"),
    Habit("renew", 3),
    Habit("lose", 2, lambda random: random.choice(("never", 3, 7))),
    Habit("hold", 2, lambda _: "never"),
    Habit("strike", 2),
    # Two events before anybody looks: the middle certificate is issued and revoked within a day.
    Habit("move", 1, lambda _: "same_day", then="move"),
    Habit("renew", 1, then="move"),
    Habit("hold_phone", 2),
    Habit("release_phone", 1),
    Habit("new_phone", 1),
    Habit("stop_phone", 1),
    Habit("minor_correction", 1),
    Habit("substitute_character", 0.5),
    Habit("former_surname", 0.5),
)


class _Planned(NamedTuple):
    at: datetime
    number: int
    event: str
    reissue: Reissue | None
    hold_ends: Due | None = None


class _Day(NamedTuple):
    """One day to be planned: from the last lists to the next, and whom something befalls already."""

    register: Register
    random: Random
    since: datetime
    until: datetime
    taken: set[int]

    def moment(self) -> datetime:
        """A whole second strictly between two publications, so that no list leaves room for argument."""
        seconds = max(1, int((self.until - self.since).total_seconds()) - 1)
        return self.since + timedelta(seconds=self.random.randint(1, seconds))


def live(register: Register, *, seed: int, day: int, since: datetime, until: datetime) -> list[Lived]:
    """Everything that happens after ``since`` and before ``until``, done to the register in order of time."""
    plan = _Day(register, Random(f"{seed}:day:{day}"), since, until, set())
    planned = _fallen_due(plan)
    plan.taken.update(found.number for found in planned)
    days = min(max(until - since, timedelta(days=1)), _LONGEST_SPAN) / timedelta(days=1)
    for habit in HABITS:
        wanted = max(1, round(habit.per_day * days * register.population / _PER))
        for nth in range(wanted):
            resident = _found_again(plan) if habit.event == "release_phone" else _somebody(plan, habit.event)
            if resident is None:
                break
            plan.taken.add(resident.number)
            planned.extend(_of_habit(plan, habit, resident, day + nth))
    lived = []
    for each in sorted(planned, key=lambda found: (found.at, found.number)):
        resident = register.residents[each.number]
        random, options = plan.random, Options(reissue=each.reissue)
        lived.append(perform(each.event, register, resident, each.at, random, options))
        if each.hold_ends is not None:
            register.due[each.number] = each.hold_ends
    return lived


def _of_habit(plan: _Day, habit: Habit, resident: Resident, nth: int) -> list[_Planned]:
    moments = sorted({plan.moment(), plan.moment()}) if habit.then is not None else [plan.moment()]
    reissue = habit.reissue(plan.random)
    ends = _end_of_hold(plan, habit, moments[0], nth)
    found = [_Planned(moments[0], resident.number, habit.event, reissue, ends)]
    if habit.then is not None and len(moments) == 2:
        found.append(_Planned(moments[1], resident.number, habit.then, "same_day"))
    return found


def _fallen_due(plan: _Day) -> list[_Planned]:
    """New cards that are ready, and holds whose owners decided. Only what was due before this day began
    to be lived is taken: a hold and its end never fall into one list."""
    planned = []
    register = plan.register
    for number, due in sorted(register.due.items()):
        if due.at >= plan.until:
            continue
        at = due.at if due.at > plan.since else plan.moment()
        reissue: Reissue | None = None
        if due.event == "lose":
            reissue = plan.random.choice(("same_day", "never"))
        if due.event != "reissue" and not any(register.residents[number].open(kind, at) for kind in CARD):
            # The certificate on hold expired meanwhile: there is nothing left to revoke.
            del register.due[number]
            continue
        planned.append(_Planned(at, number, due.event, reissue))
    return planned


def _end_of_hold(plan: _Day, habit: Habit, at: datetime, nth: int) -> Due | None:
    """Every other card on hold is given up or reported stolen some days later; the rest stay on hold."""
    if habit.event != "hold" or nth % 2:
        return None
    later = timedelta(hours=plan.random.randint(30, 60))
    return Due(at + later, plan.random.choice(("lose", "stop")))


def _somebody(plan: _Day, event: str) -> Resident | None:
    """Somebody with a valid card, and what the event needs besides, whom nothing else befalls this day.

    Who renews is near the end of the card.
    """
    register = plan.register
    if event == "new_phone" and not any(kind in register.kinds for kind in MOBILE):
        return None
    found: list[Resident] = []
    for _ in range(_TRIES):
        resident = register.residents[plan.random.randint(1, register.population)]
        if _free(plan, resident) and _able(event, resident, plan.until):
            found.append(resident)
            if event != "renew" or len(found) == 20:
                break
    if not found:
        return None
    return min(found, key=lambda one: one.certificates[-1].not_after)


def _able(event: str, resident: Resident, until: datetime) -> bool:
    if event in ("hold_phone", "stop_phone"):
        return resident.valid(MOBILE_SIGN, until) is not None
    if event == "substitute_character":
        return resident.person.has_substitutes
    if event == "minor_correction":
        return resident.person.moved_abroad_on is None
    return True


def _found_again(plan: _Day) -> Resident | None:
    """Whose phone is on hold since before this day; who cannot get it back is asked for no more."""
    for number in list(plan.register.held_phones):
        resident = plan.register.residents[number]
        if number in plan.taken or (resident.touched_at is not None and resident.touched_at > plan.since):
            continue
        if resident.struck or not releasable(resident, plan.until):
            del plan.register.held_phones[number]
        elif number not in plan.register.due:
            return resident
    return None


def _free(plan: _Day, resident: Resident) -> bool:
    return (
        resident.number not in plan.taken
        and not resident.struck
        and resident.number not in plan.register.due
        and (resident.touched_at is None or resident.touched_at <= plan.since)
        and resident.valid(CARD_SIGN, plan.until) is not None
    )
