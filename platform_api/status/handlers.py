"""POST /v1/certificates:check and POST /v1/signatures:verify."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from platform_api.certificates.chain import KnownCertificate, issued_by
from platform_api.certificates.profile import PresentedCertificate, read_certificate
from platform_api.certificates.signature import signature_valid
from platform_api.certificates.wire import (
    FourInformationBody,
    four_information_body,
    refusals_as_problems,
)
from platform_api.db.transactions import tenant
from platform_api.institutions.model import Entitlement, Principal
from platform_api.keys import AUTHORITIES, POOL, TAGGER
from platform_api.operations import Answer, operation, principal_of
from platform_api.problems import forbidden, language_of, not_found
from platform_api.registrations import store as registrations
from platform_api.registrations.context import watcher_of
from platform_api.registrations.model import CURRENT
from platform_api.registrations.register import register
from platform_api.status.bodies import (
    CertificateBody,
    CheckRequest,
    CheckResponse,
    RegisterForm,
    RegistrationBrief,
    SerialForm,
    VerifyRequest,
    VerifyResponse,
)
from platform_api.status.checked import CHECKED, CheckedCertificate, status_now
from platform_api.status.issuers import issuer_of
from platform_api.status.permissions import require_every_kind, require_kind, require_purpose
from platform_api.status.upstream import beside_responder
from platform_api.status.wire import FOREIGN, status_body
from revocation.answers import answer_for
from revocation.identity import CertificateIdentity, serial_from_hex
from revocation.status import CertificateStatus, Validity


@operation(
    "POST",
    "/v1/certificates:check",
    operation_id="check_certificate",
    request=CheckRequest,
    response=CheckResponse,
    scope="status:check",
    summary_en="Status of one certificate by registration, by certificate or by serial number",
    summary_ja="証明書1枚の失効確認(失効監視登録・証明書・発行の番号のいずれかで指定)",
)
async def check_certificate(request: web.Request, body: CheckRequest) -> Answer:
    principal = principal_of(request)
    require_purpose(principal, body.purpose)
    if body.registration_id is not None:
        found = await _registered(request, principal, body.registration_id, body.max_age_s)
    elif body.certificate is not None:
        found = _presented(request, principal, body.certificate, body.max_age_s)
    else:
        assert body.serial is not None  # noqa: S101 - exactly one form, by validation
        identity = await _numbered(request, principal, body.serial)
        found = _status(request, identity, None, None, body.max_age_s)
    checked = request.get(CHECKED)
    found, upstream = await beside_responder(request, checked, found, body.method, body.max_age_s)
    shown = status_body(found, _language(request))
    return Answer(
        CheckResponse(status=shown, registration_id=body.registration_id, upstream=upstream),
        status=answer_for(found).http_status,
    )


def _language(request: web.Request) -> str:
    return language_of(request.headers.get("Accept-Language", ""))


def _presented(
    request: web.Request, principal: Principal, der: bytes, max_age_s: int | None
) -> CertificateStatus:
    if principal.entitlement not in (Entitlement.PRESENTED, Entitlement.ANY):
        raise forbidden("entitlement:presented")
    with refusals_as_problems():
        known = issued_by(read_certificate(der), request.config_dict[AUTHORITIES])
    if known is None:
        return FOREIGN
    if known.kind is None:
        return _of_no_kind(request, principal, known, max_age_s)
    require_kind(principal, known.kind)
    return _status(request, known.identity, known.partition, known.validity, max_age_s)


def _of_no_kind(
    request: web.Request, principal: Principal, known: KnownCertificate, max_age_s: int | None
) -> CertificateStatus:
    """Out of scope, unless its serial is listed; so the key must be allowed every kind of the CA's."""
    authority = request.config_dict[AUTHORITIES].by_id(known.identity.ca_id)
    if authority is None:
        return FOREIGN  # taken out of the configuration while this request was read
    require_every_kind(principal, authority)
    return _status(request, known.identity, known.partition, known.validity, max_age_s, in_scope=False)


async def _registered(
    request: web.Request, principal: Principal, registration_id: UUID, max_age_s: int | None
) -> CertificateStatus:
    watcher = watcher_of(request)
    async with tenant(request.config_dict[POOL], principal.institution_id) as connection:
        if await registrations.find(connection, registration_id) is None:
            raise not_found()
        slots = await watcher.open_slots(connection, principal.institution_id, registration_id)
    current = slots.get(CURRENT)
    if current is None:
        raise not_found()
    require_kind(principal, current.kind)
    watched = current.identity
    return _status(request, watched.identity, watched.partition, watched.validity, max_age_s)


