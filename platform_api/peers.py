"""Who is at the other end of a connection, by the connection itself: its address, its client certificate.

Both are facts of the socket and of the TLS handshake. What a header says about either (``X-Forwarded-For``,
``Forwarded``, ``X-Client-Cert`` ...) is the sender's word and is looked at nowhere (T49).
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import ssl
from datetime import UTC, datetime
from typing import Any, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def connected_address(transport: asyncio.BaseTransport | None) -> str | None:
    """The address as text, without the port; None where there is none (a local socket, a lost connection)."""
    peer: Any = None if transport is None else transport.get_extra_info("peername")
    return peer[0] if isinstance(peer, tuple) and peer and isinstance(peer[0], str) else None


def address_of(peer: str) -> Address | None:
    """The address, an IPv4 one also where an IPv6 socket shows it mapped (RFC 4291 section 2.5.5.2).

    None for anything else: a path of a local socket, and an address with a zone, which is of one link only.
    """
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id is not None else address.ipv4_mapped or address
    return address


def certificate_sha256(transport: asyncio.BaseTransport | None, now: datetime) -> bytes | None:
    """SHA-256 of the client certificate that the handshake verified; None where there was none.

    None as well from the moment on when it is not valid any more: a connection may outlive its certificate.
    """
    session: Any = None if transport is None else transport.get_extra_info("ssl_object")
    if session is None:
        return None
    der = session.getpeercert(binary_form=True)
    fields = session.getpeercert()
    # Without verification (``CERT_NONE``) there may be octets and no fields: nobody vouches for those.
    if not der or not fields:
        return None
    begins, ends = (_moment(fields[name]) for name in ("notBefore", "notAfter"))
    return hashlib.sha256(der).digest() if begins <= now <= ends else None


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
