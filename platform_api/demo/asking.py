"""The institution that asks itself: reads its feed, fetches the four items of who changed, acknowledges."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from platform_api.demo.institution import Institution
from platform_api.demo.sandbox_client import SandboxClient, rfc3339
from platform_api.demo.state import DemoState

#: Outcomes after which the institution asks again the next night.
ASK_AGAIN: Final = frozenset({"NO_NEW_CERTIFICATE", "CONSENT_NOT_YET_EFFECTIVE", "TEMPORARY"})


async def read_feed(
    state: DemoState, number: int, institution: Institution, set_seq: int
) -> list[dict[str, Any]]:
    """Read on to the end of that day; its events. Written down before the position moves."""
    seen = {e["seq"]: e for e in state.read(f"events-{number + 1}")}
    if not any(e["type"] == "day.completed" and e["set_seq"] >= set_seq for e in seen.values()):
        institution.after = max(seen, default=0)
        for event in await institution.events_until(set_seq):
            seen[event["seq"]] = event
            await asyncio.to_thread(state.append, f"events-{number + 1}", event)
    return [e for e in seen.values() if e["set_seq"] == set_seq]


class Asking:
    """One institution that fetches in its own calls: nothing is ever queued for it."""

    def __init__(
        self, state: DemoState, sandbox: SandboxClient, number: int, institution: Institution
    ) -> None:
        self._state = state
        self._sandbox = sandbox
        self._number = number
        self._institution = institution

    async def fetch_changed(self, set_seq: int) -> list[str]:
        """Ask for every changed customer, and again for those without an answer yet; the outcomes."""
        mine = {
            c["registration_id"]: c for c in self._state.read("customers") if c["institution"] == self._number
        }
        asked = [f for f in self._state.read("fetches") if f["registration_id"] in mine]
        last = {f["registration_id"]: f for f in asked}
        due = [
            e["registration_id"]
            for e in self._state.read(f"events-{self._number + 1}")
            if e["set_seq"] == set_seq and e["transition"] == "REVOKED"
        ]
        due += [i for i, f in last.items() if f["outcome"] in ASK_AGAIN]
        outcomes = [f["outcome"] for f in asked if f["set_seq"] == set_seq]
        done = {f["registration_id"] for f in asked if f["set_seq"] == set_seq}
        for registration_id in sorted(set(due) - done):
            outcomes.append(await self._fetch(mine[registration_id], set_seq))
        for fetch in asked:
            if fetch["set_seq"] == set_seq and fetch["outcome"] == "DATA":
                # Acknowledged already, unless a crash came between; acknowledging twice changes nothing.
                await self._institution.acknowledge(fetch["registration_id"])
        return outcomes

    async def _fetch(self, customer: dict[str, Any], set_seq: int) -> str:
        registration_id = customer["registration_id"]
        at = await self._sandbox.now()
        items = customer["consented"] or ["name", "address"]
        answer = await self._institution.fetch(registration_id, items)
        record = {
            "set_seq": set_seq,
            "registration_id": registration_id,
            "at": rfc3339(at),
            "asked_items": items,
            "outcome": answer["outcome"],
            "items": flat_items(answer["four_information"]),
            "way": "response",
        }
        await asyncio.to_thread(self._state.append, "fetches", record)
        if answer["outcome"] == "DATA":
            await self._institution.acknowledge(registration_id)
        return str(answer["outcome"])


def flat_items(four_information: dict[str, Any] | None) -> dict[str, Any] | None:
    """The four items as the register writes them, out of the API's richer form."""
    if four_information is None:
        return None
    flat: dict[str, Any] = {}
    for name in ("name", "address"):
        if (item := four_information.get(name)) is not None:
            flat[name] = item["value"]
            flat[f"{name}_substitute_characters"] = item["substitute_characters"]
    for name in ("date_of_birth", "gender"):
        if (item := four_information.get(name)) is not None:
            flat[name] = item["raw"]
    for name in ("name_furigana", "moved_abroad_on"):
        if four_information.get(name) is not None:
            flat[name] = four_information[name]
    return flat
