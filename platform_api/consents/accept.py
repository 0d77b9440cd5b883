"""Is this signed application a consent of this registration's holder? One function per rule. Pure.

The application's octets are compared with those we wrote, and read strictly besides: two doors, because
what passes here binds for ten years.
"""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

from platform_api.certificates.chain import KnownCertificate
from platform_api.certificates.signature import document_signed, signature_algorithm
from platform_api.changes.model import SIGNING_KINDS
from platform_api.consents.application import Application
from platform_api.consents.model import Consent
from platform_api.consents.store import IssuedApplication
from platform_api.problems import Problem
from platform_api.registrations.model import Watched
from revocation.errors import InputRefused
from revocation.status import CertificateStatus, Status

#: The code of a refusal that says nothing of the certificate, only of our lists.
UNDETERMINED: Final = "CONSENT_CERTIFICATE_UNDETERMINED"


def check_signature(
    certificate: KnownCertificate, application: bytes, signature: bytes, algorithm: str
) -> None:
    """By the key of a signing certificate, over the very octets of the application."""
    if certificate.kind not in SIGNING_KINDS:
        raise _refused("CONSENT_KIND", "a signing certificate (署名用)", "another kind", _SIGN_AGAIN)
    if algorithm != signature_algorithm(certificate.presented):
        raise _refused("CONSENT_ALGORITHM", "the algorithm of the certificate's key", "another", _SIGN_AGAIN)
    if not document_signed(certificate.presented, application, signature):
        raise _refused(
            "CONSENT_SIGNATURE_INVALID", "a signature over the application", "one that fails", _SIGN_AGAIN
        )


def check_status(status: CertificateStatus) -> None:
    """Only a certificate that is good now, dates included, can consent.

    That we cannot say anything is no word against it: 503 ``UNDETERMINED``, which passes and is not kept.
    """
    if status.status is Status.UNKNOWN:
        raise _undetermined()
    if status.status is not Status.GOOD or not status.validity_checked:
        raise certificate_not_good(status)


def certificate_not_good(status: CertificateStatus) -> InputRefused:
    """Something is proved against it; its holder needs another card."""
    return _refused(
        "CONSENT_CERTIFICATE_NOT_GOOD",
        "a certificate that is not revoked and within its dates",
        status.status.value,
        "sign with a valid card",
    )


def check_holder(certificate: KnownCertificate, slots: dict[str, Watched]) -> Watched:
    """The certificate is the registration's own: nobody consents for another."""
    for watched in slots.values():
        if watched.identity.identity == certificate.identity:
            return watched
    raise _refused(
        "CONSENT_HOLDER_MISMATCH",
        "the certificate that is registered",
        "another certificate",
        "register the holder's new certificate first, or sign with the registered one",
    )


def check_own(consent: Consent, signed_by: Watched) -> None:
    """An application that a former holder of the registration signed is used up: his consent stays his."""
    if consent.holder_id != signed_by.holder_id:
        raise _refused("CONSENT_NUMBER_USED", "an application that nobody signed before", "another", _APPLY)


def check_content(
    application: Application,
    octets: bytes,
    issued: IssuedApplication | None,
    *,
    registration_id: UUID,
    institution_code: str,
    service_code: str,
) -> IssuedApplication:
    """Institution, service, items, text version and number are those of an application that we wrote."""
    if issued is None or issued.registration_id != registration_id:
        raise _refused("CONSENT_NUMBER_UNKNOWN", "a number issued for this registration", "another", _APPLY)
    if application.institution_code != institution_code:
        raise _refused("CONSENT_INSTITUTION_MISMATCH", "this institution's code", "another", _APPLY)
    if application.service_code != service_code:
        raise _refused("CONSENT_SERVICE_MISMATCH", "this service's code", "another", _APPLY)
    if application.items != issued.items:
        raise _refused("CONSENT_ITEMS_MISMATCH", "the items of that application", "others", _APPLY)
    if application.text_version != issued.text_version:
        raise _refused("CONSENT_TEXT_MISMATCH", "the text version of that application", "another", _APPLY)
    if hashlib.sha256(octets).digest() != issued.sha256:
        raise _refused("CONSENT_OCTETS_MISMATCH", "the octets of that application", "others", _APPLY)
    return issued


_SIGN_AGAIN = "have the holder sign the application again"
_APPLY = "ask for an application with POST /v1/consent-applications and have exactly that one signed"


def _refused(code: str, expected: str, got: str, remedy: str) -> InputRefused:
    return InputRefused(code, expected=expected, got=got, remedy=remedy)


def _undetermined() -> Problem:
    return Problem(
        503,
        UNDETERMINED,
        en="Our revocation lists cannot say at present whether this certificate is good; nothing was kept. "
        "Send the same request again later, and ask the operator if it lasts.",
        ja="失効情報がそろっていないため、この証明書の有効性を確認できません。何も保存していません。"
        "しばらくしてから同じリクエストを送ってください。続く場合は運営者に確認してください。",
        headers={"Retry-After": "600"},
    )
