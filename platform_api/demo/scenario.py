"""The play: day 0 and on-boarding, then a life day, a night, the feed and the fetches, day after day.

Each step is written down when it is done; ``play`` called again goes on with the first that is not.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

import aiohttp

from platform_api.demo.institution import Institution
from platform_api.demo.lifelog import moment
from platform_api.demo.onboarding import Onboarding, choose_customers
from platform_api.demo.processes import ChildFailed, run_once
from platform_api.demo.report import DAY, LAST_NIGHT_BEFORE_START
from platform_api.demo.sandbox_client import SandboxClient, rfc3339
from platform_api.demo.state import DemoState
from platform_api.demo.world import World
from revocation.errors import OutsideFailed

CLOCK_WITHIN_S: Final = 30.0
READY_WITHIN_S: Final = 60.0
#: Outcomes after which the institution asks again the next night.
ASK_AGAIN: Final = frozenset({"NO_NEW_CERTIFICATE", "CONSENT_NOT_YET_EFFECTIVE", "TEMPORARY"})
#: Name of the institution, code by which J-LIS knows its service.
INSTITUTIONS: Final = (
    ("あおぞらデモ銀行 (Aozora Demo Bank)", "aozora-accounts"),
    ("さくらデモ証券 (Sakura Demo Securities)", "sakura-trading"),
)


class Teller(Protocol):
    """Who tells the audience: progress lines and one line for each night."""

    def progress(self, text: str) -> None: ...

    def said(self, text: str) -> None: ...

    def night(self, number: int, figures: dict[str, Any]) -> None: ...


class Scenario:
    """One demo run over one world."""

    def __init__(
        self,
        state: DemoState,
        world: World,
        session: aiohttp.ClientSession,
        teller: Teller,
        *,
        began: float,
    ) -> None:
        self._state = state
        self._world = world
        self._session = session
        self._tell = teller
        self.sandbox = SandboxClient(session, world.addresses.sandbox)
        self.institutions: list[Institution] = []
        self._began = began

    def this_update(self, day: int) -> datetime:
        """The last simulated night's thisUpdate is the start minus five minutes; no clock runs ahead."""
        days: int = self._state.data["days"]
        return self._state.start - LAST_NIGHT_BEFORE_START - (days - day) * DAY

    async def play(self) -> None:
        """From wherever the last start left off to the last night's fetches."""
        await self.open_service()
        if len(self._state.data["nights"]) == 0 and not self._state.data.get("onboarded"):
            await self._onboard()
        for day in range(len(self._state.data["nights"]) + 1, self._state.data["days"] + 1):
            await self._day(day)

    async def open_service(self) -> None:
        """Start the service; beside each other the first night publishes and the institutions get keys.

        The service is started first, so that the database is its child and not the short-lived night's.
        """
        first = len(self._state.data["sets"]) == 0
        if first:
            self._tell.progress("the sandbox J-LIS signs the lists of day 0")
            await self.sandbox.play(self.this_update(0))
        self._tell.progress("starting the service")
        await self._world.service.start()
        async with asyncio.TaskGroup() as group:
            if first:
                group.create_task(self._first_night())
            if not self._state.data["institutions"]:
                group.create_task(self._make_institutions())
        await self._until_ready()
        self.institutions = [
            Institution(self._session, self._world.addresses.service, record)
            for record in self._state.data["institutions"]
        ]

    async def _first_night(self) -> None:
        self._tell.progress("the first night: fetch, verify, decode, accept, build, publish")
        night = await self._world.night()
        self._record_set(0, night)
        self._tell.said(
            f"day 0: {night['lists']} signed lists, {night['entries']} revoked certificates, "
            f"set {night['set_seq']} published"
        )

    async def _make_institutions(self) -> None:
        self._state.data["institutions"] = await create_institutions(self._world)
        self._state.save()

    def _record_set(self, day: int, night: dict[str, Any]) -> None:
        sets = self._state.data["sets"]
        if all(s["day"] != day for s in sets):
            sets.append(
                {"day": day, "set_seq": night["set_seq"], "this_update": rfc3339(self.this_update(day))}
            )
        self._state.save()

    async def _onboard(self) -> None:
        data = self._state.data
        residents = await self.sandbox.residents(data["residents"])
        customers = choose_customers(
            residents, seed=data["seed"], institutions=len(self.institutions), each=data["customers"]
        )
        first = True

        def progress(done: int, total: int) -> None:
            nonlocal first
            if first:
                first = False
                self._tell.said(
                    f"first answer after {time.monotonic() - self._began:.1f} s: a customer's signature "
                    "verified, the certificate checked against the set, the registration watched"
                )
            self._tell.progress(f"on-boarding: {done} of {total} customers")

        await Onboarding(self._state, self.sandbox, self.institutions, progress).run(customers)
        data["onboarded"] = len(customers)
        self._state.save()
        self._tell.said(f"{len(customers)} customers on-boarded at {len(self.institutions)} institutions")

    async def _day(self, day: int) -> None:
        began = time.monotonic()
        self._tell.progress(f"day {day}: people live, J-LIS signs the day's lists")
        await self.sandbox.play(self.this_update(day))
        await self._until_clock(self.this_update(day))
        self._tell.progress(f"night {day}: fetch, publish, detect")
        night = await self._world.night()
        self._record_set(day, night)
        outcomes: dict[str, int] = {}
        changed: dict[str, int] = {}
        for number, institution in enumerate(self.institutions):
            self._tell.progress(f"night {day}: {institution.name} reads its feed and asks for new data")
            events = await self._read_feed(number, institution, night["set_seq"])
            changed[institution.name] = len(
                {e["registration_id"] for e in events if e["transition"] in {"REVOKED", "ON_HOLD"}}
            )
            for outcome in await self._fetch_changed(number, institution, night["set_seq"]):
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
        figures = {
            "lists": night["lists"],
            "entries": night["entries"],
            "new_revocations": sum(night["new_revocations"].values()),
            "new_revocations_by_reason": night["new_revocations"],
            "changed_customers": sum(changed.values()),
            "changed_by_institution": changed,
            "four_information": dict(sorted(outcomes.items())),
            "seconds": round(time.monotonic() - began, 2),
        }
        self._state.data["nights"].append(figures)
        self._state.save()
        self._tell.night(day, figures)

    async def _read_feed(self, number: int, institution: Institution, set_seq: int) -> list[dict[str, Any]]:
        """Read on to the end of that day. Written down before the position moves."""
        seen = {e["seq"]: e for e in self._state.read(f"events-{number + 1}")}
        if not any(e["type"] == "day.completed" and e["set_seq"] >= set_seq for e in seen.values()):
            institution.after = max(seen, default=0)
            for event in await institution.events_until(set_seq):
                seen[event["seq"]] = event
                await asyncio.to_thread(self._state.append, f"events-{number + 1}", event)
        return [e for e in seen.values() if e["set_seq"] == set_seq]

    async def _fetch_changed(self, number: int, institution: Institution, set_seq: int) -> list[str]:
        """Ask for every changed customer, and again for those without an answer yet."""
        mine = {c["registration_id"]: c for c in self._state.read("customers") if c["institution"] == number}
        asked = [f for f in self._state.read("fetches") if f["registration_id"] in mine]
        last = {f["registration_id"]: f for f in asked}
        due = [
            e["registration_id"]
            for e in self._state.read(f"events-{number + 1}")
            if e["set_seq"] == set_seq and e["transition"] == "REVOKED"
        ]
        due += [i for i, f in last.items() if f["outcome"] in ASK_AGAIN]
        outcomes = [f["outcome"] for f in asked if f["set_seq"] == set_seq]
        done = {f["registration_id"] for f in asked if f["set_seq"] == set_seq}
        for registration_id in sorted(set(due) - done):
            outcomes.append(await self._fetch(institution, mine[registration_id], set_seq))
        for fetch in asked:
            if fetch["set_seq"] == set_seq and fetch["outcome"] == "DATA":
                # Acknowledged already, unless a crash came between; acknowledging twice changes nothing.
                await institution.acknowledge(fetch["registration_id"])
        return outcomes

    async def _fetch(self, institution: Institution, customer: dict[str, Any], set_seq: int) -> str:
        registration_id = customer["registration_id"]
        at = await self.sandbox.now()
        items = customer["consented"] or ["name", "address"]
        answer = await institution.fetch(registration_id, items)
        record = {
            "set_seq": set_seq,
            "registration_id": registration_id,
            "at": rfc3339(at),
            "asked_items": items,
            "outcome": answer["outcome"],
            "items": flat_items(answer["four_information"]),
        }
        await asyncio.to_thread(self._state.append, "fetches", record)
        if answer["outcome"] == "DATA":
            await institution.acknowledge(registration_id)
        return str(answer["outcome"])

    async def _until_ready(self) -> None:
        """Readiness is the service's own word: database there, a fresh set mapped."""
        await self._poll("/readyz", lambda status, _: status == 200, READY_WITHIN_S, "the service ready")

    async def _until_clock(self, at: datetime) -> None:
        """The service follows the sandbox's clock; wait until it says so itself."""
        await self._poll(
            "/healthz", lambda _, body: moment(body["now"]) >= at, CLOCK_WITHIN_S, "the service on the day"
        )

    async def _poll(
        self, path: str, done: Callable[[int, dict[str, Any]], bool], within_s: float, what: str
    ) -> None:
        status: int | str = "no answer"
        try:
            async with asyncio.timeout(within_s):
                while True:
                    try:
                        async with self._session.get(self._world.addresses.service + path) as response:
                            status = response.status
                            if done(status, await response.json(content_type=None)):
                                return
                    except aiohttp.ClientError:
                        status = "no answer"
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise OutsideFailed(
                "SERVICE_NOT_READY",
                expected=f"{what} within {within_s:.0f} s",
                got=str(status),
                remedy="see serve.log in the demo's folder",
            ) from None


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
    return flat


async def create_institutions(world: World) -> list[dict[str, Any]]:
    """What the operator does once per institution: legal basis, service, API key (``jpki institution``)."""

    async def create(name: str, service: str) -> dict[str, Any]:
        arguments = ["institution", "create", "--data", str(world.data), "--json"]
        code, out, err = await run_once([*arguments, "--name", name, "--service", service], world.env)
        if code != 0:
            raise ChildFailed("institution", code, err.strip())
        record: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return {**record, "name": name}

    return list(await asyncio.gather(*(create(*one) for one in INSTITUTIONS)))
