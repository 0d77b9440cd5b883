"""What the cast lives day by day, beside what everybody lives by the seed; the list that cannot be had."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from platform_api.demo.cast import LATE_LIST, PARTIAL_DAY, PARTS, Part
from platform_api.demo.institution import Institution
from platform_api.demo.sandbox_client import SandboxClient
from platform_api.demo.state import DemoState

#: Customers who play a part, by its name.
Cast = dict[str, dict[str, Any]]
#: The other generation's lists of the municipality are there: one list of many is missing.
_FAULT: Final = "status_5xx"


def cast_of(state: DemoState) -> Cast:
    return {c["part"]: c for c in state.read("customers") if c["part"] is not None and not c["beside"]}


class Living:
    """Acts by hand, written down when done; one that a crash made us do again changes nothing that counts."""

    def __init__(self, state: DemoState, sandbox: SandboxClient, institutions: list[Institution]) -> None:
        self._state = state
        self._sandbox = sandbox
        self._institutions = institutions

    async def day(self, day: int) -> None:
        """Everything that befalls the cast before this day's lists are signed."""
        cast = cast_of(self._state)
        await self._until_the_next_second()
        done = [a["nth"] for a in self._state.read("acts") if a["day"] == day]
        nth = 0
        for part in PARTS:
            customer = cast.get(part.name)
            if customer is None:
                continue
            if part.withdrawn is not None and part.withdrawn[0] == day:
                if nth not in done:
                    await self._withdraw(customer, part.withdrawn[1])
                    await self._note(day, nth, part, "withdraw", None)
                nth += 1
            for act in part.acts:
                if act.day != day:
                    continue
                if nth not in done:
                    refused = await self._sandbox.act(customer["resident_id"], act.event, act.options)
                    await self._note(day, nth, part, act.event, refused)
                nth += 1

    async def _until_the_next_second(self) -> None:
        """Acts are dated to the second: what was asked before must not seem to have been asked after."""
        now = await self._sandbox.now()
        await asyncio.sleep(1 - now.microsecond / 1_000_000)

    async def _note(self, day: int, nth: int, part: Part, event: str, refused: str | None) -> None:
        await asyncio.to_thread(
            self._state.append,
            "acts",
            {"day": day, "nth": nth, "part": part.name, "event": event, "refused": refused},
        )

    async def _withdraw(self, customer: dict[str, Any], way: str) -> None:
        institution = self._institutions[customer["institution"]]
        if way == "jlis":
            code = institution.services[customer["service"]]["code"]
            await self._sandbox.withdraw_at_jlis(customer["resident_id"], code)
            return
        consent_id = customer["consent_id"]
        octets = await institution.withdrawal_application(consent_id)
        signed = await self._sandbox.sign(customer["resident_id"], octets, customer["kind"])
        await institution.send_withdrawal(consent_id, octets, signed)

    async def lose_a_list(self, day: int, yesterday: str) -> list[dict[str, Any]]:
        """On the partial day: the list that speaks of one customer's certificate cannot be had.

        What the set will carry in its place, for the report: whose key, which partition, which thisUpdate.
        """
        customer = cast_of(self._state).get(LATE_LIST)
        if day != PARTIAL_DAY or customer is None:
            return []
        await self._sandbox.fault(
            {
                "kind": _FAULT,
                "target": "crl",
                "municipality_code": await self._sandbox.municipality_of(customer["partition"]),
                "generation": customer["issuer_key"],
            }
        )
        return [
            {
                "issuer_key": customer["issuer_key"],
                "partition": customer["partition"],
                "this_update": yesterday,
            }
        ]

    async def find_it_again(self) -> None:
        await self._sandbox.no_faults()
