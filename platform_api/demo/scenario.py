"""The play: day 0 and on-boarding, then a life day, a night, the feed and the items, day after day.

Each step is written down when it is done; ``play`` called again goes on with the first that is not.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import aiohttp

from platform_api.demo.asking import Asking, read_feed
from platform_api.demo.cast import ASKS
from platform_api.demo.institution import Institution
from platform_api.demo.joining import create_institutions, set_up_delivery
from platform_api.demo.lifelog import moment
from platform_api.demo.living import Living
from platform_api.demo.onboarding import Onboarding, choose_customers
from platform_api.demo.report import DAY, LAST_NIGHT_BEFORE_START
from platform_api.demo.sandbox_client import SandboxClient, rfc3339
from platform_api.demo.state import DemoState
from platform_api.demo.taking import Taking
from platform_api.demo.world import World
from revocation.errors import OutsideFailed, RevocationError

CLOCK_WITHIN_S: Final = 30.0
READY_WITHIN_S: Final = 60.0
CAUGHT_UP_WITHIN_S: Final = 600.0
#: Longer than any simulated day takes: what is begun later than this before the day's lists would miss them.
A_DAY_TAKES: Final = timedelta(hours=1)


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
        #: A finished play was opened again, and its night could not be made up for: it is still due.
        self.behind = False

    def this_update(self, day: int) -> datetime:
        """The last simulated night's thisUpdate is the start minus five minutes; no clock runs ahead."""
        days: int = self._state.data["days"]
        return self._state.start - LAST_NIGHT_BEFORE_START - (days - day) * DAY

    async def overslept(self) -> bool:
        """An unfinished play was stopped for so long that what it plays next would miss its day's lists.

        The sandbox's clock runs on while nothing runs, and the days of the plan stay where they are.
        """
        facts = await self.sandbox.health()
        if self._state.finished or facts["day"] is None:
            return False
        return moment(facts["now"]) > self.this_update(facts["day"] + 1) - A_DAY_TAKES

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
        if self._state.finished:
            await self._lists_of_missed_days()
        if first:
            self._tell.progress("the sandbox J-LIS signs the lists of day 0")
            await self.sandbox.play(self.this_update(0))
        self._tell.progress("starting the service")
        await self._world.service.start()
        async with asyncio.TaskGroup() as group:
            if first:
                group.create_task(self._first_night())
            if self._state.finished:
                group.create_task(self._night_of_missed_days())
            if not self._state.data["institutions"]:
                group.create_task(self._make_institutions())
        await self._until_ready()
        self.institutions = [
            Institution(self._session, self._world.addresses.service, record)
            for record in self._state.data["institutions"]
        ]
        await set_up_delivery(self.institutions)

    async def _first_night(self) -> None:
        self._tell.progress("the first night: fetch, verify, decode, accept, build, publish")
        night = await self._world.night()
        self._record_set(0, night)
        self._tell.said(
            f"day 0: {night['lists']} signed lists, {night['entries']} revoked certificates, "
            f"set {night['set_seq']} published"
        )

    async def _lists_of_missed_days(self) -> None:
        """Days may have passed since a finished play was stopped: its lists live for two."""
        await self.sandbox.play_by_itself()
        try:
            async with asyncio.timeout(CAUGHT_UP_WITHIN_S):
                while not await self.sandbox.caught_up():
                    self._tell.progress("the sandbox J-LIS signs the lists of the days that passed")
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise OutsideFailed(
                "SANDBOX_BEHIND",
                expected=f"the lists of the days that passed within {CAUGHT_UP_WITHIN_S:.0f} s",
                got="lists older than a day",
                remedy="see sandbox.log in the demo's folder, or start anew with --fresh",
            ) from None

    async def _night_of_missed_days(self) -> None:
        """Before the service is waited for: with expired lists alone it is never ready."""
        self._tell.progress("the night of the days that passed: fetch, publish, detect")
        try:
            night = await self._world.night()
        except RevocationError as error:
            self._tell.said(f"a night failed: {error.remedy}")
            self.behind = True
        else:
            self._tell.said(f"night: {night['outcome']}, set {night['set_seq']}")

    async def _make_institutions(self) -> None:
        self._state.data["institutions"] = await create_institutions(self._world)
        self._state.save()

    def _record_set(
        self, day: int, night: dict[str, Any], carried: list[dict[str, Any]] | None = None
    ) -> None:
        sets = self._state.data["sets"]
        # What was meant to be missing counts only where the night says that it was (or that it ran before).
        if carried and not night["lists_carried"] and night["outcome"] != "NOTHING_NEW":
            carried = []
        if all(s["day"] != day for s in sets):
            sets.append(
                {
                    "day": day,
                    "set_seq": night["set_seq"],
                    "this_update": rfc3339(self.this_update(day)),
                    "carried": carried or [],
                }
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
        living = Living(self._state, self.sandbox, self.institutions)
        self._tell.progress(f"day {day}: people live, J-LIS signs the day's lists")
        await living.day(day)
        await self.sandbox.play(self.this_update(day))
        await self._until_clock(self.this_update(day))
        self._tell.progress(f"night {day}: fetch, publish, detect")
        carried = await living.lose_a_list(day, rfc3339(self.this_update(day - 1)))
        try:
            night = await self._world.night()
        finally:
            await living.find_it_again()
        self._record_set(day, night, carried)
        self._tell.progress(f"night {day}: consents, withdrawals, automatic refresh")
        await self._world.refresh()
        refreshed_at = rfc3339(await self.sandbox.now())
        outcomes: Counter[str] = Counter()
        changed: dict[str, int] = {}
        for number, institution in enumerate(self.institutions):
            self._tell.progress(f"night {day}: {institution.name} reads its feed and gets new data")
            events = await read_feed(self._state, number, institution, night["set_seq"])
            changed[institution.name] = len(
                {e["registration_id"] for e in events if e["transition"] in {"REVOKED", "ON_HOLD"}}
            )
            outcomes.update(await self._four_items(number, institution, night["set_seq"], refreshed_at))
        figures = {
            "lists": night["lists"],
            "lists_carried": night["lists_carried"],
            "entries": night["entries"],
            "new_revocations": sum(night["new_revocations"].values()),
            "new_revocations_by_reason": night["new_revocations"],
            "changed_customers": sum(changed.values()),
            "changed_by_institution": changed,
            "four_information": dict(sorted(outcomes.items())),
            "set_seq": night["set_seq"],
            "refreshed_at": refreshed_at,
            "seconds": round(time.monotonic() - began, 2),
        }
        self._state.data["nights"].append(figures)
        self._state.save()
        self._tell.night(day, figures)

    async def _four_items(
        self, number: int, institution: Institution, set_seq: int, refreshed_at: str
    ) -> list[str]:
        if number == ASKS:
            return await Asking(self._state, self.sandbox, number, institution).fetch_changed(set_seq)
        taking = Taking(self._state, number, institution)
        outcomes = await taking.take_all(set_seq)
        await taking.note_links(set_seq, refreshed_at)
        return outcomes

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
