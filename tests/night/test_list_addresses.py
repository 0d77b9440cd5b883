"""The lists of lists, CA by CA: one that is not to be had stops only itself, and the report says so."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from platform_api.jlis.fields import JlisFields
from platform_api.jlis.gateway import (
    AuthorityOffer,
    ConsentReflection,
    ConsentSubmission,
    FourInformationAnswer,
    FourInformationQuery,
    GatewayRefused,
    ListOffer,
    PartitionOffer,
)
from platform_api.jlis.opening import open_gateway
from platform_api.list_addresses import AskedSource, take_in
from platform_api.night_report import EXIT_CODES
from revocation.authorities import Authorities, Authority, ListScope
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.errors import InputRefused, OutsideFailed
from revocation.exits import Exit
from revocation.ingest import IngestReport
from revocation.rounds import Patience
from revocation.snapshot.store import SnapshotStore
from tests import pki
from tests.base.test_tls import SERVER
from tests.pki import T0, entry
from tests.revocation.list_server import ListServer, list_server
from tests.revocation.nights import Hours

DAY = timedelta(days=1)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LISTS_OF_ONE_CA = 4
DOWN = OutsideFailed("JLIS_STATUS", expected="status 200", got="status 503", remedy="ask again")
REFUSED = GatewayRefused("JLIS_REFUSED", expected="acceptance", got="status 404", remedy="correct it")


class ListsOnly:
    """A J-LIS that tells where the lists lie; it answers for a CA, or raises what the port allows."""

    def __init__(self, authorities: Sequence[Authority]) -> None:
        self.authority = {one.ca_id: one for one in authorities}
        self.failing: dict[str, InputRefused | OutsideFailed] = {}

    async def authorities(self) -> Sequence[AuthorityOffer]:
        raise DOWN

    async def partitions(self, ca_id: str) -> Sequence[PartitionOffer]:
        if ca_id in self.failing:
            raise self.failing[ca_id]
        authority = self.authority[ca_id]
        scopes = authority.expected_lists()
        return [
            PartitionOffer(
                partition.number,
                f"{partition.number:06}",
                partition.distribution_point,
                partition.label,
                tuple(
                    ListOffer(s.signing_key, path(s))
                    for s in scopes
                    if s.partition_number == partition.number
                ),
            )
            for partition in authority.partitions
        ]

    async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
        raise REFUSED

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        raise REFUSED


def path(scope: ListScope) -> str:
    return f"/{scope.lineage.ca_id}/{scope.signing_key[:16]}/{scope.partition_number}.crl"


class TwoCas:
    """Cards and phones: two CAs, their lists on a real server, a store, and nights on them."""

    def __init__(self, folder: Path, server: ListServer) -> None:
        self.server = server
        self.cas = {
            "card-sign": pki.make_ca(),
            "mobile-sign": pki.make_ca((("O", "JPKI-TEST"), ("OU", "phones")), first_key=2),
        }
        self.authorities = Authorities([ca.authority(ca_id) for ca_id, ca in self.cas.items()])
        self.jlis = ListsOnly(tuple(self.authorities))
        self.store = SnapshotStore(folder / "snapshots", publisher_key=KEY)
        self.archive = ListArchive(folder / "archive")
        self.clock = FixedClock(T0)
        #: Patience and timer of the nights.
        self.settings: dict[str, Any] = {}
        #: Of the line to J-LIS.
        self.tls: ssl.SSLContext | None = None

    def play(self, day: int) -> None:
        at = T0 + day * DAY
        for scope in self.authorities.expected_lists():
            self.server.lists[path(scope)] = pki.crl_for(
                self.cas[scope.lineage.ca_id], scope, [entry(7, reason=3)],
                number=day + 1, this_update=at, next_update=at + 3 * DAY,
            )  # fmt: skip
        self.clock.set(at + timedelta(hours=1))

    async def night(self) -> IngestReport:
        source = AskedSource(self.authorities, self.jlis, self.server.base, **self.settings, tls=self.tls)
        return await take_in(
            self.authorities, source, self.store, self.clock,
            archive=self.archive, progress=lambda *_: None, **self.settings,
        )  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TwoCas]:
    async with list_server() as server:
        made = await asyncio.to_thread(TwoCas, tmp_path, server)
        await asyncio.to_thread(made.play, 0)
        first = await made.night()
        assert (first.set_seq, first.lists_accepted, first.refusals) == (1, 2 * LISTS_OF_ONE_CA, ())
        yield made


@pytest.mark.parametrize("why", [DOWN, REFUSED], ids=lambda why: why.code)
async def test_a_ca_that_cannot_be_asked_stops_only_itself(
    world: TwoCas, why: InputRefused | OutsideFailed
) -> None:
    """One CA's list of lists is down or refused: the other CA publishes, all lists of the first are carried
    over, and the report names the CA once with the code; healed, the night publishes the rest.
    """
    await asyncio.to_thread(world.play, 1)
    world.jlis.failing = {"card-sign": why}
    report = await world.night()
    assert EXIT_CODES[report.outcome] is Exit.PARTIAL
    assert report.set_seq == 2
    assert report.refusals == (("card-sign", why.code),)
    assert (report.lists_accepted, report.lists_carried) == (LISTS_OF_ONE_CA, LISTS_OF_ONE_CA)

    world.jlis.failing = {}
    healed = await world.night()
    assert (EXIT_CODES[healed.outcome], healed.lists_carried, healed.refusals) == (Exit.DONE, 0, ())


async def test_a_refused_list_of_the_other_ca_is_named_beside(world: TwoCas) -> None:
    """A CA without addresses hides no refusal of another CA's list."""
    await asyncio.to_thread(world.play, 1)
    world.jlis.failing = {"mobile-sign": DOWN}
    scope = world.authorities.expected_lists()[0]
    world.server.lists[path(scope)] = b"garbage"
    report = await world.night()
    assert EXIT_CODES[report.outcome] is Exit.PARTIAL
    assert [name for name, _ in report.refusals] == [str(scope), "mobile-sign"]


