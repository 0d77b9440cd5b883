"""The institution that has its items delivered: takes what waits, decrypts, acknowledges.

It also reads the log of what was asked for it, so that the report can judge every automatic question.
"""

from __future__ import annotations

import asyncio
from typing import Any

from platform_api.demo.asking import flat_items
from platform_api.demo.institution import Institution
from platform_api.demo.state import DemoState


class Taking:
    """One institution that never asks: ``jpki refresh`` does, by its policy."""

    def __init__(self, state: DemoState, number: int, institution: Institution) -> None:
        self._state = state
        self._number = number
        self._institution = institution

    async def take_all(self, set_seq: int) -> list[str]:
        """After a refresh: outcomes of the questions that it asked; everything delivered is taken."""
        known = {f["query_id"] for f in self._state.read("fetches") if f["way"] == "delivery"}
        opened = {}
        waiting = await self._institution.deliveries()
        for delivery in waiting:
            content = await self._institution.take(delivery["delivery_id"])
            opened[delivery["query_id"]] = flat_items(content["four_information"])
        outcomes = []
        for registration_id in self._changed():
            for query in await self._institution.queries(registration_id):
                if query["query_id"] in known:
                    continue
                record = {
                    "set_seq": set_seq,
                    "registration_id": registration_id,
                    "at": query["asked_at"],
                    "asked_items": query["items"],
                    "outcome": query["outcome"],
                    "items": opened.get(query["query_id"]),
                    "way": "delivery",
                    "query_id": query["query_id"],
                }
                await asyncio.to_thread(self._state.append, "fetches", record)
                outcomes.append(str(query["outcome"]))
        for delivery in waiting:  # all of it is written down: a crash before this takes it again
            await self._institution.acknowledge_delivery(delivery["delivery_id"])
        return outcomes

    async def note_links(self, set_seq: int, at: str) -> None:
        """Renewed, and J-LIS said by which certificate: the registration watches that one from now on."""
        linked = {link["registration_id"] for link in self._state.read("links")}
        renewed = {
            e["registration_id"]
            for e in self._state.read(f"events-{self._number + 1}")
            if e["type"] == "certificate.renewed"
        }
        for customer in self._state.read("customers"):
            registration_id = customer["registration_id"]
            if customer["linkage_agreed"] and registration_id in renewed - linked:
                state = (await self._institution.registration(registration_id))["state"]
                if state == "WATCHED":
                    record = {"registration_id": registration_id, "set_seq": set_seq, "at": at}
                    await asyncio.to_thread(self._state.append, "links", record)

    def _changed(self) -> list[str]:
        """Whoever changed so far."""
        events: Any = self._state.read(f"events-{self._number + 1}")
        return sorted({e["registration_id"] for e in events if e["transition"] == "REVOKED"})
