"""The institution that has its items delivered: takes what waits, decrypts, acknowledges.

It also reads the log of what was asked for it, so that the report can judge every automatic question.
"""

from __future__ import annotations

import asyncio
from typing import Any

from platform_api.demo.asking import flat_items
from platform_api.demo.institution import Institution
from platform_api.demo.state import DemoState
from platform_api.demo.truth import UNASKED

Items = dict[str, Any] | None


class Taking:
    """One institution that never asks: ``jpki refresh`` does, by its policy."""

    def __init__(self, state: DemoState, number: int, institution: Institution) -> None:
        self._state = state
        self._number = number
        self._institution = institution

    async def take_all(self, set_seq: int) -> list[str]:
        """After a refresh: outcomes of the questions that it asked; everything delivered is taken.

        What no question explains is written down too: items of which nobody can say why they came.
        """
        written = [f for f in self._state.read("fetches") if f["way"] == "delivery"]
        known = {f["query_id"] for f in written}
        # What this night wrote down may wait again: a crash came before the acknowledgement.
        over = {f["query_id"] for f in written if f["set_seq"] != set_seq}
        opened: dict[str, Items] = {}
        unasked: list[tuple[dict[str, Any], Items]] = []
        waiting = await self._institution.deliveries()
        for delivery in waiting:
            content = await self._institution.take(delivery["delivery_id"])
            items = flat_items(content["four_information"])
            if delivery["query_id"] in over or delivery["query_id"] in opened:
                unasked.append((delivery, items))
            else:
                opened[delivery["query_id"]] = items
        outcomes = []
        for registration_id in self._changed():
            for query in await self._institution.queries(registration_id):
                if query["query_id"] in known:
                    continue
                known.add(query["query_id"])
                items = opened.get(query["query_id"])
                outcomes.append(await self._note(set_seq, registration_id, query, query["outcome"], items))
        unasked += [(d, opened[d["query_id"]]) for d in waiting if d["query_id"] not in known]
        for delivery, items in unasked:
            asked = {"asked_at": delivery["created_at"], "items": [], "query_id": delivery["query_id"]}
            outcomes.append(await self._note(set_seq, delivery["registration_id"], asked, UNASKED, items))
        for delivery in waiting:  # all of it is written down: a crash before this takes it again
            await self._institution.acknowledge_delivery(delivery["delivery_id"])
        return outcomes

    async def _note(
        self, set_seq: int, registration_id: str, query: dict[str, Any], outcome: str, items: Items
    ) -> str:
        record = {
            "set_seq": set_seq,
            "registration_id": registration_id,
            "at": query["asked_at"],
            "asked_items": query["items"],
            "outcome": outcome,
            "items": items,
            "way": "delivery",
            "query_id": query["query_id"],
        }
        await asyncio.to_thread(self._state.append, "fetches", record)
        return outcome

    async def note_links(self, set_seq: int, at: str) -> None:
        """Renewed, and J-LIS said by which certificate: the registration watches that one from now on."""
        linked = {link["registration_id"]: link["set_seq"] for link in self._state.read("links")}
        renewed = {
            e["registration_id"]
            for e in self._state.read(f"events-{self._number + 1}")
            if e["type"] == "certificate.renewed" and e["set_seq"] > linked.get(e["registration_id"], 0)
        }
        for customer in self._state.read("customers"):
            registration_id = customer["registration_id"]
            if customer["linkage_agreed"] and registration_id in renewed:
                state = (await self._institution.registration(registration_id))["state"]
                if state == "WATCHED":
                    record = {"registration_id": registration_id, "set_seq": set_seq, "at": at}
                    await asyncio.to_thread(self._state.append, "links", record)

    def _changed(self) -> list[str]:
        """Whoever changed so far."""
        events: Any = self._state.read(f"events-{self._number + 1}")
        return sorted({e["registration_id"] for e in events if e["transition"] == "REVOKED"})
