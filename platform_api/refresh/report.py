"""What a pass came to, for the exit code and for ``--json``: figures and codes, nobody's data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from revocation.exits import Exit

if TYPE_CHECKING:
    from platform_api.consents.maintenance import MaintenanceReport


class PassOutcome(StrEnum):
    """The worst that is true of a pass."""

    DONE = "DONE"
    NOTHING_NEW = "NOTHING_NEW"
    #: A cap was reached, a key is missing, withdrawals were not polled, or J-LIS has not got what a holder
    #: signed, a night held its locks, or somebody must mend something: some must wait.
    PARTIAL = "PARTIAL"
    #: J-LIS could not be asked.
    JLIS_AWAY = "JLIS_AWAY"
    INTERRUPTED = "INTERRUPTED"


EXIT_CODES: Final = {
    PassOutcome.DONE: Exit.DONE,
    PassOutcome.NOTHING_NEW: Exit.NOTHING_NEW,
    PassOutcome.PARTIAL: Exit.PARTIAL,
    PassOutcome.JLIS_AWAY: Exit.UPSTREAM_DOWN,
    PassOutcome.INTERRUPTED: Exit.INTERRUPTED,
}


@dataclass(slots=True)
class InstitutionReport:
    """One institution's part, counted up as it goes."""

    institution_id: UUID
    #: Deliveries whose time was over.
    purged: int = 0
    withdrawals: int = 0
    #: Steps of consents that the clock or J-LIS brought.
    consent_steps: int = 0
    #: Withdrawn with us, and J-LIS has not got it: the institution hands the same request in again.
    unforwarded_withdrawals: int = 0
    #: Consents that were never known to have reached J-LIS, for an hour and longer: likewise.
    unsent_consents: int = 0
    #: Consents of which J-LIS said what cannot be used.
    unusable_answers: int = 0
    created: int = 0
    #: Tasks by what the look at their registrations made of them.
    looked: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    by_outcome: Counter[str] = field(default_factory=Counter)
    delivered: int = 0
    linked: int = 0
    handed_over: int = 0
    #: Due, and left for later: the caps of the day, or J-LIS is away.
    postponed: int = 0
    #: Why some of it was not done, by code.
    problems: list[str] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        work = self.purged + self.withdrawals + self.consent_steps + self.created + self.asked
        return work + self.looked.total() + self.handed_over == 0

    def problem(self, code: str) -> None:
        if code not in self.problems:
            self.problems.append(code)

    def maintained(self, done: MaintenanceReport) -> None:
        """What the consents' daily work did, and what it cannot do: each of that is a problem."""
        self.consent_steps += done.told + done.reflected
        self.unforwarded_withdrawals = done.unforwarded_withdrawals
        self.unsent_consents = done.unsent_consents
        self.unusable_answers = done.implausible
        if done.unforwarded_withdrawals:
            self.problem("WITHDRAWALS_NOT_FORWARDED")
        if done.unsent_consents:
            self.problem("CONSENTS_NOT_SENT")
        if done.implausible:
            self.problem("CONSENT_ANSWERS_UNUSABLE")
        if done.jlis_failure is not None:
            self.problem(done.jlis_failure)
        elif not done.complete:
            self.problem("CONSENTS_LEFT_OVER")

    def as_json(self) -> dict[str, Any]:
        return {
            "institution_id": str(self.institution_id),
            "purged": self.purged,
            "withdrawals": self.withdrawals,
            "consent_steps": self.consent_steps,
            "unforwarded_withdrawals": self.unforwarded_withdrawals,
            "unsent_consents": self.unsent_consents,
            "unusable_answers": self.unusable_answers,
            "created": self.created,
            "looked": dict(sorted(self.looked.items())),
            "asked": self.asked,
            "by_outcome": dict(sorted(self.by_outcome.items())),
            "delivered": self.delivered,
            "linked": self.linked,
            "handed_over": self.handed_over,
            "postponed": self.postponed,
            "problems": self.problems,
        }


@dataclass(slots=True)
class RefreshReport:
    """One pass over all institutions."""

    institutions: list[InstitutionReport] = field(default_factory=list)
    #: Why J-LIS could not be asked; None while it answers.
    away: str | None = None
    interrupted: bool = False
    seconds: float = 0.0

    def total(self, name: str) -> int:
        return sum(getattr(one, name) for one in self.institutions)

    @property
    def by_outcome(self) -> Counter[str]:
        return sum((one.by_outcome for one in self.institutions), Counter[str]())

    @property
    def outcome(self) -> PassOutcome:
        if self.interrupted:
            return PassOutcome.INTERRUPTED
        if self.away is not None:
            return PassOutcome.JLIS_AWAY
        if any(one.problems or one.postponed for one in self.institutions):
            return PassOutcome.PARTIAL
        if all(one.idle for one in self.institutions):
            return PassOutcome.NOTHING_NEW
        return PassOutcome.DONE

    @property
    def exit_code(self) -> Exit:
        return EXIT_CODES[self.outcome]

    def as_json(self) -> dict[str, Any]:
        names = (
            "purged",
            "withdrawals",
            "unforwarded_withdrawals",
            "unsent_consents",
            "unusable_answers",
            "created",
            "asked",
            "delivered",
            "linked",
            "handed_over",
            "postponed",
        )
        return {
            "outcome": self.outcome.value,
            **{name: self.total(name) for name in names},
            "by_outcome": dict(sorted(self.by_outcome.items())),
            "jlis_away": self.away,
            # Those of whom there is nothing to say are not listed.
            "institutions": [one.as_json() for one in self.institutions if not one.idle or one.problems],
            "seconds": round(self.seconds, 3),
            "exit_code": int(self.exit_code),
        }
