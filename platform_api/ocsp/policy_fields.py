"""What our OCSP responders say by policy: a part of ``config.Settings``, and the policy made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from platform_api.pinned_certificates import read_certificates
from revocation.answers import AfterNextUpdate
from revocation.ocsp.policy import NoncePolicy, NotIssued, ResponderPolicy, SignedRequests


class OcspPolicyFields(BaseModel):
    """Names as they stand in the environment, behind ``JPKI_``."""

    ocsp_after_next_update: Literal["try_later", "unauthorized"] = Field(
        default="try_later",
        description="OCSP where no list is in force: try_later, or unauthorized (strict RFC 9919).",
    )
    ocsp_certificate: bool = Field(
        default=True,
        description="Send the locally trusted responder's certificate with each answer. Clients that pin it "
        "as the signer do not need it; nginx and curl do. Without it an answer is about half as long.",
    )
    ocsp_not_issued: Literal["unknown", "extended_revoke"] = Field(
        default="unknown",
        description="OCSP for serial numbers that the CA cannot have issued: unknown, or revoked with "
        "id-pkix-ocsp-extended-revoke (RFC 6960 section 2.2).",
    )
    ocsp_nonce: Literal["echo", "ignore"] = Field(
        default="echo", description="Echo nonces (a signature each), or answer without them (RFC 9919)."
    )
    ocsp_signed_requests: Literal["ignore", "verify", "require"] = Field(
        default="ignore",
        description="Signatures of OCSP requests (RFC 6960 section 4.1.2). verify: one that is there must be "
        "by a certificate of ocsp_requestors; require: it must be there, else sigRequired. With either, "
        "each answer is signed anew.",
    )
    ocsp_requestors: Path | None = Field(
        default=None,
        description="Certificates that may sign OCSP requests, PEM, pinned as they are; their dates count. "
        "Read at the start.",
    )

    @model_validator(mode="after")
    def _requestors_are_named(self) -> Self:
        if (self.ocsp_signed_requests == "ignore") != (self.ocsp_requestors is None):
            raise ValueError(
                "ocsp_requestors goes with ocsp_signed_requests = verify or require; set both or neither"
            )
        return self


def responder_policy(fields: OcspPolicyFields) -> ResponderPolicy:
    """Blocking: reads the requestors' certificates. ``SetupRefused`` where that file has none."""
    pinned = fields.ocsp_requestors
    return ResponderPolicy(
        after_next_update=AfterNextUpdate(fields.ocsp_after_next_update),
        not_issued=NotIssued(fields.ocsp_not_issued),
        nonce=NoncePolicy(fields.ocsp_nonce),
        signed_requests=SignedRequests(fields.ocsp_signed_requests),
        requestors=() if pinned is None else read_certificates(pinned, "ocsp_requestors"),
        certificate_in_local=fields.ocsp_certificate,
    )
