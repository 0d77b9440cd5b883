"""What ``certificates:check`` and ``signatures:verify`` take and give."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from platform_api.certificates.wire import Base64, FourInformationBody
from platform_api.operations import REFERENCE_PATTERN, RequestModel, ResponseModel
from platform_api.status.upstream import Method, UpstreamBody
from platform_api.status.wire import StatusBody

Reference = Annotated[str, Field(pattern=REFERENCE_PATTERN)]
MaxAge = Annotated[int, Field(ge=1, le=31_536_000)]


class SerialForm(RequestModel):
    """A certificate by its numbers; needs the entitlement ``any``, or its registration."""

    ca_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    issuer_key: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")] | None = None
    serial_number: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{1,64}$")]


class CheckRequest(RequestModel):
    """Exactly one of the three forms."""

    purpose: Literal["current_status_check"]
    max_age_s: MaxAge | None = None
    method: Method = "crl"
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
    """The status, the registration it was asked by, and with a method beyond ``crl`` how the CA's OCSP
    responder was asked.
    """

    status: StatusBody
    registration_id: UUID | None
    upstream: UpstreamBody | None


class RegisterForm(RequestModel):
    """Register the certificate in the same transaction."""

    service_id: UUID
    registration_ref: Reference
    customer_ref: Reference
    #: May J-LIS be asked which certificate followed this one? Left out: as it is, at first no.
    linkage_agreed: bool | None = None


class VerifyRequest(RequestModel):
    """A signature over a digest, with the certificate; the signed document stays with you."""

    #: sha384 with P-384 keys only.
    digest_algorithm: Literal["sha256", "sha384"]
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
