"""Three worlds played to the end, and each report recomputed from the export by code that shares nothing."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.demo.test_demo_whole import free_ports


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def recomputed(folder: Path) -> tuple[int, int, int, int]:
    """(changed, detected, missed, false alarms) from the exported files alone."""
    fate: dict[tuple[str, str], list[tuple[datetime, int]]] = {}
    issued: dict[str, list[tuple[datetime, tuple[str, str]]]] = {}
    for entry in lines(folder / "life_log.jsonl"):
        for one in entry["revoked"]:
            key = (one["issuer_key"], one["serial_number"])
            fate.setdefault(key, []).append((at(one["revoked_at"]), one["reason_code"]))
        if entry["issued"]:
            key = (entry["issued"]["issuer_key"], entry["issued"]["serial_number"])
            issued.setdefault(entry["resident_id"], []).append((at(entry["at"]), key))
    sets = sorted(json.loads((folder / "sets.json").read_text()), key=lambda s: s["set_seq"])

    def state(key: tuple[str, str], this_update: str) -> str:
        past = [reason for when, reason in sorted(fate.get(key, [])) if when <= at(this_update)]
        return "GOOD" if not past else "ON_HOLD" if past[-1] == 6 else "REVOKED"

    people = {r["registration_id"]: r for r in lines(folder / "registrations.jsonl")}
    watched = [(i, (r["issuer_key"], r["serial_number"]), r["set_seq"]) for i, r in people.items()]
    for fetch in lines(folder / "fetches.jsonl"):
        if fetch["outcome"] == "DATA":
            resident = people[fetch["registration_id"]]["resident_id"]
            newest = max(pair for pair in issued[resident] if pair[0] <= at(fetch["at"]))[1]
            watched.append((fetch["registration_id"], newest, fetch["set_seq"]))
    expected = {
        (registration, after["set_seq"], state(key, after["this_update"]))
        for before, after in itertools.pairwise(sets)
        for registration, key, since in watched
        if after["set_seq"] > since
        and state(key, after["this_update"]) not in {"GOOD", state(key, before["this_update"])}
    }
    told = {
        (e["registration_id"], e["set_seq"], e["transition"])
        for n in (1, 2)
        for e in lines(folder / f"events-{n}.jsonl")
        if e["transition"] in {"REVOKED", "ON_HOLD"} and e["set_seq"] > sets[0]["set_seq"]
    }
    return len(expected), len(told), len(expected - told), len(told - expected)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_world_is_told_truly_and_completely(tmp_path: Path, seed: int) -> None:
    """Nothing missed, invented, wrong or without consent; OpenSSL agrees; a stranger counts the same."""
    port, sandbox_port = free_ports()
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "jpki"), "demo", "--once", "--json",
            "--seed", str(seed), "--days", "3", "--residents", "400", "--customers", "50",
            "--data", str(tmp_path / "run"), "--export", str(tmp_path / "export"),
            "--port", str(port), "--sandbox-port", str(sandbox_port),
        ],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.strip().splitlines()[-1])
    truth, four, openssl = report["truth"], report["four_information"], report["openssl"]
    assert report["seed"] == seed
    assert [set(day) >= {"lists", "entries", "new_revocations", "changed_customers", "seconds"}
            for day in report["days"]] == [True] * 3  # fmt: skip
    assert truth["missed"] == truth["false_alarms"] == 0
    assert truth["changed"] > 0
    assert four["wrong_items"] == four["without_consent"] == 0
    assert four["due"] == four["delivered"]
    assert openssl["asked"] == openssl["agreed"] >= 40
    counted = (truth["changed"], truth["detected"], truth["missed"], truth["false_alarms"])
    assert recomputed(tmp_path / "export") == counted