async def _numbered(request: web.Request, principal: Principal, form: SerialForm) -> CertificateIdentity:
    """By its numbers alone: any certificate, or one that the institution itself has registered. Another is
    404, as if there were none: that it is registered elsewhere is nobody's business.
    """
    if principal.entitlement == Entitlement.PRESENTED:
        raise forbidden("entitlement:any")
    app = request.config_dict
    issuer = issuer_of(form, principal, app[AUTHORITIES])
    with refusals_as_problems():
        identity = CertificateIdentity(*issuer, serial_from_hex(form.serial_number))
    if principal.entitlement != Entitlement.ANY:
        tags = [tag.value for tag in app[TAGGER].tags(identity)]
        async with tenant(app[POOL], principal.institution_id) as connection:
            (is_own,) = await registrations.are_registered(connection, [tags])
        if not is_own:
            raise not_found()
    return identity


def _status(
    request: web.Request,
    identity: CertificateIdentity,
    partition: int | None,
    validity: Validity | None,
    max_age_s: int | None,
    *,
    in_scope: bool = True,
) -> CertificateStatus:
    request[CHECKED] = CheckedCertificate(identity, partition, validity, in_scope)
    return status_now(request, request[CHECKED], max_age_s)


@operation(
    "POST",
    "/v1/signatures:verify",
    operation_id="verify_signature",
    request=VerifyRequest,
    response=VerifyResponse,
    scope="signatures:verify",
    writes=True,
    transient_response=True,
    summary_en="Verify a signature made with a card or phone; optionally register the certificate",
    summary_ja="カードまたはスマートフォンの署名を検証し、必要なら失効監視登録を行う",
)
async def verify_signature(request: web.Request, body: VerifyRequest) -> Answer:
    principal = principal_of(request)
    require_purpose(principal, body.purpose)
    if body.register_ is not None:
        # As for PUT: what is registered is watched, and watching is checking.
        if "registrations:write" not in principal.scopes:
            raise forbidden("registrations:write")
        require_purpose(principal, "current_status_check")
    with refusals_as_problems():
        presented = read_certificate(body.certificate)
        signed = signature_valid(presented, body.digest, body.signature, body.digest_algorithm)
        known = issued_by(presented, request.config_dict[AUTHORITIES])
    if known is None:
        return _unverified(request, FOREIGN)
    if known.kind is None:
        return _unverified(request, _of_no_kind(request, principal, known, body.max_age_s))
    require_kind(principal, known.kind)
    registration = None
    if signed and body.register_ is not None:
        registration = await _register(request, principal, body.register_, known, known.kind)
    found = _status(request, known.identity, known.partition, known.validity, body.max_age_s)
    return Answer(
        VerifyResponse(
            signature_valid=signed,
            status=status_body(found, _language(request)),
            certificate=CertificateBody(ca_id=known.identity.ca_id, kind=known.kind),
            four_information=_items(presented) if signed else None,
            registration=registration,
        ),
        status=answer_for(found).http_status,
    )


def _unverified(request: web.Request, found: CertificateStatus) -> Answer:
    """No holder's certificate of ours: no signature of it counts, and nothing is taken from it."""
    return Answer(
        VerifyResponse(
            signature_valid=False,
            status=status_body(found, _language(request)),
            certificate=None,
            four_information=None,
            registration=None,
        ),
        status=answer_for(found).http_status,
    )


def _items(presented: PresentedCertificate) -> FourInformationBody | None:
    items = presented.four_information
    return None if items is None else four_information_body(items)


async def _register(
    request: web.Request, principal: Principal, form: RegisterForm, known: KnownCertificate, kind: str
) -> RegistrationBrief:
    async with watcher_of(request).transaction(request.config_dict[POOL], principal.institution_id) as work:
        made = await register(
            work,
            service_id=form.service_id,
            registration_ref=form.registration_ref,
            customer_ref=form.customer_ref,
            certificate=known,
            kind=kind,
            linkage_agreed=form.linkage_agreed,
        )
    return RegistrationBrief(
        registration_id=made.registration.registration_id,
        state=made.registration.state.value,
        set_seq=made.set_seq,
    )
