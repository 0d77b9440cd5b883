"""What is unknown about the real J-LIS, as settings with safe defaults; each names its open question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Code on the wire → (our code, worth asking again). Real codes are under NDA (open question 6): a code
#: that is not here counts as a refusal that a person must look at, never as "try again for ever".
ERROR_CODES: Final[dict[str, tuple[str, bool]]] = {
    "BUSY": ("JLIS_BUSY", True),
    "SIGNATURE_INVALID": ("JLIS_CONSENT_SIGNATURE_INVALID", False),
    "CERTIFICATE_MALFORMED": ("JLIS_CONSENT_CERTIFICATE_INVALID", False),
    "CERTIFICATE_UNKNOWN": ("JLIS_CONSENT_CERTIFICATE_INVALID", False),
    "CERTIFICATE_REVOKED": ("JLIS_CONSENT_CERTIFICATE_INVALID", False),
    "CERTIFICATE_EXPIRED": ("JLIS_CONSENT_CERTIFICATE_INVALID", False),
    "APPLICATION_MALFORMED": ("JLIS_CONSENT_APPLICATION_REFUSED", False),
    "APPLICATION_ID_REUSED": ("JLIS_CONSENT_APPLICATION_REFUSED", False),
    "CREATED_AT_IN_FUTURE": ("JLIS_CONSENT_APPLICATION_REFUSED", False),
    "ITEMS_INVALID": ("JLIS_CONSENT_APPLICATION_REFUSED", False),
    "SERVICE_CODE_MISMATCH": ("JLIS_CONSENT_APPLICATION_REFUSED", False),
}

UNKNOWN_REFUSAL: Final = "JLIS_REFUSED"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How patiently we ask."""

    base_url: str
    #: Seconds for one attempt, connection included.
    attempt_timeout_s: float = 5.0
    #: Seconds for all attempts of one call together; a caller of ours waits no longer than this.
    call_timeout_s: float = 15.0
    attempts: int = 3
    #: Calls to J-LIS at the same time; more wait their turn within ``call_timeout_s``.
    concurrency: int = 16
    #: Four items are a few hundred octets; a partition list of 1,900 municipalities about 1 MB.
    max_answer_octets: int = 65_536
    max_list_octets: int = 8_388_608
    #: Withdrawals asked for at once.
    poll_page: int = 1000
