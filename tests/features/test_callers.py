"""Who asks OCSP: keys, pinned certificates, listed networks; how long a credential outlives its end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from platform_api.faults import SetupRefused
from platform_api.institutions import remembered
from platform_api.institutions.api_keys import ApiKey
from platform_api.institutions.caller import Caller
from platform_api.institutions.callers import Callers
from platform_api.institutions.model import Entitlement, Mode, OcspPurpose, Scope
from platform_api.peers import address_of
from tests import pki
from tests.base.postgres import TestInstitution, make_institution
from tests.features.calling import GRACE, TTL, Asking, asking
from tests.features.world import World

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def live(world: World) -> AsyncIterator[Asking]:
    """A live server that takes networks."""
    async with asking(world, networks=True) as made:
        yield made


@pytest.fixture
async def bank(world: World) -> TestInstitution:
    return await make_institution(world.database, name="Live Bank", mode=Mode.LIVE)


async def test_a_key_is_known_after_it_was_identified(live: Asking, bank: TestInstitution) -> None:
    """``known`` knows nothing by itself; after ``identify`` it gives the same caller without any I/O."""
    assert live.known(bank) is None
    caller = await live.caller(bank)
    assert live.known(bank) is caller
    assert caller.principal == bank.principal
    assert (caller.ocsp_purpose, caller.ocsp_rate_per_s, caller.ocsp_burst) == (
        "current_status_check",
        2000,
        4000,
    )


async def test_only_a_whole_living_key_is_anybody(live: Asking, bank: TestInstitution) -> None:
    """No header, another scheme, a cut, mistyped, unknown key, a key of the other kind of server: nobody."""
    of_test = await make_institution(live.database, mode=Mode.TEST)
    key = bank.api_key
    texts = [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {key}",
        key,
        f"Bearer {key[:-1]}",
        f"Bearer {key}x",
        f"Bearer {key[:-8]}{'0' if key[-8] != '0' else '1'}{key[-7:]}",
        f"Bearer {ApiKey.generate(Mode.LIVE).text}",
        f"Bearer {of_test.api_key}",
        f"Bearer {key}, Bearer {key}",
        "Bearer \udcff\u3042",
    ]
    for text in texts:
        assert await live.callers.identify(text) is None
        if text is not None:
            assert live.callers.known(text.encode("utf-8", "surrogateescape")) is None
    for spelling in (f"bearer {key}", f"BEARER {key}", f"Bearer  {key}", f"Bearer {key} "):
        assert isinstance(await live.callers.identify(spelling), Caller)


async def test_odd_spellings_take_no_room(live: Asking, bank: TestInstitution) -> None:
    """One key in a thousand spellings is one memory, so that nobody pushes others out with a good key."""
    for blanks in range(1000):
        assert await live.callers.identify(f"Bearer {' ' * blanks}{bank.api_key}")
    assert len(live.callers._spelled) == 1
    assert len(live.callers._callers._kept) == 1


@pytest.mark.parametrize("mode", ["live", "test"])
async def test_a_server_takes_keys_of_its_kind_only(world: World, mode: str) -> None:
    """``jpk_test_`` on a sandbox, ``jpk_live_`` on a live server, and bindings of the other kind nowhere."""
    other = Mode.TEST if mode == "live" else Mode.LIVE
    mine = await make_institution(world.database, mode=Mode(mode))
    theirs = await make_institution(world.database, mode=other)
    async with asking(world, mode=mode, networks=True) as server:
        await server.bind_network(theirs, "192.0.2.0/24")
        assert isinstance(await server.by_key(mine), Caller)
        assert await server.by_key(theirs) is None
        assert await server.callers.identify(None, None, "192.0.2.1") is None


async def test_a_revoked_key_ends_within_its_time(live: Asking, bank: TestInstitution) -> None:
    """Not at once, which would be a query in each request, and not a moment after ``caller_ttl_s``."""
    await live.caller(bank)
    await live.end_key(bank)
    live.now.at += TTL / 2 - 0.01
    assert live.known(bank) is not None
    live.now.at += TTL / 2 + 0.01
    assert live.known(bank) is None
    assert await live.by_key(bank) is None


async def test_a_key_in_use_is_confirmed_beside_the_requests(live: Asking, bank: TestInstitution) -> None:
    """From half its time on one look-up runs while requests go on; what it finds holds at once."""
    caller = await live.caller(bank)
    for _ in range(5):
        live.now.at += TTL / 2
        assert live.known(bank) is caller
        await live.settled()
    await live.end_key(bank)
    live.now.at += TTL / 2
    assert live.known(bank) is caller
    await live.settled()
    assert live.known(bank) is None


async def test_contract_and_expiry_end_a_caller_by_the_time_of_day(
    live: Asking, bank: TestInstitution
) -> None:
    """A contract that ends in 2 seconds is not stretched by the memory; one that is over lets nobody in."""
    await live.contract_until(bank, 2.0)
    assert isinstance(await live.by_key(bank), Caller)
    live.now.at += 1.9
    assert live.known(bank) is not None
    live.now.at += 0.1
    assert live.known(bank) is None
    live.world.clock.advance(timedelta(seconds=2))
    assert await live.by_key(bank) is None
    ends = live.world.clock.now() + timedelta(seconds=1)
    other = await make_institution(live.database, mode=Mode.LIVE)
    expiring = await live.another_key(other, expires_at=ends)
    assert (await live.caller(expiring)).ends_at == ends
    live.now.at += 1
    live.world.clock.advance(timedelta(seconds=1))
    assert live.known(expiring) is None
    assert await live.by_key(expiring) is None


async def test_each_key_has_its_own_purpose_and_limits(live: Asking, bank: TestInstitution) -> None:
    """A key with a rate and no burst spends one second's at once; keys of one institution share its slot."""
    signing = await live.another_key(
        bank, ocsp_purpose=OcspPurpose.SIGNATURE_VERIFICATION, ocsp_rate_per_s=50
    )
    bursting = await live.another_key(bank, ocsp_burst=7)
    first, second, third = [await live.caller(one) for one in (bank, signing, bursting)]
    assert (second.ocsp_purpose, second.ocsp_rate_per_s, second.ocsp_burst) == (
        "signature_verification",
        50,
        50,
    )
    assert (third.ocsp_rate_per_s, third.ocsp_burst) == (2000, 7)
    assert {first.slot, second.slot, third.slot} == {0}
    assert [first.key_slot, second.key_slot, third.key_slot] == [0, 1, 2]
    other = await live.caller(await make_institution(live.database, mode=Mode.LIVE))
    assert (other.slot, other.key_slot) == (1, 3)


