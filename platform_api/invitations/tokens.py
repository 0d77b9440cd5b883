"""The secrets of a letter: its token, its state parameters, its form's proof; and the tag of a pairwise id.

Only keyed hashes of them are stored, under the platform's own secret, which is not in the database. The label
keeps one use apart from another.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from platform_api.consents.receiving import SignedApplication
from platform_api.institutions.api_keys import KeyHasher

#: 192 bits: 32 characters in an address, a QR code of 37 modules.
_TOKEN_OCTETS: Final = 24
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
#: How long a page may lie open before its form is refused.
FORM_LIVES: Final = timedelta(hours=4)
_FORM: Final = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


def new_token() -> str:
    """A letter's token, a state parameter or a browser's mark."""
    return secrets.token_urlsafe(_TOKEN_OCTETS)


def well_formed(token: str) -> bool:
    return _TOKEN.fullmatch(token) is not None


@dataclass(frozen=True, slots=True)
class LetterHashes:
    """Every keyed hash that invitations know."""

    hasher: KeyHasher

    def token(self, token: str) -> bytes:
        return self.hasher.digest("invitation-token", token.encode())

    def state(self, state: str) -> bytes:
        return self.hasher.digest("invitation-state", state.encode())

    def browser(self, mark: str) -> bytes:
        return self.hasher.digest("invitation-browser", mark.encode())

    def certificate(self, invitation_id: UUID, certificate: bytes) -> bytes:
        """Another one in each invitation: two letters that one card signed do not look alike here."""
        return self.hasher.digest("invitation-certificate", invitation_id.bytes, certificate)

    def signed(self, invitation_id: UUID, signed: SignedApplication) -> bytes:
        return self.hasher.digest(
            "invitation-signed",
            invitation_id.bytes,
            signed.application,
            signed.signature,
            signed.signature_algorithm.encode(),
            signed.certificate,
        )

    def person(self, service_id: UUID, ppid: str) -> bytes:
        """The same person at the same service gives the same tag; at another service, another one."""
        return self.hasher.digest("invitation-ppid", service_id.bytes, ppid.encode())

    # -- the form of the customer's page -------------------------------------------------------------------

    def form(self, invitation_id: UUID, now: datetime) -> str:
        """What the page's forms carry: that we wrote this page, for this invitation, not long ago."""
        second = int(now.timestamp())
        return f"{second}.{self._form_mac(invitation_id, second).hex()}"

    def form_holds(self, invitation_id: UUID, given: str, now: datetime) -> bool:
        parts = _FORM.fullmatch(given)
        if parts is None:
            return False
        second = int(parts[1])
        age = now.timestamp() - second
        expected = self._form_mac(invitation_id, second).hex()
        return hmac.compare_digest(expected, parts[2]) and -60 <= age < FORM_LIVES.total_seconds()

    def _form_mac(self, invitation_id: UUID, second: int) -> bytes:
        return self.hasher.digest("invitation-form", invitation_id.bytes, second.to_bytes(8, "big"))
