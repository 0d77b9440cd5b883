"""Bindings of API keys in the database: whose they are, who sees them, and what the operator may not do."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from platform_api.db.transactions import set_tenant, tenant
from platform_api.faults import SetupRefused
from platform_api.institutions import store
from platform_api.institutions.administration import revoke_api_key
from platform_api.institutions.bindings import (
    bind_certificate,
    bind_network,
    bindings_of,
    network_of,
    unbind,
)
from tests import pki
from tests.base.postgres import MADE_AT, TestDatabase, TestInstitution

NOW = pki.T0
NAME = pki.x509_name(("CN", "client"))


def client_certificate(
    number: int, *uses: x509.ObjectIdentifier, ends_in: timedelta = timedelta(days=30)
) -> x509.Certificate:
    private = pki.key("p256", 300 + number)
    builder = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(private.public_key())
        .serial_number(number + 1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + ends_in)
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(private, SHA256())


async def test_whoever_names_it_sees_that_binding_its_key_and_institution_alone(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """A certificate's hash, or an address, opens one binding, its key and that key's institution: reading
    only, and only while the binding lives. Nothing named: nothing seen. A network is no address.
    """
    certificate = client_certificate(1)
    async with database.owner() as owner:
        first, _ = await bind_certificate(
            owner, key_id=institution.principal.key_id, certificate=certificate, now=NOW
        )
        second, _ = await bind_network(
            owner, key_id=other_institution.principal.key_id, network="192.0.2.0/24", now=NOW
        )
    fingerprint = certificate.fingerprint(SHA256()).hex()
    cases = [
        ("app.certificate_sha256", fingerprint, {institution.institution_id}),
        ("app.certificate_sha256", "00" * 32, set()),
        ("app.peer", "192.0.2.9", {other_institution.institution_id}),
        ("app.peer", "192.0.3.9", set()),
        ("app.peer", "192.0.0.0/8", set()),
        ("app.peer", "0.0.0.0/0", set()),
        ("app.peer", "", set()),
    ]
    for name, value, expected in cases:
        async with database.app_pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config($1, $2, true)", name, value)
            for table in ("api_key_binding", "api_key", "institution"):
                rows = await connection.fetch(f"SELECT institution_id FROM {table}")
                assert {row["institution_id"] for row in rows} == expected, (name, value, table)
            for table in ("service", "registration", "event", "consent"):
                assert await connection.fetch(f"SELECT 1 FROM {table}") == []
            for table in ("api_key_binding", "api_key"):
                assert await connection.execute(f"UPDATE {table} SET revoked_at = now()") == "UPDATE 0"
    async with database.owner() as owner:
        assert await unbind(owner, binding_id=first.binding_id, now=NOW)
        assert await unbind(owner, binding_id=second.binding_id, now=NOW)
    sha256 = bytes.fromhex(fingerprint)
    assert await store.find_key_of_certificate(database.app_pool, sha256) is None
    assert await store.find_key_of_address(database.app_pool, ipaddress.ip_address("192.0.2.9")) is None
    async with database.app_pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.certificate_sha256', $1, true)", fingerprint)
        assert await connection.fetch("SELECT 1 FROM institution") == []


async def test_the_serving_role_makes_no_binding(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """jpki_app may end its tenant's bindings (with their key) and neither make, change nor delete one."""
    async with database.owner() as owner:
        made, _ = await bind_network(
            owner, key_id=institution.principal.key_id, network="192.0.2.0/24", now=NOW
        )
    for statement in (
        "INSERT INTO api_key_binding (binding_id, key_id, institution_id, kind, network, created_at)"
        f" SELECT '{uuid4()}', key_id, institution_id, 'network', '198.51.100.0/24', created_at FROM api_key",
        "UPDATE api_key_binding SET network = '198.51.100.0/24'",
        "DELETE FROM api_key_binding",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with tenant(database.app_pool, institution.institution_id) as connection:
                await connection.execute(statement)
    async with tenant(database.app_pool, other_institution.institution_id) as connection:
        assert await connection.execute("UPDATE api_key_binding SET revoked_at = now()") == "UPDATE 0"
    async with tenant(database.app_pool, institution.institution_id) as connection:
        assert await store.revoke_key(connection, institution.principal.key_id, now=NOW)
    async with database.owner() as owner:
        (ended,) = await bindings_of(owner, institution.institution_id)
    assert (ended.binding_id, ended.revoked_at) == (made.binding_id, NOW)


async def test_a_binding_is_of_its_own_institution_s_key(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """A row that names one institution and another's key cannot be written, not even by the owner."""
    async with database.owner() as owner, owner.transaction():
        await set_tenant(owner, institution.institution_id)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await owner.execute(
                "INSERT INTO api_key_binding"
                " (binding_id, key_id, institution_id, kind, network, created_at)"
                " VALUES ($1, $2, $3, 'network', '192.0.2.0/24', $4)",
                uuid4(),
                other_institution.principal.key_id,
                institution.institution_id,
                NOW,
            )


async def test_one_address_and_one_certificate_are_one_key_s(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Equal, wider and narrower networks are refused, of whosever key; the same again is no second one."""
    mine, theirs = institution.principal.key_id, other_institution.principal.key_id
    certificate = client_certificate(2, ExtendedKeyUsageOID.CLIENT_AUTH)
    async with database.owner() as owner:
        made, is_new = await bind_network(owner, key_id=mine, network="10.1.0.0/16", now=NOW)
        again, is_new_again = await bind_network(owner, key_id=mine, network="10.1.0.0/16", now=NOW)
        assert (is_new, is_new_again, again) == (True, False, made)
        for key_id, network in ((theirs, "10.1.0.0/16"), (theirs, "10.0.0.0/8"), (mine, "10.1.2.3")):
            with pytest.raises(SetupRefused, match=r"BINDING_REFUSED.*overlaps"):
                await bind_network(owner, key_id=key_id, network=network, now=NOW)
        await bind_network(owner, key_id=theirs, network="10.2.0.0/16", now=NOW)
        pinned, is_new = await bind_certificate(owner, key_id=mine, certificate=certificate, now=NOW)
        assert is_new
        assert await bind_certificate(owner, key_id=mine, certificate=certificate, now=NOW) == (pinned, False)
        with pytest.raises(SetupRefused, match=r"BINDING_REFUSED.*bound to no key"):
            await bind_certificate(owner, key_id=theirs, certificate=certificate, now=NOW)


async def test_two_operators_at_once_make_one_binding(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """The database decides, not a look before: of two overlapping networks at once one is refused."""

    async def bind(key: TestInstitution, network: str) -> bool:
        async with database.owner() as owner:
            try:
                await bind_network(owner, key_id=key.principal.key_id, network=network, now=NOW)
            except SetupRefused:
                return False
        return True

    for number in range(5):
        pair = (bind(institution, f"10.{number}.0.0/16"), bind(other_institution, f"10.{number}.7.0/24"))
        assert sum(await asyncio.gather(*pair)) == 1


async def test_only_living_keys_and_fit_certificates_are_bound(
    database: TestDatabase, institution: TestInstitution
) -> None:
    """No id of a key, a revoked key, an expired certificate, one for servers: refused with a remedy."""
    key_id = institution.principal.key_id
    async with database.owner() as owner:
        for bad, said in (
            (client_certificate(3, ends_in=timedelta(hours=-1)), "expired"),
            (client_certificate(4, ExtendedKeyUsageOID.SERVER_AUTH), "clientAuth"),
        ):
            with pytest.raises(SetupRefused, match=said):
                await bind_certificate(owner, key_id=key_id, certificate=bad, now=NOW)
        with pytest.raises(SetupRefused, match="id of an API key"):
            await bind_network(owner, key_id=uuid4(), network="10.0.0.0/8", now=NOW)
        assert await revoke_api_key(
            owner, institution_id=institution.institution_id, key_id=key_id, now=MADE_AT
        )
        with pytest.raises(SetupRefused, match="living API key"):
            await bind_network(owner, key_id=key_id, network="10.0.0.0/8", now=NOW)
        assert await bindings_of(owner, institution.institution_id) == []
        assert not await unbind(owner, binding_id=uuid4(), now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/7",
        "2001::/31",
        "10.1.2.3/16",
        "10.1.0.0/16/8",
        "10.01.0.0/16",
        "fe80::/64",
        "224.0.0.0/8",
        "0.0.0.0",  # noqa: S104
        "::ffff:0.0.0.0/96",
        "example.com",
        "2001:db8::1%eth0",
    ],
)
def test_networks_that_mean_nobody_are_refused(text: str) -> None:
    """Everybody, far too many, host bits set, one link only, many hosts at once, names."""
    with pytest.raises(SetupRefused, match="BINDING_REFUSED"):
        network_of(text)


@given(st.ip_addresses(v=4), st.integers(8, 32))
def test_a_mapped_network_is_the_ipv4_one(address: ipaddress.IPv4Address, prefix: int) -> None:
    """RFC 4291 section 2.5.5.2: ::ffff:a.b.c.d/(96 + n) holds exactly the addresses of a.b.c.d/n."""
    plain = ipaddress.ip_network((address, prefix), strict=False)
    if plain.is_multicast or plain.is_link_local or plain.is_unspecified:
        return
    assert network_of(str(plain)) == plain
    assert network_of(f"::ffff:{plain.network_address}/{96 + prefix}") == plain