@pytest.mark.parametrize("limit", [0, -1, 10_000_001])
async def test_limits_that_make_no_sense_are_refused(live: Asking, bank: TestInstitution, limit: int) -> None:
    """Rate and burst are 1 to ten million."""
    for name in ("ocsp_rate_per_s", "ocsp_burst"):
        with pytest.raises(SetupRefused, match="INSTITUTION_REFUSED"):
            await live.another_key(bank, **{name: limit})


MAY_ASK: list[tuple[dict[str, Any], OcspPurpose, bool]] = [
    ({}, OcspPurpose.CURRENT_STATUS_CHECK, True),
    ({}, OcspPurpose.SIGNATURE_VERIFICATION, True),
    ({"purposes": frozenset({"signature_verification"})}, OcspPurpose.CURRENT_STATUS_CHECK, False),
    ({"purposes": frozenset({"signature_verification"})}, OcspPurpose.SIGNATURE_VERIFICATION, True),
    ({"scopes": frozenset({Scope.STATUS_CHECK.value})}, OcspPurpose.CURRENT_STATUS_CHECK, True),
    ({"scopes": frozenset({Scope.STATUS_CHECK.value})}, OcspPurpose.SIGNATURE_VERIFICATION, False),
    ({"scopes": frozenset({Scope.SIGNATURES_VERIFY.value})}, OcspPurpose.SIGNATURE_VERIFICATION, True),
    ({"entitlement": Entitlement.PRESENTED}, OcspPurpose.CURRENT_STATUS_CHECK, False),
    ({"entitlement": Entitlement.REGISTERED}, OcspPurpose.CURRENT_STATUS_CHECK, True),
    ({"kinds": frozenset({"card-sign"})}, OcspPurpose.CURRENT_STATUS_CHECK, False),
]


