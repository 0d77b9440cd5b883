"""What goes wrong in fetching: codes, what to do about them, and which of it is worth another try.

No text names an address: a list's address is its partition, and that is a municipality.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Collection
from typing import Final

import aiohttp
import stamina

from revocation.crl.fetch.results import FetchLimits
from revocation.errors import InputRefused, OutsideFailed

#: Jitter in units of the first wait, so that what failed together does not come back together.
_JITTER: Final = 5

_CertificateError: Final = aiohttp.ClientConnectorCertificateError

#: OpenSSL's X509_V_ERR_* (``SSLCertVerificationError.verify_code``) in words; its own text may name hosts.
_CERTIFICATE: Final = {
    9: "a certificate that is not valid yet",
    10: "an expired certificate",
    18: "a self-signed certificate",
    19: "a certificate of an unknown CA",
    20: "a certificate of an unknown CA",
    21: "a certificate of an unknown CA",
    62: "a certificate for another host name",
    64: "a certificate for another address",
}


class BadStatus(OutsideFailed):
    """An HTTP status that is no answer."""

    def __init__(self, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(
            "FETCH_STATUS",
            expected="HTTP status 200",
            got=str(status),
            remedy="check the address and the server; redirects are not followed",
        )
        self.status = status
        #: Heard only where HTTP gives it this sense: RFC 9110 section 15.6.4, RFC 6585 section 4.
        self.retry_after_s = retry_after_s if status in {429, 503} else None


def failed(code: str, expected: str, got: str) -> OutsideFailed:
    return OutsideFailed(
        code, expected=expected, got=got, remedy="check the server and the line, then run again"
    )


def too_large(limit: int) -> OutsideFailed:
    return OutsideFailed(
        "FETCH_TOO_LARGE",
        expected=f"a list of at most {limit} octets",
        got="more",
        remedy="check that this is the right list, then raise the limit",
    )


def no_room(wanted: int, free: int) -> OutsideFailed:
    return OutsideFailed(
        "FETCH_NO_ROOM",
        expected=f"{wanted} octets free for the rest of the list and as a margin",
        got=f"{free} octets",
        remedy="free space on the disk of the list archive, then run again",
    )


def changing() -> OutsideFailed:
    return OutsideFailed(
        "FETCH_CHANGING",
        expected="a file that rests while it is read",
        got="one that changed",
        remedy="write lists under another name and rename them when they are whole, then run again",
    )


def no_address() -> InputRefused:
    return InputRefused(
        "FETCH_ADDRESS",
        expected="an http or https address with a host",
        got="something else",
        remedy="correct the partition list; for LDAP, have another program put the lists into a folder",
    )


def encoded() -> InputRefused:
    return InputRefused(
        "FETCH_ENCODING",
        expected="the list as it was signed (Accept-Encoding: identity)",
        got="a Content-Encoding",
        remedy="have the server, or the cache before it, send lists without compression",
    )


def no_tls(error: aiohttp.ClientSSLError) -> OutsideFailed:
    """Why there is no connection that could be trusted."""
    found = error.certificate_error if isinstance(error, _CertificateError) else error.os_error
    if isinstance(found, ssl.SSLCertVerificationError):
        number = found.verify_code
        got = _CERTIFICATE.get(number, f"a certificate that fails (X.509 error {number})")
    else:
        reason = found.reason if isinstance(found, ssl.SSLError) else type(found).__name__
        got = f"no TLS handshake ({reason or 'no reason told'})"
    return OutsideFailed(
        "FETCH_TLS",
        expected="TLS 1.2 or newer, and a valid certificate of a trusted CA for this host",
        got=got,
        remedy="check the address, the server's certificate, our CA file and this machine's clock",
    )


#: What may pass by itself: no answer, half an answer.
PASSING: Final = frozenset({"FETCH_UNREACHABLE", "FETCH_TRUNCATED", "FETCH_TIMEOUT"})


def tries(limits: FetchLimits, passing: Collection[str] = PASSING) -> AsyncIterator[stamina.Attempt]:
    """The tries of one list. The context, not the decorator: that one logs a call's arguments."""

    def backoff(error: Exception) -> bool | float:
        """Is it worth another try, and after what wait if the server said one?"""
        if isinstance(error, BadStatus):
            asked = error.retry_after_s
            if asked is None:
                return error.status in {408, 425, 429} or error.status >= 500
            if asked > limits.wait_max_s:
                return False  # to come earlier than asked would be worse than not to come
            return asked + random.uniform(0, _JITTER * limits.wait_s)  # noqa: S311 - no secret
        return isinstance(error, OutsideFailed) and error.code in passing

    return stamina.retry_context(
        on=backoff,
        attempts=limits.attempts,
        timeout=None,
        wait_initial=limits.wait_s,
        wait_max=limits.wait_max_s,
        wait_jitter=_JITTER * limits.wait_s,
    )
