"""``--export DIR``: everything an outside program needs to recompute the report, as plain files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

README = """What the demo exported, one JSON object per line unless the name says .json:

life_log.jsonl       what really happened (the sandbox's life log)
sets.json            the published sets of the played days: set_seq and thisUpdate of their lists
registrations.jsonl  who was on-boarded where, with which certificate; "items" as POST /v1/signatures:verify
                     gave them (nested); "consented": the items that the customer signed for
consents.jsonl       each consent as J-LIS has it: items, from when, until when, withdrawn when
links.jsonl          renewals of which J-LIS said the successor: from which set on it is watched
nights.jsonl         the refresh after each set's night: set_seq and the sandbox's time when it had ended
events-N.jsonl       the feed of institution N, as received through GET /v1/events
fetches.jsonl        every question for four items with outcome and items as received, written flat as in the
                     life log (name, name_substitute_characters, ...); "way": response of the own call, or a
                     delivery (asked by jpki refresh, handed over encrypted); outcome UNASKED: it came without
                     any question that the institution was told of
report.json          the demo's own report over the above

Everything here is synthetic. With real people these files would be personal data.
"""


def export(
    folder: Path,
    *,
    life_log: list[dict[str, Any]],
    sets: list[dict[str, Any]],
    customers: list[dict[str, Any]],
    feeds: list[list[dict[str, Any]]],
    fetches: list[dict[str, Any]],
    consents: list[dict[str, Any]],
    links: list[dict[str, Any]],
    nights: list[dict[str, Any]],
    report: dict[str, Any],
) -> None:
    """Write all files, replacing those of an earlier export."""
    folder.mkdir(parents=True, exist_ok=True)
    _lines(folder / "life_log.jsonl", life_log)
    _lines(folder / "registrations.jsonl", customers)
    _lines(folder / "fetches.jsonl", fetches)
    _lines(folder / "consents.jsonl", consents)
    _lines(folder / "links.jsonl", links)
    _lines(folder / "nights.jsonl", nights)
    for number, feed in enumerate(feeds, start=1):
        _lines(folder / f"events-{number}.jsonl", feed)
    (folder / "sets.json").write_text(json.dumps(sets, indent=1))
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1))
    (folder / "README.txt").write_text(README)


def _lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