@pytest.mark.parametrize(("bent", "purpose", "allowed"), MAY_ASK)
async def test_scope_purpose_entitlement_and_every_kind(
    live: Asking, bent: dict[str, Any], purpose: OcspPurpose, allowed: bool
) -> None:
    """Each closes a CA by itself. Of no CA there is nothing to close but what closes OCSP as a whole."""
    institution = await make_institution(
        live.database, mode=Mode.LIVE, **{name: bent[name] for name in bent if name in ("purposes", "kinds")}
    )
    of_key = {name: bent[name] for name in bent if name in ("scopes", "entitlement")}
    caller = await live.caller(await live.another_key(institution, ocsp_purpose=purpose, **of_key))
    assert live.callers.may_ask(caller, live.world.authority) is allowed
    assert live.callers.may_ask(caller, None) is (allowed or "kinds" in bent)


async def test_an_outage_lets_the_known_go_on_and_nobody_else_in(live: Asking, bank: TestInstitution) -> None:
    """T20: known keys ask on until ``caller_grace_s``; an unknown one is neither let in nor called wrong."""
    stranger = await make_institution(live.database, mode=Mode.LIVE)
    await live.caller(bank)
    async with live.database_away():
        start = live.now.at
        while live.now.at + 2 < start + GRACE:
            live.now.at += 2
            assert live.known(bank) is not None or await live.by_key(bank), live.now.at - start
            await live.settled()
        found = await live.by_key(stranger)
        assert found is Callers.UNAVAILABLE
        assert not found
        live.now.at = start + GRACE
        assert live.known(bank) is None
        assert await live.by_key(bank) is Callers.UNAVAILABLE
    live.now.at += remembered.LEFT_ALONE_S
    assert isinstance(await live.by_key(bank), Caller)
    assert isinstance(await live.by_key(stranger), Caller)


async def test_no_key_stays_in_memory(live: Asking, bank: TestInstitution) -> None:
    """After a good and a wrong key was looked up, no object of the process holds either text in a memory."""
    wrong = ApiKey.generate(Mode.LIVE).text
    await live.caller(bank)
    assert await live.callers.identify(f"Bearer {wrong}") is None
    await live.settled()
    seen: set[int] = set()
    todo: list[Any] = [live.callers]
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes):
            text = one if isinstance(one, str) else one.decode("latin-1")
            assert bank.api_key[9:] not in text
            assert wrong[9:] not in text
        elif type(one).__module__.startswith("platform_api.institutions") or isinstance(
            one, dict | list | tuple | set
        ):
            todo += gc.get_referents(one)
    assert len(seen) > 50


