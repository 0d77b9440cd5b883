"""The authorities that we accept, before the first night.

In the sandbox they are taken from it, once. In live mode nothing is ever taken from the network on
trust: operators add each CA from certificates that they compared (``jpki authority add``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from cryptography import x509

from platform_api.authority_input import authorities_missing
from platform_api.authority_rules import require_mode
from platform_api.config import Settings
from platform_api.jlis.gateway import AuthorityOffer, Gateway, PartitionOffer
from revocation.authorities import Authorities, Authority, CrlSigning
from revocation.authority_file import authority_from_certificates, partitions_from_points
from revocation.errors import RevocationError

#: The sandbox's counter stays far below; a real operator sets the ceiling with the authority.
SANDBOX_SERIAL_CEILING: Final = 0x0FFF_FFFF


async def prepare(settings: Settings, gateway: Gateway) -> None:
    """Make what is missing; what exists is never changed.

    Raises ``SetupRefused`` in live mode without ``authorities.json``, ``InputRefused`` with a test CA in it.
    """
    if await asyncio.to_thread(settings.authorities_file.is_file):
        require_mode(settings.mode, await asyncio.to_thread(Authorities.load, settings.authorities_file))
    else:
        if settings.mode == "live":
            raise authorities_missing(settings)
        await _authorities_of_sandbox(settings, gateway)


def refuse_test_authorities(settings: Settings) -> None:
    """A live service does not start upon a test CA. A file that cannot be read is the follower's affair."""
    try:
        loaded = Authorities.load(settings.authorities_file)
    except RevocationError:
        return
    require_mode(settings.mode, loaded)


async def _authorities_of_sandbox(settings: Settings, gateway: Gateway) -> None:
    found: list[Authority] = []
    for offer in await gateway.authorities():
        found.append(_authority(offer, await gateway.partitions(offer.ca_id)))
    await asyncio.to_thread(Authorities(found).dump, settings.authorities_file)


def _authority(offer: AuthorityOffer, partitions: Sequence[PartitionOffer]) -> Authority:
    return authority_from_certificates(
        offer.ca_id,
        [x509.load_pem_x509_certificate(pem.encode()) for pem in offer.certificates],
        kinds=offer.kinds,
        crl_signing=CrlSigning(offer.crl_signing),
        hold_releasable=offer.hold_releasable,
        partitions=partitions_from_points([(p.distribution_point, p.label) for p in partitions]),
        serial_ceiling=offer.serial_ceiling or SANDBOX_SERIAL_CEILING,
    )
