"""J-LIS's publications over HTTP: authorities, list of partitions, lists."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from aiohttp import web

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.ca import SERIAL_CEILING, CertificateAuthority
from platform_api.sandbox.dates import wire
from platform_api.sandbox.disturbing import disturbed
from platform_api.sandbox.fault_kinds import FaultKind, Target
from platform_api.sandbox.faults import Fault
from platform_api.sandbox.municipalities import BY_CODE, MUNICIPALITIES
from platform_api.sandbox.publications import NIGHTS_BEFORE, Publication, SignedList
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.requests import json_response
from platform_api.sandbox.world import World


def add_routes(app: web.Application) -> None:
    app.router.add_get("/jlis/v1/authorities", get_authorities)
    app.router.add_get("/jlis/v1/crls/{ca_id}", get_partitions)
    app.router.add_get("/jlis/v1/crls/{ca_id}/{key_id}/{municipality_code}.crl", get_list)


async def get_authorities(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]

    async def produce(_: Fault | None) -> web.Response:
        offers = [
            {
                "ca_id": authority.ca_id,
                "crl_signing": "each_generation",
                "kinds": authority.kinds,
                "certificates": [generation.pem for generation in authority.generations],
                "serial_ceiling": SERIAL_CEILING,
                "hold_releasable": authority.profile.hold_releasable,
            }
            for authority in sandbox.world.authorities.values()
        ]
        return json_response({"authorities": offers})

    return await disturbed(request, sandbox.faults.take(Target.AUTHORITIES), produce)


async def get_partitions(request: web.Request) -> web.StreamResponse:
    """The list of partitions, with where each generation's list of each partition is.

    A municipality that was merged and whose entries were taken along is on it no more.
    """
    sandbox = request.app[SANDBOX]
    authority = _authority(request)

    async def produce(_: Fault | None) -> web.Response:
        publication = sandbox.world.publication
        partitions = [
            {
                "partition": place.partition,
                "municipality_code": place.code,
                "distribution_point": base64.b64encode(authority.points[place.code]).decode("ascii"),
                "label": place.label,
                "lists": [
                    {
                        "generation": generation.key_id,
                        "url": f"/jlis/v1/crls/{authority.ca_id}/{generation.key_id[:16]}/{place.code}.crl",
                    }
                    for generation in authority.generations
                    if publication is None or (generation.key_id, place.code) in publication.lists
                ],
            }
            for place in MUNICIPALITIES
            if publication is None or (authority.generations[0].key_id, place.code) in publication.lists
        ]
        published_at = None if publication is None else wire(publication.this_update)
        return json_response(
            {"ca_id": authority.ca_id, "published_at": published_at, "partitions": partitions}
        )

    return await disturbed(request, sandbox.faults.take(Target.CRL), produce)


async def get_list(request: web.Request) -> web.StreamResponse:
    """One list, DER, with ETag and Last-Modified (RFC 9110 section 13)."""
    sandbox = request.app[SANDBOX]
    authority = _authority(request)
    prefix = request.match_info["key_id"]
    generation = next((found for found in authority.generations if found.key_id[:16] == prefix), None)
    code = request.match_info["municipality_code"]
    if generation is None or code not in BY_CODE:
        raise _no_such_list(authority)

    async def produce(fault: Fault | None) -> web.Response:
        publication = sandbox.world.publication
        if publication is None:
            raise RequestRefused(404, "NOT_PUBLISHED", "no list was published yet; play a day first")
        if fault is not None and fault.kind in (FaultKind.OLDER, FaultKind.STALE):
            publication = await sandbox.ask(_earlier, sandbox.world, fault.kind)
        signed = publication.lists.get((generation.key_id, code))
        if signed is None:
            raise _no_such_list(authority)
        if fault is not None and fault.kind is FaultKind.BAD_SIGNATURE:
            flipped = signed.der[:-1] + bytes((signed.der[-1] ^ 0x01,))
            signed = SignedList(flipped, f"bad-signature-{signed.sha256}")
        return _conditional(request, signed, publication.this_update)

    taken = sandbox.faults.take(Target.CRL, code, generation.key_id)
    return await disturbed(request, taken, produce)


def _authority(request: web.Request) -> CertificateAuthority:
    authorities = request.app[SANDBOX].world.authorities
    found = authorities.get(request.match_info["ca_id"])
    if found is None:
        raise RequestRefused(404, "NO_SUCH_CA", f"expected one of {', '.join(authorities)}")
    return found


def _no_such_list(authority: CertificateAuthority) -> RequestRefused:
    return RequestRefused(404, "NO_SUCH_LIST", f"expected a url of GET /jlis/v1/crls/{authority.ca_id}")


def _earlier(world: World, kind: FaultKind) -> Publication:
    """The publication before the last one; or the newest whose lists have expired."""
    _, last = world.begun()
    for day in (*range(last.day - 1, -1, -1), *(-night for night in reversed(NIGHTS_BEFORE))):
        found = world.publications.of_day(day)
        if kind is FaultKind.OLDER or found.next_update <= world.clock.now():
            return found
    raise RequestRefused(404, "NO_EARLIER_LIST", "expected an earlier list; play another day")


def _conditional(request: web.Request, signed: SignedList, this_update: datetime) -> web.Response:
    etag = f'"{signed.sha256}"'
    headers = {"ETag": etag, "Last-Modified": format_datetime(this_update.astimezone(UTC), usegmt=True)}
    if _unchanged(request, etag, this_update):
        return web.Response(status=304, headers=headers)
    return web.Response(body=signed.der, headers=headers, content_type="application/pkix-crl")


def _unchanged(request: web.Request, etag: str, this_update: datetime) -> bool:
    """RFC 9110 section 13.2.2: If-None-Match decides; If-Modified-Since only where it is absent."""
    matches = request.headers.get("If-None-Match")
    if matches is not None:
        candidates = [candidate.strip().removeprefix("W/") for candidate in matches.split(",")]
        return "*" in candidates or etag in candidates
    since = request.headers.get("If-Modified-Since")
    if since is None:
        return False
    try:
        return this_update <= parsedate_to_datetime(since).astimezone(UTC)
    except ValueError:
        return False