@pytest.mark.parametrize(
    ("failing", "exit_code"),
    [
        ({"card-sign": DOWN}, Exit.UPSTREAM_DOWN),
        ({"card-sign": REFUSED}, Exit.REFUSED),
        ({"card-sign": DOWN, "mobile-sign": DOWN}, Exit.UPSTREAM_DOWN),
        ({"card-sign": REFUSED, "mobile-sign": DOWN}, Exit.REFUSED),
    ],
)
async def test_nothing_new_and_somebody_missing(
    world: TwoCas, failing: dict[str, InputRefused | OutsideFailed], exit_code: Exit
) -> None:
    """No new list came and a CA could not be asked: no set, everything of it carried over; REFUSED where
    J-LIS said no, UPSTREAM_DOWN where nobody answered.
    """
    world.jlis.failing = failing
    report = await world.night()
    assert EXIT_CODES[report.outcome] is exit_code
    assert report.set_seq is None
    assert report.refusals == tuple(sorted((ca_id, why.code) for ca_id, why in failing.items()))
    assert (report.lists_carried, report.lists_absent) == (LISTS_OF_ONE_CA * len(failing), 0)


async def test_addresses_that_were_not_to_be_had_are_asked_for_again(world: TwoCas) -> None:
    """J-LIS tells nothing of one CA at the start, and does half a minute later: one complete set."""
    await asyncio.to_thread(world.play, 1)
    world.jlis.failing = {"card-sign": DOWN}
    timer = Hours({1: world.jlis.failing.clear})
    world.settings = {"patience": Patience(wait_s=60, poll_s=30), "timer": timer}
    report = await world.night()
    assert (report.set_seq, report.rounds, report.refusals) == (2, 2, ())
    assert EXIT_CODES[report.outcome] is Exit.DONE


async def test_an_address_that_was_had_is_kept_while_j_lis_is_down(world: TwoCas) -> None:
    """Only the list was missing at first; then J-LIS answers nothing any more, but the list is there."""
    await asyncio.to_thread(world.play, 1)
    scope = world.authorities.expected_lists()[0]
    late = world.server.lists.pop(path(scope))

    def arrives() -> None:
        world.jlis.failing = {"card-sign": DOWN}
        world.server.lists[path(scope)] = late

    world.settings = {"patience": Patience(wait_s=60, poll_s=30), "timer": Hours({1: arrives})}
    report = await world.night()
    assert (report.set_seq, report.rounds, report.refusals) == (2, 2, ())


@pytest.mark.parametrize(
    ("patience", "passed", "expected"),
    [
        (Patience(), 5.0, 1800.0),
        (Patience(wait_s=600), 0.0, 600.0),
        (Patience(wait_s=600), 590.0, 30.0),
        (Patience(wait_s=600, late_s=900), 700.0, 800.0),
        (Patience(wait_s=6000), 0.0, 1800.0),
    ],
)
async def test_a_round_of_fetching_ends_with_the_wait(
    world: TwoCas, patience: Patience, passed: float, expected: float
) -> None:
    """A list that trickles in holds the others up until the deadline, and one poll at least is given."""
    timer = Hours()
    source = AskedSource(world.authorities, world.jlis, world.server.base, patience=patience, timer=timer)
    timer.at += passed
    assert source.deadline_s == expected


async def test_lists_come_over_the_line_of_the_gateway(tmp_path: Path) -> None:
    """Behind the private CA of J-LIS's line the lists are had with the gateway's TLS, and not without it."""
    certificate, key = await asyncio.to_thread(SERVER.write, tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await asyncio.to_thread(context.load_cert_chain, certificate, key)
    settings = JlisFields(jlis_url="https://127.0.0.1", jlis_ca=certificate)
    async with list_server(context) as server:
        made = await asyncio.to_thread(TwoCas, tmp_path, server)
        await asyncio.to_thread(made.play, 0)
        assert (await made.night()).set_seq is None
        async with open_gateway(settings, made.clock) as gateway:
            made.tls = gateway.tls
        report = await made.night()
        assert (report.set_seq, report.refused) == (1, ())
