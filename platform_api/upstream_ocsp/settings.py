"""What the client works with, made once from the settings: files read, keys and certificates checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from platform_api.faults import SetupRefused
from platform_api.key_files import read_secret
from platform_api.pinned_certificates import read_certificates, setting_refused
from platform_api.upstream_ocsp.fields import BY_J_LIS, UpstreamOcspFields
from platform_api.upstream_ocsp.through_gateway import SCHEME
from revocation.errors import InputRefused
from revocation.ocsp.signing_keys import FileKey
from revocation.ocsp.upstream_answer import UpstreamRules
from revocation.ocsp.upstream_question import RequestSigner

#: About 300 octets each: some 30 MB when it is full.
MOST_KEPT: Final = 100_000


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """How other responders are asked, and what is believed of them."""

    url: str | None = None
    urls: Mapping[str, str] | None = None
    hash_name: str = "sha1"
    with_nonce: bool = True
    prefer_get: bool = False
    signer: RequestSigner | None = None
    rules: UpstreamRules = UpstreamRules()  # noqa: RUF009 - frozen
    keep_for: timedelta = timedelta(minutes=5)
    most_kept: int = MOST_KEPT
    timeout_s: float = 5.0
    concurrency: int = 16
    per_request: int = 10
    per_minute: int = 600
    failures: int = 5
    pause_s: float = 30.0

    def url_of(self, ca_id: str) -> str | None:
        """Where certificates of this CA are asked about; None: nowhere."""
        url = (self.urls or {}).get(ca_id, self.url)
        return SCHEME + ca_id if url == BY_J_LIS else url

    @property
    def asks_j_lis(self) -> bool:
        return BY_J_LIS in (self.url, *(self.urls or {}).values())


def upstream_settings(fields: UpstreamOcspFields) -> UpstreamSettings | None:
    """None where no address is set. Blocking: reads the files; refuses what cannot be used, by its name."""
    if fields.upstream_ocsp_url is None and not fields.upstream_ocsp_urls:
        return None
    pinned = fields.upstream_ocsp_responder_certificate
    certificates = () if pinned is None else read_certificates(pinned, "upstream_ocsp_responder_certificate")
    return UpstreamSettings(
        url=fields.upstream_ocsp_url,
        urls=dict(fields.upstream_ocsp_urls),
        hash_name=fields.upstream_ocsp_hash,
        with_nonce=fields.upstream_ocsp_nonce != "off",
        prefer_get=fields.upstream_ocsp_method == "get",
        signer=_signer(fields.upstream_ocsp_signer_key, fields.upstream_ocsp_signer_certificates),
        rules=UpstreamRules(
            require_nonce=fields.upstream_ocsp_nonce == "require",
            max_age=timedelta(seconds=fields.upstream_ocsp_max_age_s),
            pinned=certificates[0] if certificates else None,
            accept_without_nocheck=fields.upstream_ocsp_accept_without_nocheck,
        ),
        keep_for=timedelta(seconds=fields.upstream_ocsp_cache_s),
        timeout_s=fields.upstream_ocsp_timeout_s,
        concurrency=fields.upstream_ocsp_concurrency,
        per_request=fields.upstream_ocsp_budget,
        per_minute=fields.upstream_ocsp_per_minute,
        failures=fields.upstream_ocsp_failures,
        pause_s=fields.upstream_ocsp_pause_s,
    )


def _signer(key_file: Path | None, certificates_file: Path | None) -> RequestSigner | None:
    if key_file is None or certificates_file is None:
        return None
    certificates = read_certificates(certificates_file, "upstream_ocsp_signer_certificates")
    try:
        key = FileKey.from_pem(read_secret(key_file))
    except SetupRefused:
        raise
    except (InputRefused, OSError):
        raise setting_refused(
            "upstream_ocsp_signer_key", "an RSA, ECDSA or Ed25519 private key in PEM"
        ) from None
    if key.public_key() != certificates[0].public_key():
        raise setting_refused(
            "upstream_ocsp_signer_certificates", "first the certificate of the signer's key"
        )
    return RequestSigner(key, certificates)
