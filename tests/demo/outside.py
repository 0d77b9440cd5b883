"""An outsider's program: recomputes the demo's report from the exported files, and shares no line with it.

``python outside.py EXPORT`` prints one JSON object. Only the standard library.
"""

from __future__ import annotations

import itertools
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

Key = tuple[str, str]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class World:
    """The life log, read from the end: what was so at a moment."""

    def __init__(self, folder: Path) -> None:
        self.listed: dict[Key, list[tuple[datetime, int]]] = {}
        self.place: dict[Key, int] = {}
        self.cards: dict[str, list[tuple[datetime, Key, datetime]]] = {}
        self.items: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
        for entry in lines(folder / "life_log.jsonl"):
            when, who = at(entry["at"]), entry["resident_id"]
            for one in entry["revoked"]:
                key = (one["issuer_key"], one["serial_number"])
                self.listed.setdefault(key, []).append((at(one["revoked_at"]), one["reason_code"]))
                self.place[key] = one["partition"]
            for one in entry.get("released", []):
                key = (one["issuer_key"], one["serial_number"])
                self.listed.setdefault(key, []).append((when, -1))
            if entry["issued"]:
                one = entry["issued"]
                key = (one["issuer_key"], one["serial_number"])
                self.cards.setdefault(who, []).append((when, key, at(one["not_after"])))
            if entry["items"] and entry["issued"]:  # J-LIS hands out what the newest certificate says
                self.items.setdefault(who, []).append((when, entry["items"]))

    def code(self, key: Key, when: datetime) -> int | None:
        """The code under which it is listed at that moment; a hold that was released is listed no more."""
        past = [code for moment, code in self.listed.get(key, []) if moment <= when]
        return past[-1] if past and past[-1] != -1 else None

    def state(self, key: Key, one_set: dict[str, Any]) -> str:
        when = at(one_set["this_update"])
        for carried in one_set["carried"]:
            if carried["issuer_key"] == key[0] and carried["partition"] == self.place.get(key):
                when = at(carried["this_update"])
        code = self.code(key, when)
        return "GOOD" if code is None else "ON_HOLD" if code == 6 else "REVOKED"

    def card(self, who: str, when: datetime) -> Key | None:
        """The newest card that was issued to somebody, if it is in force."""
        issued = [card for card in self.cards.get(who, []) if card[0] <= when]
        if not issued:
            return None
        _, key, ends = issued[-1]
        return key if when <= ends and self.code(key, when) is None else None

    def register(self, who: str, when: datetime) -> dict[str, Any]:
        return [items for moment, items in self.items.get(who, []) if moment <= when][-1]


def allows(consent: dict[str, Any] | None, when: datetime) -> bool:
    if consent is None or consent["valid_from"] is None or when < at(consent["valid_from"]):
        return False
    if consent["withdrawn_at"] is not None and when >= at(consent["withdrawn_at"]):
        return False
    return when <= at(consent["valid_until"])


def right(items: dict[str, Any], register: dict[str, Any], consented: list[str]) -> bool:
    """Exactly what was consented, byte for byte; flags and readings go with their item."""
    wanted = {name: register[name] for name in consented}
    for name, companions in (
        ("name", ("name_substitute_characters", "name_furigana")),
        ("address", ("address_substitute_characters", "moved_abroad_on")),
    ):
        if name in consented:
            wanted |= {also: register[also] for also in companions if register.get(also) is not None}
    return items == wanted


def recomputed(folder: Path) -> dict[str, int]:
    world = World(folder)
    sets = sorted(json.loads((folder / "sets.json").read_text()), key=lambda s: s["set_seq"])
    people = {r["registration_id"]: r for r in lines(folder / "registrations.jsonl")}
    consents = {c["registration_id"]: c for c in lines(folder / "consents.jsonl")}
    current = {i: (r["issuer_key"], r["serial_number"]) for i, r in people.items()}
    watched = [(i, key, people[i]["set_seq"]) for i, key in current.items()]
    count = dict.fromkeys(("due", "delivered", "wrong_items", "without_consent"), 0)
    steps = lines(folder / "fetches.jsonl") + lines(folder / "links.jsonl")
    for step in sorted(steps, key=lambda s: s["at"]):
        registration, when = step["registration_id"], at(step["at"])
        who = people[registration]["resident_id"]
        newest = world.card(who, when)
        allowed = allows(consents.get(registration), when)
        due = "outcome" in step and allowed and newest not in (None, current[registration])
        count["due"] += due
        if step.get("outcome") == "DATA":
            count["delivered"] += 1
            count["without_consent"] += not allowed
            count["wrong_items"] += not due or not right(
                step["items"], world.register(who, when), consents[registration]["items"]
            )
        if step.get("outcome", "DATA") == "DATA" and newest is not None and newest != current[registration]:
            current[registration] = newest
            watched.append((registration, newest, step["set_seq"]))
    expected = set()
    for before, after in itertools.pairwise(sets):
        for registration, key, since in watched:
            was, now = world.state(key, before), world.state(key, after)
            if after["set_seq"] > since and now != was and (now != "GOOD" or was == "ON_HOLD"):
                expected.add((registration, after["set_seq"], "RELEASED" if now == "GOOD" else now))
    told = {
        (e["registration_id"], e["set_seq"], e["transition"])
        for path in sorted(folder.glob("events-*.jsonl"))
        for e in lines(path)
        if e["transition"] is not None and e["set_seq"] > sets[0]["set_seq"]
    }
    return {
        "changed": len(expected),
        "detected": len(told),
        "missed": len(expected - told),
        "false_alarms": len(told - expected),
        **count,
    }


if __name__ == "__main__":
    print(json.dumps(recomputed(Path(sys.argv[1]))))  # noqa: T201 - a program of its own
