"""What the institution with deliveries writes down: each question, each delivery that none explains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from platform_api.demo.taking import Taking

NUMBER = 1
REGISTRATION = "R1"


class Notebook:
    """What the demo's state keeps, in memory: lines only grow, and are read oldest first."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def append(self, name: str, record: dict[str, Any]) -> None:
        self._lines.setdefault(name, []).append(json.dumps(record))

    def read(self, name: str) -> Iterator[dict[str, Any]]:
        return map(json.loads, list(self._lines.get(name, ())))


class Waiting:
    """The institution's side of the API: a delivery waits until it is acknowledged, and is gone then."""

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.state = "WATCHED"

    def ask(self, query_id: str, outcome: str) -> None:
        self.asked.append(
            {"query_id": query_id, "outcome": outcome, "items": ["name"], "asked_at": "2026-01-02T00:00:00Z"}
        )

    def deliver(self, delivery_id: str, query_id: str) -> None:
        self.waiting[delivery_id] = {
            "delivery_id": delivery_id,
            "query_id": query_id,
            "registration_id": REGISTRATION,
            "created_at": "2026-01-02T00:00:00Z",
        }

    async def deliveries(self) -> list[dict[str, Any]]:
        return list(self.waiting.values())

    async def take(self, delivery_id: str) -> dict[str, Any]:
        assert delivery_id in self.waiting
        name = {"value": f"山田　{delivery_id}", "substitute_characters": "0"}
        return {"four_information": {"name": name}}

    async def acknowledge_delivery(self, delivery_id: str) -> None:
        del self.waiting[delivery_id]

    async def queries(self, registration_id: str) -> list[dict[str, Any]]:
        return self.asked if registration_id == REGISTRATION else []

    async def registration(self, registration_id: str) -> dict[str, Any]:
        return {"state": self.state}


@pytest.fixture
def institution() -> Waiting:
    return Waiting()


@pytest.fixture
def state() -> Notebook:
    """One customer whose certificate was revoked in set 2."""
    found = Notebook()
    found.append("customers", {"registration_id": REGISTRATION, "linkage_agreed": True})
    found.append("events-2", event(2, "certificate.revoked"))
    return found


def event(set_seq: int, kind: str) -> dict[str, Any]:
    return {"registration_id": REGISTRATION, "set_seq": set_seq, "transition": "REVOKED", "type": kind}


def taking(state: Notebook, institution: Waiting) -> Taking:
    return Taking(state, NUMBER, institution)  # type: ignore[arg-type]


def written(state: Notebook) -> list[tuple[int, str, str | None]]:
    return [
        (f["set_seq"], f["outcome"], None if f["items"] is None else f["items"]["name"][-2:])
        for f in state.read("fetches")
    ]


async def test_a_delivery_goes_with_its_question(state: Notebook, institution: Waiting) -> None:
    """Asked and delivered: one record with the items; the next night writes nothing more."""
    institution.ask("q1", "DATA")
    institution.deliver("d1", "q1")
    assert await taking(state, institution).take_all(2) == ["DATA"]
    assert await taking(state, institution).take_all(3) == []
    assert written(state) == [(2, "DATA", "d1")]
    assert institution.waiting == {}


async def test_items_are_written_down_beside_a_refusal(state: Notebook, institution: Waiting) -> None:
    """A question that was refused, and a delivery of it all the same: the items stand in its record."""
    institution.ask("q1", "CONSENT_WITHDRAWN")
    institution.deliver("d1", "q1")
    assert await taking(state, institution).take_all(2) == ["CONSENT_WITHDRAWN"]
    assert written(state) == [(2, "CONSENT_WITHDRAWN", "d1")]


async def test_a_delivery_that_nobody_asked_for_is_written_down(
    state: Notebook, institution: Waiting
) -> None:
    """Of a question that is in no list, of one that had its delivery, of one from an earlier night."""
    institution.deliver("d0", "unknown")
    institution.ask("q1", "DATA")
    institution.deliver("d1", "q1")
    institution.deliver("d2", "q1")
    assert sorted(await taking(state, institution).take_all(2)) == ["DATA", "UNASKED", "UNASKED"]
    institution.deliver("d3", "q1")
    assert await taking(state, institution).take_all(3) == ["UNASKED"]
    assert sorted(written(state)) == [
        (2, "DATA", "d1"),
        (2, "UNASKED", "d0"),
        (2, "UNASKED", "d2"),
        (3, "UNASKED", "d3"),
    ]
    assert institution.waiting == {}


async def test_what_a_crash_left_unacknowledged_is_no_second_delivery(
    state: Notebook, institution: Waiting
) -> None:
    """Written down, then killed: the same night takes it again, acknowledges it and writes nothing."""
    institution.ask("q1", "DATA")
    institution.deliver("d1", "q1")
    await taking(state, institution).take_all(2)
    institution.deliver("d1", "q1")
    assert await taking(state, institution).take_all(2) == []
    assert written(state) == [(2, "DATA", "d1")]
    assert institution.waiting == {}


async def test_each_renewal_has_its_link(state: Notebook, institution: Waiting) -> None:
    """Linked once for each renewal, in the night in which the registration stands for the successor."""

    async def linked(set_seq: int) -> list[int]:
        await taking(state, institution).note_links(set_seq, "2026-01-02T00:00:00Z")
        return [link["set_seq"] for link in state.read("links")]

    assert await linked(2) == []
    state.append("events-2", event(3, "certificate.renewed"))
    institution.state = "RENEWED_UNLINKED"
    assert await linked(3) == []
    institution.state = "WATCHED"
    assert await linked(4) == [4]
    assert await linked(5) == [4]
    state.append("events-2", event(6, "certificate.renewed"))
    assert await linked(6) == [4, 6]
