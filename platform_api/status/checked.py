"""The certificate that a check is about, once it is known, and its status by our lists at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from platform_api.keys import AUTHORITIES, CLOCK, STORE
from revocation.identity import CertificateIdentity
from revocation.status import CertificateStatus, Validity, certificate_status


@dataclass(frozen=True, slots=True, repr=False)
class CheckedCertificate:
    """What ``certificate_status`` wants to know of it."""

    identity: CertificateIdentity
    partition: int | None
    validity: Validity | None
    in_scope: bool


#: Set by the check that found it; absent where no CA of ours issued it.
CHECKED: Final[web.RequestKey[CheckedCertificate]] = web.RequestKey("checked", CheckedCertificate)


def status_now(request: web.Request, checked: CheckedCertificate, max_age_s: int | None) -> CertificateStatus:
    """By the set that answers now: after a wait it may be a newer one."""
    app = request.config_dict
    return certificate_status(
        checked.identity,
        authorities=app[AUTHORITIES],
        snapshot=app[STORE].current(),
        now=app[CLOCK].now(),
        partition=checked.partition,
        validity=checked.validity,
        max_age_s=max_age_s,
        in_scope=checked.in_scope,
    )
