"""POST /v1/certificates:check and POST /v1/signatures:verify."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field, model_validator

from platform_api.certificates.chain import KnownCertificate, issued_by
from platform_api.certificates.profile import PresentedCertificate, read_certificate
from platform_api.certificates.signature import signature_valid
from platform_api.certificates.wire import (
    Base64,
    FourInformationBody,
    four_information_body,
    refusals_as_problems,
)
from platform_api.db.transactions import tenant
from platform_api.institutions.model import Entitlement, Principal
from platform_api.keys import AUTHORITIES, CLOCK, POOL, STORE
from platform_api.operations import REFERENCE_PATTERN, RequestModel, ResponseModel, operation, principal_of
from platform_api.problems import Problem, forbidden, not_found
from platform_api.registrations import store as registrations
from platform_api.registrations.context import watcher_of
from platform_api.registrations.model import CURRENT
from platform_api.registrations.register import register
from platform_api.status.permissions import kind_of, require_every_kind, require_kind, require_purpose
from platform_api.status.wire import StatusBody, foreign_body, status_body
from revocation.authorities import ALL_GENERATIONS, Authorities
from revocation.identity import CertificateIdentity, serial_from_hex
from revocation.status import Validity, certificate_status

Reference = Annotated[str, Field(pattern=REFERENCE_PATTERN)]
MaxAge = Annotated[int, Field(ge=1, le=31_536_000)]


class SerialForm(RequestModel):
    """A certificate by its numbers; needs the entitlement ``any``."""

    ca_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    issuer_key: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")] | None = None
    serial_number: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{1,64}$")]


class CheckRequest(RequestModel):
    """Exactly one of the three forms."""

    purpose: Literal["current_status_check"]
    max_age_s: MaxAge | None = None
    registration_id: UUID | None = None
    certificate: Base64 | None = None
    serial: SerialForm | None = None

    @model_validator(mode="after")
    def _one_form(self) -> CheckRequest:
        given = (self.registration_id, self.certificate, self.serial)
        if sum(form is not None for form in given) != 1:
            raise ValueError("expected exactly one of registration_id, certificate, serial")
        return self


class CheckResponse(ResponseModel):
    """The status, and the registration it was asked by."""

    status: StatusBody
    registration_id: UUID | None


class RegisterForm(RequestModel):
    """Register the certificate in the same transaction."""

    service_id: UUID
    registration_ref: Reference
    customer_ref: Reference


class VerifyRequest(RequestModel):
    """A signature over a digest, with the certificate; the signed document stays with you."""

    digest_algorithm: Literal["sha256"]
    digest: Base64
    signature: Base64
    certificate: Base64
    purpose: Literal["signature_verification"]
    max_age_s: MaxAge | None = None
    register_: Annotated[RegisterForm | None, Field(alias="register")] = None


class CertificateBody(ResponseModel):
    """Which CA and which kind; nothing that identifies the certificate."""

    ca_id: str
    kind: str


class RegistrationBrief(ResponseModel):
    """The registration that was made, and the set its certificate was checked on."""

    registration_id: UUID
    state: str
    set_seq: int


class VerifyResponse(ResponseModel):
    """The four items are here once and are kept nowhere."""

    signature_valid: bool
    status: StatusBody
    certificate: CertificateBody | None
    four_information: FourInformationBody | None
    registration: RegistrationBrief | None


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
async def check_certificate(request: web.Request, body: CheckRequest) -> CheckResponse:
    principal = principal_of(request)
    require_purpose(principal, body.purpose)
    if body.registration_id is not None:
        return await _check_registration(request, principal, body.registration_id, body.max_age_s)
    if body.certificate is not None:
        if principal.entitlement not in (Entitlement.PRESENTED, Entitlement.ANY):
            raise forbidden("entitlement:presented")
        with refusals_as_problems():
            known = issued_by(read_certificate(body.certificate), request.config_dict[AUTHORITIES])
        if known is None:
            return CheckResponse(status=foreign_body(), registration_id=None)
        kind_of(known, principal)
        status = _status(request, known.identity, known.partition, known.validity, body.max_age_s)
        return CheckResponse(status=status, registration_id=None)
    assert body.serial is not None  # noqa: S101 - exactly one form, by validation
    if principal.entitlement != Entitlement.ANY:
        raise forbidden("entitlement:any")
    identity = _identity(body.serial, principal, request.config_dict[AUTHORITIES])
    return CheckResponse(status=_status(request, identity, None, None, body.max_age_s), registration_id=None)


async def _check_registration(
    request: web.Request, principal: Principal, registration_id: UUID, max_age_s: int | None
) -> CheckResponse:
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
    status = _status(request, watched.identity, watched.partition, watched.validity, max_age_s)
    return CheckResponse(status=status, registration_id=registration_id)


def _identity(form: SerialForm, principal: Principal, authorities: Authorities) -> CertificateIdentity:
    authority = authorities.by_id(form.ca_id)
    if authority is None:
        raise not_found()
    require_every_kind(principal, authority)
    if form.issuer_key is not None:
        issuer_key = bytes.fromhex(form.issuer_key)
    elif len(authority.generations) == 1 or authority.lineages()[0].key_id == ALL_GENERATIONS:
        issuer_key = authority.newest.key_id
    else:
        raise Problem(
            422,
            "ISSUER_KEY_REQUIRED",
            en="This CA has several keys under one name; say which one with issuer_key.",
            ja="このCAには同じ名称の鍵が複数あります。issuer_keyで指定してください。",
        )
    with refusals_as_problems():
        return CertificateIdentity(authority.ca_id, issuer_key, serial_from_hex(form.serial_number))


def _status(
    request: web.Request,
    identity: CertificateIdentity,
    partition: int | None,
    validity: Validity | None,
    max_age_s: int | None,
) -> StatusBody:
    app = request.config_dict
    return status_body(
        certificate_status(
            identity,
            authorities=app[AUTHORITIES],
            snapshot=app[STORE].current(),
            now=app[CLOCK].now(),
            partition=partition,
            validity=validity,
            max_age_s=max_age_s,
        )
    )


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
async def verify_signature(request: web.Request, body: VerifyRequest) -> VerifyResponse:
    principal = principal_of(request)
    require_purpose(principal, body.purpose)
    if body.register_ is not None:
        # As for PUT: what is registered is watched, and watching is checking.
        if "registrations:write" not in principal.scopes:
            raise forbidden("registrations:write")
        require_purpose(principal, "current_status_check")
    with refusals_as_problems():
        presented = read_certificate(body.certificate)
        signed = signature_valid(presented, body.digest, body.signature)
        known = issued_by(presented, request.config_dict[AUTHORITIES])
    if known is None:
        return VerifyResponse(
            signature_valid=False,
            status=foreign_body(),
            certificate=None,
            four_information=None,
            registration=None,
        )
    kind = kind_of(known, principal)
    registration = None
    if signed and body.register_ is not None:
        registration = await _register(request, principal, body.register_, known, kind)
    return VerifyResponse(
        signature_valid=signed,
        status=_status(request, known.identity, known.partition, known.validity, body.max_age_s),
        certificate=CertificateBody(ca_id=known.identity.ca_id, kind=kind),
        four_information=_items(presented) if signed else None,
        registration=registration,
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
        )
    return RegistrationBrief(
        registration_id=made.registration.registration_id,
        state=made.registration.state.value,
        set_seq=made.set_seq,
    )
