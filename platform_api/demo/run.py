"""One demo from start to stop: folder, processes, play, report, and then serving until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from platform_api.demo import openssl_check
from platform_api.demo.commands import Try, commands_to_try
from platform_api.demo.export import export
from platform_api.demo.folder import empty, locked
from platform_api.demo.lifelog import GOOD, REVOKED, CertificateKey, LifeLog
from platform_api.demo.openssl_check import Responder
from platform_api.demo.report import build, clean, published_sets
from platform_api.demo.retention import look_for_items
from platform_api.demo.sandbox_client import SandboxClient
from platform_api.demo.scenario import Scenario, Teller
from platform_api.demo.state import DemoState
from platform_api.demo.truth import PublishedSet
from platform_api.demo.world import Addresses, World, require_free_port
from revocation.authorities import Authorities
from revocation.clock import Clock
from revocation.errors import InputRefused, RevocationError
from revocation.exits import Exit

#: After the report a night follows every real day; looked for this often.
NIGHT_AFTER: Final = timedelta(hours=24)
LOOK_EVERY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line says."""

    folder: Path
    days: int
    seed: int
    residents: int
    customers: int
    port: int
    sandbox_port: int
    once: bool
    fresh: bool
    export: Path | None


class Demo:
    """Plays once (or goes on where it stopped), reports, and serves on."""

    def __init__(self, options: DemoOptions, clock: Clock, teller: Teller) -> None:
        self._options = options
        self._clock = clock
        self._tell = teller
        self._addresses = Addresses(options.port, options.sandbox_port)
        self.state = DemoState(options.folder)
        self.report: dict[str, Any] = {}
        self.tries: list[Try] = []

    async def run(self, on_report: Callable[[dict[str, Any], list[Try]], None]) -> Exit:
        """Returns DONE when everything received was true and complete, OWN_FAULT when it was not."""
        began = time.monotonic()
        if not self._options.folder.exists():
            self._require_ports()  # nothing is made for a start that cannot be
        folder_lock = await asyncio.to_thread(locked, self._options.folder)
        world: World | None = None
        task = asyncio.current_task()
        if task is not None:  # in order, children last; also where a shell without jobs had SIGINT ignored
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            self._require_ports()
            await asyncio.to_thread(self._open_state)
            world = World(
                self._options.folder,
                self._addresses,
                seed=self._options.seed,
                residents=self._options.residents,
            )
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
                self._tell.progress("starting the sandbox J-LIS")
                await world.sandbox.start()
                scenario = Scenario(self.state, world, session, self._tell, began=began)
                if await scenario.overslept():
                    await self._start_anew(world)
                await self._play(scenario, world)
                on_report(self.report, self.tries)
                if not self._options.once:
                    await self._serve_on(scenario, world)
        finally:
            if world is not None:
                await asyncio.shield(world.stop())
            folder_lock.close()
        return Exit.DONE if clean(self.report) else Exit.OWN_FAULT

    async def _play(self, scenario: Scenario, world: World) -> None:
        if self.state.finished:
            await scenario.open_service()
            self.report = self.state.data["report"]
            await self._export(await scenario.sandbox.life_log())
            await self._prepare_tries(scenario, world)
            return
        await scenario.play()
        self._tell.progress("comparing what was received with what really happened")
        life_log = await scenario.sandbox.life_log()
        openssl = await self._ask_openssl(scenario, world, LifeLog(life_log))
        self.state.data["consents"] = await self._consents(scenario.sandbox)
        received = self._received()
        self._tell.progress("looking for items that were handed over, in every file of the service")
        retention = await asyncio.to_thread(
            look_for_items, world.data, [self._options.folder / "serve.log"], received, self._tell.progress
        )
        self.report = build(
            seed=self.state.data["seed"],
            life_log=life_log,
            sets=self.state.data["sets"],
            nights=self.state.data["nights"],
            customers=received["customers"],
            consents=received["consents"],
            feeds=received["feeds"],
            fetches=received["fetches"],
            links=received["links"],
            openssl=openssl,
            retention=retention,
        )
        await self._export(life_log)
        self.state.data["report"] = self.report
        self.state.data["finished"] = True
        self.state.save()
        await self._prepare_tries(scenario, world)

    async def _export(self, life_log: list[dict[str, Any]]) -> None:
        """Where asked for: also of a play that an earlier start finished."""
        if self._options.export is not None:
            await asyncio.to_thread(
                export,
                self._options.export,
                life_log=life_log,
                sets=self.state.data["sets"],
                report=self.report,
                **self._received(),
            )

    def _received(self) -> dict[str, Any]:
        """Everything written down, each event once (a crash may have read a page twice)."""
        feeds = []
        for number in range(len(self.state.data["institutions"])):
            once = {(e["seq"], e["event_id"]): e for e in self.state.read(f"events-{number + 1}")}
            feeds.append([once[key] for key in sorted(once)])
        return {
            "customers": list(self.state.read("customers")),
            "feeds": feeds,
            "fetches": list(self.state.read("fetches")),
            "links": list(self.state.read("links")),
            "consents": self.state.data.get("consents", []),
            "nights": [
                {name: n[name] for name in ("set_seq", "refreshed_at")} for n in self.state.data["nights"]
            ],
        }

    async def _consents(self, sandbox: SandboxClient) -> list[dict[str, Any]]:
        """Each consent as J-LIS has it: what the answers are judged by, not what we were told."""
        found = []
        for customer in self.state.read("customers"):
            if customer["consent_id"] is None:
                continue
            institution = self.state.data["institutions"][customer["institution"]]
            code = institution["services"][customer["service"]]["code"]
            known = (await sandbox.person(customer["resident_id"]))["consents"]
            newest = [one for one in known if one["service_code"] == code][-1]
            times = {name: newest[name] for name in ("valid_from", "valid_until", "withdrawn_at")}
            record = {"registration_id": customer["registration_id"], "items": newest["items"], **times}
            found.append(record)
        return found

    async def _ask_openssl(self, scenario: Scenario, world: World, log: LifeLog) -> dict[str, int]:
        """Ask both responders about certificates of every kind, as a stranger with OpenSSL would."""
        self._tell.progress("openssl ocsp asks both responders")
        issuers, ceiling = await asyncio.to_thread(write_issuers, world)
        residents = await scenario.sandbox.residents(self.state.data["residents"])
        last = published_sets(self.state.data["sets"])[-1]
        valid = [
            key
            for resident in residents
            if (key := log.newest_certificate(resident["resident_id"], last.this_update)) is not None
        ]
        questions = openssl_check.choose(
            log,
            valid,
            last=last,
            seed=self.state.data["seed"],
            ceiling=ceiling,
            issuer_keys=list(issuers),
        )
        service = self._addresses.service
        everyone = world.data / "issuers.pem"
        return await openssl_check.ask_all(
            questions,
            issuers,
            [
                Responder(f"{service}/ocsp", ("-VAfile", str(world.data / "keys" / "responder.crt"))),
                Responder(f"{service}/ocsp/delegated", ("-CAfile", str(everyone))),
            ],
        )

    async def _prepare_tries(self, scenario: Scenario, world: World) -> None:
        issuers, _ = await asyncio.to_thread(write_issuers, world)
        log = LifeLog(await scenario.sandbox.life_log())
        last = published_sets(self.state.data["sets"])[-1]
        customers = [
            c
            for c in self.state.read("customers")
            if (c["institution"], c["service"], c["kind"]) == (0, 0, "card-sign")
        ]
        now = await scenario.sandbox.now()
        lucky = next(c for c in customers if _in_force(log, c, last, now))
        revoked = min(
            key
            for key in log.revoked_certificates(last.this_update)
            if key.issuer_key in issuers and last.state(log, key) == REVOKED
        )
        self.tries = commands_to_try(
            service=self._addresses.service,
            sandbox=self._addresses.sandbox,
            data=world.data,
            api_key=self.state.data["institutions"][0]["api_key"],
            service_id=self.state.data["institutions"][0]["service_id"],
            registration_id=lucky["registration_id"],
            resident_id=lucky["resident_id"],
            revoked=revoked,
            issuer=issuers[revoked.issuer_key],
            responder=world.data / "keys" / "responder.crt",
            jpki=str(Path(sys.argv[0]).parent / "jpki") if sys.argv[0].endswith("jpki") else "jpki",
        )

    async def _serve_on(self, scenario: Scenario, world: World) -> None:
        """A list and a night every real 24 hours, until SIGINT or SIGTERM or a server ends."""
        await scenario.sandbox.play_by_itself()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        waiting = [
            asyncio.create_task(stop.wait()),
            asyncio.create_task(self._nights(world, at_once=scenario.behind)),
            asyncio.create_task(world.service.ended()),
            asyncio.create_task(world.sandbox.ended()),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _nights(self, world: World, *, at_once: bool) -> None:
        """The demo's own timer. A night that fails says so and is tried again; what is served stays."""
        due = self._clock.now() + (timedelta(0) if at_once else NIGHT_AFTER)
        while True:
            if self._clock.now() >= due:
                try:
                    night = await world.night()
                except RevocationError as error:
                    self._tell.said(f"a night failed: {error.remedy}")
                else:
                    self._tell.said(f"night: {night['outcome']}, set {night['set_seq']}")
                    due = self._clock.now() + NIGHT_AFTER
            await asyncio.sleep(LOOK_EVERY_S)

    def _require_ports(self) -> None:
        require_free_port(self._options.sandbox_port, "--sandbox-port")
        require_free_port(self._options.port, "--port")

    def _open_state(self) -> None:
        """Create the plan, or go on with the one that is there if it is the same plan.

        A finished plan asked for ``--once`` more is played anew: the same seed, the same lives.
        """
        options, state = self._options, self.state
        if state.exists:
            if not options.fresh:
                state.load()
                self._require_same_plan()
                if not (options.once and state.finished):
                    return
            empty(options.folder)
        self._create_state()

    async def _start_anew(self, world: World) -> None:
        """What was played so far cannot be gone on with, and is played again."""
        self._tell.said(
            "this play was stopped for most of a day or longer: the lists of its next simulated day would be "
            "older than what befalls people now. It starts anew; let a play run to its report to keep it"
        )
        await world.sandbox.stop()
        await asyncio.to_thread(empty, self._options.folder)
        await asyncio.to_thread(self._create_state)
        await world.sandbox.start()

    def _create_state(self) -> None:
        options = self._options
        self.state.create(
            seed=options.seed,
            days=options.days,
            residents=options.residents,
            customers=options.customers,
            start=self._clock.now().replace(microsecond=0),  # lists know whole seconds
        )

    def _require_same_plan(self) -> None:
        asked = {
            "seed": self._options.seed,
            "days": self._options.days,
            "residents": self._options.residents,
            "customers": self._options.customers,
        }
        other = [name for name, value in asked.items() if self.state.data[name] != value]
        if other:
            raise InputRefused(
                "DEMO_OTHER_PLAN",
                expected="the plan that this folder was made for",
                got=f"another {', '.join(other)}",
                remedy="name another folder with --data, or start this one anew with --fresh",
            )


def _in_force(log: LifeLog, customer: dict[str, Any], last: PublishedSet, now: datetime) -> bool:
    """The customer's card is in force, and the set says so too: with a carried list they may differ."""
    key = CertificateKey(customer["issuer_key"], customer["serial_number"])
    return log.state(key, now) == last.state(log, key) == GOOD


def write_issuers(world: World) -> tuple[dict[str, Path], int]:
    """The CA certificates that the service trusts, as PEM files for OpenSSL; and the serial ceiling."""
    from cryptography.hazmat.primitives.serialization import Encoding

    authority = next(iter(Authorities.load(world.data / "authorities.json")))
    issuers: dict[str, Path] = {}
    everyone = b""
    for generation in authority.generations:
        pem = generation.certificate.public_bytes(Encoding.PEM)
        path = world.data / f"issuer-{generation.name}.pem"
        path.write_bytes(pem)
        issuers[generation.key_id.hex()] = path
        everyone += pem
    (world.data / "issuers.pem").write_bytes(everyone)
    return issuers, authority.serial_ceiling or 0
