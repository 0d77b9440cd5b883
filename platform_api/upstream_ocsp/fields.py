"""The settings of the upstream OCSP client, a part of ``config.Settings``; it is off until an address is set.

What J-LIS's responder wants is under NDA (open question 3), so each of its rules is a switch here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, Field, model_validator

from platform_api.setting_types import CaId, HttpUrl

#: In the place of an address: asked through the gateway to J-LIS.
BY_J_LIS: Final = "jlis"


class UpstreamOcspFields(BaseModel):
    """Names as they stand in the environment, behind ``JPKI_``."""

    upstream_ocsp_url: HttpUrl | Literal["jlis"] | None = Field(
        default=None,
        description="Address of the OCSP responder that is asked about certificates of any CA; jlis: through "
        "the gateway to J-LIS (jlis_url), with its hours and lines; unset: none.",
    )
    upstream_ocsp_urls: dict[CaId, HttpUrl | Literal["jlis"]] = Field(
        default={},
        description='Other ones for single CAs, by ca_id, as JSON: {"card-sign": "http://..."}.',
        max_length=64,
    )
    upstream_ocsp_hash: Literal["sha1", "sha256", "sha384", "sha512"] = Field(
        default="sha1", description="Hash of the CertID that is sent."
    )
    upstream_ocsp_nonce: Literal["off", "send", "require"] = Field(
        default="send",
        description="off: no nonce; send: 32 octets, an answer may lack them; require: it must come back.",
    )
    upstream_ocsp_method: Literal["post", "get"] = Field(
        default="post", description="get: by GET where the encoded request has at most 255 octets."
    )
    upstream_ocsp_signer_certificates: Path | None = Field(
        default=None,
        description="PEM file: the certificate that our requests are signed with, then those above it.",
    )
    upstream_ocsp_signer_key: Path | None = Field(
        default=None, description="PEM file of its private key, mode 0600; unset: requests are not signed."
    )
    upstream_ocsp_responder_certificate: Path | None = Field(
        default=None,
        description="PEM file: the one certificate that may sign answers; unset: the CA key, its delegates.",
    )
    upstream_ocsp_accept_without_nocheck: bool = Field(
        default=False, description="Take a delegated responder certificate that lacks id-pkix-ocsp-nocheck."
    )
    upstream_ocsp_max_age_s: float = Field(
        default=3600.0,
        ge=1,
        le=604_800,
        description="Oldest thisUpdate, in seconds, of an answer that has no nextUpdate.",
    )
    upstream_ocsp_cache_s: float = Field(
        default=300.0,
        ge=0,
        le=900,
        description="Seconds that a verified answer is used again; never beyond its nextUpdate.",
    )
    upstream_ocsp_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="Seconds for one question, the waiting for its turn included."
    )
    upstream_ocsp_concurrency: int = Field(
        default=16, ge=1, le=256, description="Most questions under way at the same time."
    )
    upstream_ocsp_budget: int = Field(
        default=10, ge=1, le=10_000, description="Most questions that one request of a caller may ask."
    )
    upstream_ocsp_per_minute: int = Field(
        default=600,
        ge=1,
        le=1_000_000,
        description="Most questions of one institution in a minute, in each process.",
    )
    upstream_ocsp_failures: int = Field(
        default=5, ge=1, le=1000, description="Failures in a row after which a responder is left alone."
    )
    upstream_ocsp_pause_s: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds that it is left alone before one question tries it."
    )

    @model_validator(mode="after")
    def _key_and_certificate(self) -> Self:
        if (self.upstream_ocsp_signer_key is None) != (self.upstream_ocsp_signer_certificates is None):
            raise ValueError("upstream_ocsp_signer_key and upstream_ocsp_signer_certificates go together")
        return self
