"""Is this signed application a withdrawal of this consent by its holder? One function per rule. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from uuid import UUID

from platform_api.certificates.chain import KnownCertificate
from platform_api.consents.accept import certificate_not_good
from platform_api.consents.model import Consent
from platform_api.consents.withdrawal_application import WithdrawalApplication
from platform_api.consents.withdrawal_store import IssuedWithdrawal
from platform_api.registrations.model import Watched
from revocation.errors import InputRefused
from revocation.status import CertificateStatus, Status


def check_content(
    application: WithdrawalApplication,
    octets: bytes,
    issued: IssuedWithdrawal | None,
    *,
    consent: Consent,
    consent_application_number: UUID,
    institution_code: str,
    service_code: str,
) -> IssuedWithdrawal:
    """Institution, service, consent and number are those of an application that we wrote, to the octet."""
    if issued is None or issued.consent_id != consent.consent_id:
        raise _refused("WITHDRAWAL_NUMBER_UNKNOWN", "a number issued for this consent", "another", _APPLY)
    if application.institution_code != institution_code:
        raise _refused("WITHDRAWAL_INSTITUTION_MISMATCH", "this institution's code", "another", _APPLY)
    if application.service_code != service_code:
        raise _refused("WITHDRAWAL_SERVICE_MISMATCH", "this service's code", "another", _APPLY)
    if application.consent_application_number != consent_application_number:
        raise _refused("WITHDRAWAL_CONSENT_MISMATCH", "the number of this consent", "another", _APPLY)
    if hashlib.sha256(octets).digest() != issued.sha256:
        raise _refused("WITHDRAWAL_OCTETS_MISMATCH", "the octets of that application", "others", _APPLY)
    return issued


def check_holder(certificate: KnownCertificate, slots: Mapping[str, Watched], consent: Consent) -> None:
    """Any certificate of the person who consented: the one he signed with, or a proven successor of it."""
    for watched in slots.values():
        if watched.identity.identity == certificate.identity and watched.holder_id == consent.holder_id:
            return
    raise _refused(
        "WITHDRAWAL_HOLDER_MISMATCH",
        "a certificate of the holder who consented, watched by this registration",
        "another certificate",
        "sign with that card; or stop the consent yourself, and let the holder withdraw at J-LIS",
    )


def check_status(status: CertificateStatus) -> None:
    """Not of a certificate that is proved to have ended or to be on hold, dates included.

    Where our lists cannot say anything it is taken: ending is the safe side, and J-LIS looks at the card too.
    """
    if status.status not in (Status.GOOD, Status.UNKNOWN) or not status.validity_checked:
        raise certificate_not_good(status)


_APPLY = "ask for an application with POST …/withdrawal-applications and have exactly that one signed"


def _refused(code: str, expected: str, got: str, remedy: str) -> InputRefused:
    return InputRefused(code, expected=expected, got=got, remedy=remedy)
