"""The J-LIS side over HTTP: authorities, list of partitions, lists, consents, four items."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.ca import CA_ID, KIND, POLICY_OID, SERIAL_CEILING, Generation
from platform_api.sandbox.consents import parse_application
from platform_api.sandbox.dates import wire
from platform_api.sandbox.faults import Fault, FaultKind, Target, disturbed
from platform_api.sandbox.four_information import query
from platform_api.sandbox.lists import distribution_point
from platform_api.sandbox.municipalities import BY_CODE, MUNICIPALITIES
from platform_api.sandbox.publications import NIGHTS_BEFORE, Publication, SignedList
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.requests import (
    GiveConsent,
    QueryFourInformation,
    body_of,
    decoded,
    json_response,
)
from platform_api.sandbox.world import World


def add_routes(app: web.Application) -> None:
    app.router.add_get("/jlis/v1/authorities", get_authorities)
    app.router.add_get("/jlis/v1/crls/{ca_id}", get_partitions)
    app.router.add_get("/jlis/v1/crls/{ca_id}/{key_id}/{municipality_code}.crl", get_list)
    app.router.add_post("/jlis/v1/consents", post_consent)
    app.router.add_post("/jlis/v1/four-information:query", post_query)


async def get_authorities(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]

    async def produce(_: Fault | None) -> web.Response:
        generations = sandbox.world.authority.generations
        card_sign = {
            "ca_id": CA_ID,
            "crl_signing": "each_generation",
            "kinds": {POLICY_OID: KIND},
            "certificates": [generation.pem for generation in generations],
            "serial_ceiling": SERIAL_CEILING,
        }
        return json_response({"authorities": [card_sign]})

    return await disturbed(request, sandbox.faults.take(Target.AUTHORITIES), produce)


async def get_partitions(request: web.Request) -> web.StreamResponse:
    """The list of partitions, with where each generation's list of each partition is."""
    sandbox = request.app[SANDBOX]
    _known_ca(request)

    async def produce(_: Fault | None) -> web.Response:
        publication = sandbox.world.publication
        partitions = [
            {
                "partition": place.partition,
                "municipality_code": place.code,
                "distribution_point": base64.b64encode(distribution_point(place.code)).decode("ascii"),
                "label": place.label,
                "lists": [
                    {
                        "generation": generation.key_id,
                        "url": f"/jlis/v1/crls/{CA_ID}/{generation.key_id[:16]}/{place.code}.crl",
                    }
                    for generation in sandbox.world.authority.generations
                ],
            }
            for place in MUNICIPALITIES
        ]
        published_at = None if publication is None else wire(publication.this_update)
        return json_response({"ca_id": CA_ID, "published_at": published_at, "partitions": partitions})

    return await disturbed(request, sandbox.faults.take(Target.CRL), produce)


async def get_list(request: web.Request) -> web.StreamResponse:
    """One list, DER, with ETag and Last-Modified (RFC 9110 section 13)."""
    sandbox = request.app[SANDBOX]
    _known_ca(request)
    generation = _generation(sandbox.world, request.match_info["key_id"])
    code = request.match_info["municipality_code"]
    if generation is None or code not in BY_CODE:
        raise RequestRefused(404, "NO_SUCH_LIST", "expected a url of GET /jlis/v1/crls/card-sign")

    async def produce(fault: Fault | None) -> web.Response:
        publication = sandbox.world.publication
        if publication is None:
            raise RequestRefused(404, "NOT_PUBLISHED", "no list was published yet; play a day first")
        if fault is not None and fault.kind in (FaultKind.OLDER, FaultKind.STALE):
            publication = await sandbox.ask(_earlier, sandbox.world, fault.kind)
        signed = publication.lists[generation.key_id, code]
        if fault is not None and fault.kind is FaultKind.BAD_SIGNATURE:
            flipped = signed.der[:-1] + bytes((signed.der[-1] ^ 0x01,))
            signed = SignedList(flipped, f"bad-signature-{signed.sha256}")
        return _conditional(request, signed, publication.this_update)

    taken = sandbox.faults.take(Target.CRL, code, generation.key_id)
    return await disturbed(request, taken, produce)


def _known_ca(request: web.Request) -> None:
    if request.match_info["ca_id"] != CA_ID:
        raise RequestRefused(404, "NO_SUCH_CA", f"expected {CA_ID}")


def _generation(world: World, prefix: str) -> Generation | None:
    return next((found for found in world.authority.generations if found.key_id[:16] == prefix), None)


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


async def post_consent(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, GiveConsent)

    async def produce(_: Fault | None) -> web.Response:
        return json_response(await sandbox.ask(_receive_consent, sandbox.world, body), 201)

    return await disturbed(request, sandbox.faults.take(Target.CONSENTS), produce)


def _receive_consent(world: World, body: GiveConsent) -> dict[str, Any]:
    """Certificate, signature, then the application; the same one again gets the same answer."""
    certificate, issued = _ours(world, decoded("certificate", body.certificate))
    octets = decoded("application", body.application)
    public_key = certificate.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise RequestRefused(422, "CERTIFICATE_UNKNOWN", "expected a signing certificate of this CA")
    try:
        public_key.verify(decoded("signature", body.signature), octets, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise RequestRefused(
            422,
            "SIGNATURE_INVALID",
            "expected the application's signature by this certificate; sign it again",
        ) from None
    application = parse_application(octets)
    if application.service_code != body.service_code:
        raise RequestRefused(
            422, "SERVICE_CODE_MISMATCH", "expected service_code to be that of the signed <サービスコード>"
        )
    given = world.consents.already(issued.resident, application, octets)
    if given is not None:
        return given.answer()
    now = world.clock.now().replace(microsecond=0)
    if issued.revoked:
        raise RequestRefused(422, "CERTIFICATE_REVOKED", "expected a certificate in force; use the new card")
    if now > issued.not_after:
        raise RequestRefused(422, "CERTIFICATE_EXPIRED", "expected a certificate in force; use the new card")
    world.consents.check_time(application, now)
    return world.give_consent(world.consents.record_of(issued.resident, application, octets, now)).answer()


def _ours(world: World, der: bytes) -> tuple[x509.Certificate, IssuedCertificate]:
    """The certificate as we issued it: the octets are compared, so the chain needs no second opinion."""
    register, _ = world.begun()
    try:
        certificate = x509.load_der_x509_certificate(der)
        issued = register.by_serial.get(certificate.serial_number)
    except ValueError:
        raise RequestRefused(422, "CERTIFICATE_MALFORMED", "expected one certificate in DER") from None
    if issued is None or world.maker.der(issued) != der:
        raise RequestRefused(422, "CERTIFICATE_UNKNOWN", "expected a signing certificate of this CA")
    return certificate, issued


async def post_query(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, QueryFourInformation)

    async def produce(_: Fault | None) -> web.Response:
        return json_response(await sandbox.ask(_answer_query, sandbox.world, body))

    return await disturbed(request, sandbox.faults.take(Target.FOUR_INFORMATION), produce)


def _answer_query(world: World, body: QueryFourInformation) -> dict[str, Any]:
    register, _ = world.begun()
    asked = register.by_serial.get(int(body.serial_number, 16))
    generation = world.authority.by_key_id(body.issuer_key)
    if body.ca_id != CA_ID or generation is None or (asked and asked.generation != generation.number):
        asked = None
    return query(
        register,
        world.consents,
        world.life_log,
        asked,
        service_code=body.service_code,
        items=list(dict.fromkeys(body.items)),
        now=world.clock.now(),
    )
