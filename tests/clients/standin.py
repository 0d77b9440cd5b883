"""A responder of the ordinary route alone: ``python -m tests.clients.standin FOLDER KIND TRUST``.

Prints its port. It answers for one CA of ``certificates.write_folder``, by one signer.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from platform_api.config import Settings
from platform_api.keys import AUTHORITIES, CLOCK, RESPONDERS, SETTINGS, STORE
from platform_api.ocsp.handlers import add_routes
from platform_api.snapshots import CurrentSnapshot
from revocation.authorities import Authorities, Partition
from revocation.authority_certificates import authority_from_certificates
from revocation.clock import SystemClock
from revocation.ocsp.responder import Responder, TrustMode
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from tests import pki
from tests.clients.cases import Kind, Status, Trust
from tests.clients.certificates import (
    NEXT_UPDATE,
    REVOKED_AT,
    SERIAL_CEILING,
    THIS_UPDATE,
    Folder,
    serial_of,
)
from tests.revocation import sets


async def serve(folder: Folder, trust: Trust) -> None:
    authority = authority_from_certificates(
        "client-test",
        [folder.certificate(folder.ca)],
        partitions=[Partition(1, pki.point(1), "all")],
        serial_ceiling=SERIAL_CEILING,
    )
    authorities = Authorities([authority])
    listing = {
        serial_of(status, each): (reason, REVOKED_AT)
        for status, reason in ((Status.REVOKED, 1), (Status.HOLD, 6))
        for each in Trust
    }
    accepted = sets.accepted(listing, this_update=THIS_UPDATE, lives=NEXT_UPDATE - THIS_UPDATE)
    published = sets.store(folder.path / f"sets-{trust}").publish(
        dict.fromkeys(authority.expected_lists(), accepted), authorities, now=THIS_UPDATE
    )
    current = CurrentSnapshot()
    current.adopt(published)
    certificate = folder.certificate(folder.signer(trust))
    key = load_pem_private_key(folder.signer_key(trust).read_bytes(), None)
    signer = (
        LocallyTrustedSigner(certificate, key)
        if trust is Trust.LOCAL
        else DelegatedSigners({authority.generations[0].key_id: (certificate, key)})
    )
    app = web.Application()
    app[SETTINGS] = Settings()
    app[CLOCK] = SystemClock()
    app[STORE] = current
    app[AUTHORITIES] = authorities
    app[RESPONDERS] = {TrustMode.LOCAL: Responder(authorities, {TrustMode.LOCAL: signer}, SystemClock())}
    add_routes(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Folder(Kind(sys.argv[2]), Path(sys.argv[1])), Trust(sys.argv[3])))
