"""Every expected list of a set and where it stands in its life, the worst first: for the operator alone.

A list stands for a municipality, so this table leaves the machine neither as a metric nor in a log.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from revocation.authorities import Authorities
from revocation.clock import jst_day
from revocation.metrics import ListFreshness, set_freshness, worst_first
from revocation.reports import Report, open_set, set_head, time_text


def freshness_report(what: str, authorities_file: Path, publisher: Path | None, now: datetime) -> Report:
    """By CA and by list. ``complete``: every list is in force."""
    snapshot = open_set(what, publisher)
    authorities = Authorities.load(authorities_file).on(jst_day(now))
    whole = set_freshness(snapshot, authorities, now)
    return set_head(snapshot, publisher) | {
        "at": time_text(now),
        "complete": whole.ready,
        "authorities": {
            each.ca_id: {
                "freshness": each.freshness.value,
                **{name.value.lower(): count for name, count in each.lists.items()},
                "age_s": _seconds(each.age_s),
                "seconds_to_next_update": _seconds(each.seconds_to_next_update),
            }
            for each in whole.authorities
        },
        "lists": list_rows(worst_first(authorities, snapshot, now), authorities),
    }


def list_rows(lists: list[ListFreshness], authorities: Authorities) -> list[dict[str, Any]]:
    """One row for each list; with the operator's own label of the partition."""
    labels = {
        (ca.ca_id, partition.number): partition.label for ca in authorities for partition in ca.partitions
    }
    return [
        {
            "freshness": each.freshness.value,
            "list": str(each.scope),
            "label": labels[each.scope.lineage.ca_id, each.scope.partition_number],
            "age_s": _seconds(each.age_s),
            "seconds_to_next_update": _seconds(each.seconds_to_next_update),
        }
        for each in lists
    ]


def _seconds(value: float | None) -> int | None:
    return None if value is None else int(value)
