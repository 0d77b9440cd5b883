"""An outsider's program: recomputes the demo's report from the exported files, and shares no line with it.

``python outside.py EXPORT`` prints one JSON object. Only the standard library.
"""

from __future__ import annotations

import collections
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

    def listed_as(self, key: Key, one_set: dict[str, Any]) -> int | None:
        """The code under which a set's list has it."""
        when = at(one_set["this_update"])
        for carried in one_set["carried"]:
            if carried["issuer_key"] == key[0] and carried["partition"] == self.place.get(key):
                when = at(carried["this_update"])
        return self.code(key, when)

    def state(self, key: Key, one_set: dict[str, Any]) -> str:
        code = self.listed_as(key, one_set)
        return "GOOD" if code is None else "ON_HOLD" if code == 6 else "REVOKED"

    def successor(self, key: Key, one_set: dict[str, Any], who: str, when: datetime) -> Key | None:
        """The card that took a renewed one's place, where the list says "renewed" and it is the newest."""
        if self.listed_as(key, one_set) != 4:
            return None
        renewed = max(moment for moment, _ in self.listed[key])
        newest = self.card(who, when)
        taken_over = [key for moment, key, _ in self.cards[who] if moment == renewed]
        return newest if newest in taken_over else None

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


#: What the feed calls each code of RFC 5280 section 5.3.1, and what kind of event each is.
WORDS = {
    1: ("KEY_COMPROMISED", "certificate.revoked"),
    2: ("CA_INCIDENT", "certificate.revoked"),
    3: ("CONTENT_CHANGED", "certificate.revoked"),
    4: ("RENEWED", "certificate.renewed"),
    5: ("ENDED_CAUSE_UNKNOWN", "certificate.revoked"),
    6: ("HOLD", "certificate.on_hold"),
    None: ("HOLD", "certificate.hold_released"),
}
Event = tuple[Any, ...]


def walked(
    world: World, folder: Path, sets: dict[int, dict[str, Any]], count: dict[str, int]
) -> list[tuple[str, Key, int]]:
    """Fetches and nights in order of time: who stood for which card, from which set on."""
    people = {r["registration_id"]: r for r in lines(folder / "registrations.jsonl")}
    consents = {c["registration_id"]: c for c in lines(folder / "consents.jsonl")}
    current = {i: (r["issuer_key"], r["serial_number"]) for i, r in people.items()}
    watched = [(i, key, people[i]["set_seq"]) for i, key in current.items()]
    steps = [(at(f["at"]), f) for f in lines(folder / "fetches.jsonl")]
    steps += [(at(n["refreshed_at"]), n) for n in lines(folder / "nights.jsonl")]
    for when, step in sorted(steps, key=lambda s: s[0]):
        lived = at(
            sets[step["set_seq"]]["this_update"]
        )  # the next day is lived when it is played, not before
        if "refreshed_at" in step:
            for registration, person in people.items():
                if person["linkage_agreed"] and person["institution"] == 1:
                    one_set = sets[step["set_seq"]]
                    next_one = world.successor(current[registration], one_set, person["resident_id"], lived)
                    if next_one is not None:
                        current[registration] = next_one
                        watched.append((registration, next_one, step["set_seq"]))
                        count["linked"] += 1
            continue
        registration = step["registration_id"]
        who = people[registration]["resident_id"]
        newest = world.card(who, lived)
        allowed = allows(consents.get(registration), when)
        due = allowed and newest not in (None, current[registration])
        count["due"] += due and step["outcome"] != "UNASKED"
        if step["outcome"] == "DATA" or step["items"] is not None:
            count["delivered"] += 1
            count["without_consent"] += not allowed
            count["wrong_items"] += not due or not right(
                step["items"], world.register(who, lived), consents[registration]["items"]
            )
        if step["outcome"] == "DATA" and newest is not None and newest != current[registration]:
            current[registration] = newest
            watched.append((registration, newest, step["set_seq"]))
    return watched


def recomputed(folder: Path) -> dict[str, int]:
    world = World(folder)
    sets = sorted(json.loads((folder / "sets.json").read_text()), key=lambda s: s["set_seq"])
    count = dict.fromkeys(("due", "delivered", "wrong_items", "without_consent", "linked"), 0)
    watched = walked(world, folder, {s["set_seq"]: s for s in sets}, count)
    home = {r["registration_id"]: r["institution"] for r in lines(folder / "registrations.jsonl")}
    expected: collections.Counter[Event] = collections.Counter()
    for before, after in itertools.pairwise(sets):
        for registration, key, since in watched:
            was, now = world.state(key, before), world.state(key, after)
            if after["set_seq"] > since and now != was and (now != "GOOD" or was == "ON_HOLD"):
                code = world.listed_as(key, after)
                words = WORDS.get(code, ("UNSPECIFIED", "certificate.revoked"))
                transition = "RELEASED" if now == "GOOD" else now
                expected[home[registration], registration, after["set_seq"], transition, *words] += 1
    told: collections.Counter[Event] = collections.Counter()
    gaps = misplaced = 0
    for number in sorted(set(home.values())):
        feed = lines(folder / f"events-{number + 1}.jsonl")
        for nth, e in enumerate(feed, start=1):
            gaps += e["seq"] != nth
            misplaced += e["registration_id"] is not None and home.get(e["registration_id"]) != number
            if e["transition"] is not None or e["type"].startswith("certificate."):
                words = (e["cause"], e["type"])
                told[number, e["registration_id"], e["set_seq"], e["transition"], *words] += 1
    return {
        "changed": expected.total(),
        "detected": told.total(),
        "missed": (expected - told).total(),
        "false_alarms": (told - expected).total(),
        "gaps": gaps,
        "misplaced": misplaced,
        **count,
    }


if __name__ == "__main__":
    print(json.dumps(recomputed(Path(sys.argv[1]))))  # noqa: T201 - a program of its own
