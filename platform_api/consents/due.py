"""What the clock makes of a consent, and when it next does: states to enter, reminders to give. Pure.

However late somebody looks, every state is entered in its order and at its own instant. Of reminders that
nobody gave in time only the newest is left: one customer gets one letter.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import date, datetime

from platform_api.consents.model import YEARS, Consent, jst_date, jst_midnight
from platform_api.consents.states import ConsentState, Step, Who


def due_steps(consent: Consent, entered: Set[ConsentState], now: datetime) -> list[Step]:
    """The states that the clock has brought by now and that are not in the history, in their order."""
    return [step for step in _clock(consent) if step.at <= now and step.state not in entered]


def _clock(consent: Consent) -> list[Step]:
    """Everything that the clock will ever bring, in order. Nothing after an act that ended the consent."""
    stop, bounds = consent.effective_stop, consent.validity
    steps: list[Step] = []
    if consent.state is ConsentState.REFLECTED and bounds is not None:
        steps = [
            Step(ConsentState.EFFECTIVE, bounds.first, Who.CLOCK),
            Step(ConsentState.EXPIRING, bounds.expiring, Who.CLOCK),
            Step(ConsentState.EXPIRED, bounds.over, Who.CLOCK),
        ]
    if stop is not None and consent.state in _LIVING:
        steps = [step for step in steps if step.at < stop]
        steps.append(Step(ConsentState.STOPPED, stop, Who.INSTITUTION))
    return steps


def due_reminder(consent: Consent, given: Set[date], now: datetime) -> date | None:
    """The newest anniversary that has come and is not in ``given``, while the consent is effective."""
    if not consent.effective(now):
        return None
    come = [day for day in anniversaries(consent) if jst_midnight(day) <= now]
    return come[-1] if come and come[-1] not in given else None


def anniversaries(consent: Consent) -> list[date]:
    """The days on which the customer is to be reminded: of the first effective day, each year before the end.

    Of 29 February the anniversary in a common year is the 28th, the last day of that month.
    """
    if consent.validity is None:
        return []
    first, last = jst_date(consent.validity.first), jst_date(consent.validity.last)
    return [day for day in (_anniversary(first, years) for years in range(1, YEARS)) if day <= last]


def _anniversary(first: date, years: int) -> date:
    try:
        return first.replace(year=first.year + years)
    except ValueError:
        return date(first.year + years, 2, 28)


def next_due(consent: Consent, now: datetime) -> datetime | None:
    """The next instant after ``now`` at which there is something to do; None: never again."""
    if consent.state not in _LIVING:
        return None
    steps = [step.at for step in _clock(consent)]
    end = steps[-1] if steps else None
    reminders = [jst_midnight(day) for day in anniversaries(consent)]
    moments = steps + [at for at in reminders if end is None or at < end]
    return min((at for at in moments if at > now), default=None)


_LIVING = frozenset((ConsentState.RECEIVED, ConsentState.SENT, ConsentState.REFLECTED))
