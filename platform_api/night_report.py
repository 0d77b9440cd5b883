"""What a night came to, for the exit code and for ``--json``: no serial, no partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from platform_api.changes.detect import DetectionReport
from revocation.exits import Exit
from revocation.ingest_report import IngestReport, Outcome, Refusal

EXIT_CODES: Final[Mapping[str, Exit]] = {
    Outcome.PUBLISHED: Exit.DONE,
    Outcome.PARTIAL: Exit.PARTIAL,
    Outcome.NOTHING_NEW: Exit.NOTHING_NEW,
    Outcome.REFUSED: Exit.REFUSED,
    Outcome.UPSTREAM_DOWN: Exit.UPSTREAM_DOWN,
}


@dataclass(frozen=True, slots=True)
class NightReport:
    """What the night did; ``outcome`` is the ingest's."""

    #: The set now in force.
    set_seq: int | None
    ingest: IngestReport
    detection: DetectionReport
    removed_sets: tuple[int, ...]
    seconds: float
    #: Why no CA could be asked for its lists; None when at least one could.
    problem: str | None = None
    #: Why the database could not be asked for its marks; the manifest chain's alone judged the lists.
    database_away: str | None = None
    #: The number that the new set had at least, because sets before it are lost.
    rebuilt_from: int | None = None

    @property
    def outcome(self) -> Outcome:
        return self.ingest.outcome

    @property
    def exit_code(self) -> Exit:
        return EXIT_CODES[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: figures, codes and sentences; it may end in a log, so no partition is in it."""
        ingest = self.ingest
        return {
            "outcome": self.outcome.value,
            "set_seq": self.set_seq,
            "lists": ingest.lists_fetched,
            "lists_expected": ingest.lists_expected,
            "lists_accepted": ingest.lists_accepted,
            "lists_carried": ingest.lists_carried,
            "lists_absent": ingest.lists_absent,
            "entries": ingest.entries,
            "new_revocations": dict(ingest.new_by_reason),
            "refusals": refusals(ingest),
            "problem": self.problem,
            "rounds": ingest.rounds,
            "sets": [
                {
                    "set_seq": one.set_seq,
                    "new_lists": one.new_lists,
                    "missing_lists": one.missing_lists,
                    "partial": one.partial,
                    "late": one.late,
                }
                for one in ingest.sets
            ],
            "database_away": self.database_away,
            "rebuilt_from": self.rebuilt_from,
            "unexplained": next((one.unexplained for one in self.detection.sets[::-1] if one.whole), 0),
            "detection_faults": [
                {"set_seq": fault.set_seq, "code": fault.code}
                for one in self.detection.sets
                for fault in one.faults
            ],
            "detected_sets": [one.set_seq for one in self.detection.sets],
            "changes": self.detection.changes,
            "events": self.detection.events,
            "changed_customers": {str(k): v for k, v in sorted(self.detection.by_institution.items())},
            "removed_sets": list(self.removed_sets),
            "seconds": round(self.seconds, 3),
            "exit_code": int(self.exit_code),
        }


def refusals(ingest: IngestReport) -> list[dict[str, Any]]:
    """By CA, key and code, with what the error of the first such list says. A partition is a municipality:
    which ones it were, ``python -m revocation freshness`` tells the operator.
    """
    groups: dict[tuple[str, str | None, str], list[Refusal]] = {}
    for one in ingest.refused:
        groups.setdefault((one.ca_id, one.key, one.error.code), []).append(one)
    return [
        {
            "ca": ca_id,
            # None: the CA could not be asked where its lists lie.
            "key": key,
            "code": code,
            "count": len(group),
            "expected": group[0].error.expected,
            "got": group[0].error.got,
            "remedy": group[0].error.remedy,
            "file": str(ingest.kept[code]) if code in ingest.kept else None,
        }
        for (ca_id, key, code), group in groups.items()
    ]