async def test_a_flood_of_wrong_keys_is_no_flood_of_queries(
    live: Asking, bank: TestInstitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 well-formed wrong keys at once: two queries at a time, the surplus is told to come back at once."""
    from platform_api.institutions import store

    at_once = most = 0
    real = store.find_key

    async def counted(*given: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await real(*given)
        finally:
            at_once -= 1

    monkeypatch.setattr(store, "find_key", counted)
    await live.caller(bank)
    flood = [live.callers.identify(f"Bearer {ApiKey.generate(Mode.LIVE).text}") for _ in range(300)]
    answers = await asyncio.gather(*flood)
    assert most == 2
    assert not any(answers)
    assert answers.count(Callers.UNAVAILABLE) == 300 - 64
    assert live.known(bank) is not None


async def test_a_pinned_certificate_is_its_key(live: Asking, bank: TestInstitution) -> None:
    """The caller of the binding is the key's: same limits, same slot; ended it is nobody within the time."""
    certificate = pki.issue(pki.make_ca(kind="p256"))
    fingerprint = certificate.fingerprint(SHA256())
    assert await live.callers.identify(None, fingerprint) is None
    live.now.at += TTL
    binding = await live.bind_certificate(bank, certificate)
    assert live.callers.known_by_certificate(fingerprint) is None
    assert await live.callers.identify(None, fingerprint) == await live.caller(bank)
    assert live.callers.known_by_certificate(fingerprint) == await live.caller(bank)
    assert await live.callers.identify(None, bytes(32)) is None
    assert await live.unbind(binding)
    assert not await live.unbind(binding)
    live.now.at += TTL
    assert live.callers.known_by_certificate(fingerprint) is None
    assert await live.callers.identify(None, fingerprint) is None


async def test_a_listed_network_is_its_key(live: Asking, bank: TestInstitution) -> None:
    """IPv4 inside the network and mapped into IPv6, IPv6; not beside it, with a zone, or a local socket."""
    v4 = await live.bind_network(bank, "192.0.2.0/25")
    await live.bind_network(bank, "2001:db8:5::/48")
    caller = await live.caller(bank)
    for peer in ("192.0.2.0", "192.0.2.127", "::ffff:192.0.2.7", "2001:db8:5:ffff::1"):
        assert await live.callers.identify(None, None, peer) == caller
        address = address_of(peer)
        assert address is not None
        assert live.callers.known_by_address(address) == caller
    for peer in ("192.0.2.128", "192.0.1.255", "::ffff:192.0.2.200", "2001:db8:6::1", "::192.0.2.7"):
        assert await live.callers.identify(None, None, peer) is None
    for peer in ("", "fe80::1%eth0", "2001:db8:5::1%eth0", "/run/jpki.sock", "192.0.2.7:443", "192.0.2.07"):
        assert await live.callers.identify(None, None, peer) is None
    assert await live.unbind(v4)
    live.now.at += TTL
    assert await live.callers.identify(None, None, "192.0.2.7") is None


async def test_networks_are_off_unless_the_operator_says_so(world: World, bank: TestInstitution) -> None:
    """An address is weak proof: by default the listed network is nobody, the key stays who it is."""
    async with asking(world) as server:
        await server.bind_network(bank, "192.0.2.0/24")
        address = address_of("192.0.2.1")
        assert address is not None
        assert server.callers.known_by_address(address) is None
        assert await server.callers.identify(None, None, "192.0.2.1") is None
        assert isinstance(await server.by_key(bank), Caller)


async def test_the_strongest_credential_decides_alone(live: Asking, bank: TestInstitution) -> None:
    """A wrong key from a listed network is nobody, as is an unbound certificate; a good key needs neither."""
    certificate = pki.issue(pki.make_ca(kind="p256"))
    fingerprint = certificate.fingerprint(SHA256())
    await live.bind_network(bank, "192.0.2.0/24")
    other = await make_institution(live.database, mode=Mode.LIVE)
    await live.bind_certificate(other, certificate)
    by_key, by_certificate = await live.caller(bank), await live.caller(other)
    good = bank.headers["Authorization"]
    wrong = f"Bearer {ApiKey.generate(Mode.LIVE).text}"
    assert await live.callers.identify(wrong, fingerprint, "192.0.2.1") is None
    assert await live.callers.identify("", fingerprint, "192.0.2.1") is None
    assert await live.callers.identify(None, bytes(32), "192.0.2.1") is None
    assert await live.callers.identify(good, fingerprint, "198.51.100.1") == by_key
    assert await live.callers.identify(None, fingerprint, "192.0.2.1") == by_certificate


async def test_a_revoked_key_ends_its_bindings(live: Asking, bank: TestInstitution) -> None:
    """Everything that presented it is nobody, and free for another key."""
    certificate = pki.issue(pki.make_ca(kind="p256"))
    await live.bind_certificate(bank, certificate)
    await live.bind_network(bank, "192.0.2.0/24")
    await live.end_key(bank)
    other = await make_institution(live.database, mode=Mode.LIVE)
    assert await live.callers.identify(None, certificate.fingerprint(SHA256())) is None
    assert await live.callers.identify(None, None, "192.0.2.1") is None
    live.now.at += TTL
    await live.bind_certificate(other, certificate)
    await live.bind_network(other, "192.0.2.0/24")
    assert await live.callers.identify(None, None, "192.0.2.1") == await live.caller(other)
    with pytest.raises(SetupRefused, match=r"BINDING_REFUSED.*living API key"):
        await live.bind_network(bank, "198.51.100.0/24")


def test_addresses() -> None:
    """What an address is, in the one spelling that all looking up uses."""
    assert str(address_of("::ffff:192.0.2.1")) == "192.0.2.1"
    assert str(address_of("2001:DB8::1")) == "2001:db8::1"
    assert address_of("fe80::1%1") is None
    assert address_of("localhost") is None
