"""An act upon the authorities, whole: what the second person approves is what the second person has seen.

Nothing is shortened, counted instead of named, or left out because it is the default.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from platform_api.cli.authority_views import Record, authority_record, generation_record, point_text
from revocation.authorities import Authorities, Authority, Partition
from revocation.authority_acts import (
    NONE_LEFT,
    Act,
    AddAuthority,
    AddGenerations,
    ClosePartitions,
    OpenPartitions,
    ReopenPartition,
    SetTolerance,
    keys_added,
)
from revocation.authority_rows import authority_from, partition_from

_INDENT: Final = "    "


def whole_act(act: Act, present: Authorities) -> Record:
    """Every field of the act; partitions that stand already with the names that they have."""
    known = present.by_id(act.ca_id)
    if isinstance(act, AddAuthority):
        made = authority_from(act.authority)
        record = authority_record(made, date.max, partitions=False)
        del record["partition_counts"]
        return record | {"partitions": [_partition(one) for one in made.partitions]}
    if isinstance(act, AddGenerations):
        keys = [generation_record(generation) for generation in keys_added(act)]
        return {"generations": keys, "signature_algorithms_added": sorted(act.signature_algorithms)}
    if isinstance(act, OpenPartitions):
        return {"partitions": [_partition(partition_from(row)) for row in act.partitions]}
    if isinstance(act, ClosePartitions):
        return {
            "closed": act.closed.isoformat(),
            "partitions": [_standing(known, number) for number in act.numbers],
            "successor": NONE_LEFT if act.successor is None else _standing(known, act.successor),
        }
    if isinstance(act, ReopenPartition):
        return {"partitions": [_standing(known, act.number)]}
    if isinstance(act, SetTolerance):
        return {"tolerance": act.tolerance.value, "on": act.on}
    return act.model_dump(mode="json", exclude={"kind", "ca_id"}, exclude_none=True)


def _standing(authority: Authority | None, number: int) -> Record:
    partition = None if authority is None else authority.partition(number)
    # Only of a stale proposal: what it is upon is not what stands.
    return {"number": number, "label": None} if partition is None else _partition(partition)


def _partition(partition: Partition) -> Record:
    record: Record = {
        "number": partition.number or None,
        "label": partition.label,
        "distribution_point": point_text(partition.distribution_point) or "none: one list for all",
        "distribution_point_der": base64.b64encode(partition.distribution_point).decode(),
    }
    days = {"opened": partition.opened, "closed": partition.closed}
    record |= {name: day.isoformat() for name, day in days.items() if day is not None}
    return record if partition.successor is None else record | {"successor": partition.successor}


def act_lines(record: Record) -> list[str]:
    """The same for people: one line for each field, the parts of a part further in."""
    return list(_lines(record, _INDENT))


def _lines(record: Record, indent: str) -> Iterator[str]:
    for name, value in record.items():
        if name == "distribution_point_der":
            continue  # for programs; people read the name
        if isinstance(value, dict) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, indent + _INDENT)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{name} ({len(value)}):"
            for part in value:
                first, *more = _lines(part, indent + _INDENT)
                yield f"{indent}  - {first.strip()}"
                yield from more
        else:
            yield f"{indent}{name}: {_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, {}) else str(value)
