"""Other ways to present an API key: a pinned client certificate, a listed network. The operator's acts.

The key stays the credential: its scopes, purpose, entitlement and limits hold for whatever is bound to it,
and with it every binding ends. Runs as the owner of the tables (see ``administration``).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID, uuid4

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

from platform_api.db.transactions import set_tenant
from platform_api.faults import SetupRefused
from platform_api.institutions import binding_store as store

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Shorter prefixes are not one institution's.
_SHORTEST: Final = {4: 8, 6: 32}
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to present a key besides the key itself; exactly one of certificate and network."""

    binding_id: UUID
    key_id: UUID
    institution_id: UUID
    certificate_sha256: bytes | None
    network: Network | None
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def kind(self) -> str:
        return "network" if self.certificate_sha256 is None else "certificate"


async def bind_certificate(
    owner: Connection, *, key_id: UUID, certificate: x509.Certificate, now: datetime
) -> tuple[Binding, bool]:
    """Pin a client certificate to a key, and whether that is new.

    In a handshake it must also be within its dates and chain to ``tls_client_ca``.
    """
    if now > certificate.not_valid_after_utc:
        raise _refused("a certificate that is still valid", "an expired one")
    if not _for_clients(certificate):
        raise _refused("a certificate for TLS clients (id-kp-clientAuth)", "one for other uses")
    fingerprint = certificate.fingerprint(SHA256())
    return await _bind(owner, key_id, certificate_sha256=fingerprint, network=None, now=now)


async def bind_network(
    owner: Connection, *, key_id: UUID, network: str, now: datetime
) -> tuple[Binding, bool]:
    """List a network, like 10.1.0.0/16, 192.0.2.7 or 2001:db8:5::/48, for a key; and whether that is new."""
    return await _bind(owner, key_id, certificate_sha256=None, network=network_of(network), now=now)


async def unbind(owner: Connection, *, binding_id: UUID, now: datetime) -> bool:
    """End a binding; False when there is no such living one."""
    async with owner.transaction():
        institution_id = await store.institution_of_binding(owner, binding_id)
        if institution_id is None:
            return False
        await set_tenant(owner, institution_id)
        return await store.revoke_binding(owner, binding_id, now=now)


async def bindings_of(owner: Connection, institution_id: UUID) -> list[Binding]:
    """All bindings of an institution, ended ones too, the oldest first."""
    return [Binding(**dict(row)) for row in await store.bindings(owner, institution_id)]


def network_of(text: str) -> Network:
    """The network of this text; an IPv4 one also where it is written as an IPv6 one (RFC 4291 2.5.5.2)."""
    try:
        if "%" in text:  # a zone: of one link only, and another host's elsewhere (RFC 4007)
            raise ValueError
        network: Network = ipaddress.ip_network(text.strip(), strict=True)
    except ValueError:
        raise _refused("a network like 10.1.0.0/16 or 2001:db8:5::/48, host bits zero", "another") from None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        network = ipaddress.IPv4Network((int(mapped or 0), network.prefixlen - _MAPPED.prefixlen))
    if network.prefixlen < _SHORTEST[network.version]:
        raise _refused(f"a prefix of {_SHORTEST[network.version]} bits or more", "a shorter one")
    if network.is_link_local or network.is_multicast or network.is_unspecified:
        raise _refused("addresses that connections come from and that mean one host", "others")
    return network


def _for_clients(certificate: x509.Certificate) -> bool:
    """RFC 5280 section 4.2.1.12: without the extension it is for everything."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except (ValueError, x509.DuplicateExtension):
        return False  # no TLS library takes it either
    return ExtendedKeyUsageOID.CLIENT_AUTH in uses or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses


async def _bind(
    owner: Connection,
    key_id: UUID,
    *,
    certificate_sha256: bytes | None,
    network: Network | None,
    now: datetime,
) -> tuple[Binding, bool]:
    async with owner.transaction():
        institution_id = await store.institution_of_key(owner, key_id)
        if institution_id is None:
            raise _refused("the id of an API key", "another")
        await set_tenant(owner, institution_id)
        if not await store.holds_key(owner, key_id):
            raise _refused("a living API key", "a revoked one")
        of = (key_id, certificate_sha256, network)
        if (same := await store.living_binding(owner, *of)) is not None:
            return Binding(**dict(same)), False
        binding = Binding(uuid4(), key_id, institution_id, certificate_sha256, network, now)
        try:
            await store.insert_binding(owner, binding)
        except asyncpg.UniqueViolationError:
            raise _refused("a certificate that is bound to no key", "a bound one") from None
        except (asyncpg.ExclusionViolationError, asyncpg.DeadlockDetectedError):
            # The latter: two overlapping ones at once, each waiting for the other.
            raise _refused("a network apart from every listed one", "one that overlaps") from None
    return binding, True


def _refused(expected: str, got: str) -> SetupRefused:
    return SetupRefused(
        "BINDING_REFUSED",
        expected=expected,
        got=got,
        remedy="see jpki institution keys, correct the command, or end the other binding first",
    )
