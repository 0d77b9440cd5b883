"""Ports to Mynaportal and to デジタル認証アプリ: what is publicly known of them, and no pretence of the rest.

Known (jpki.md sections 4.2 and 8). デジタル認証アプリ: OAuth 2.0 / OpenID Connect authorization code flow
with PKCE S256 only; scopes openid, name, address, birthdate, gender, sign; ``acr_values`` such as ``aal3
crl``; what is to be signed is announced and goes by ``sign_transaction_id``. Mynaportal's consent support:
link or QR code by letter or e-mail, signature by card, then consent, certificate information and PPID.
Messages, endpoints and errors of both are under contract and not public, so both refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from platform_api.holder_apps.port import Departure, HolderAppFailed, Signed, SigningRequest

MYNAPORTAL: Final = "mynaportal"
DIGITAL_AUTH: Final = "digital_auth"


@dataclass(frozen=True, slots=True)
class MynaportalSettings:
    url: str
    client_id: str | None


@dataclass(frozen=True, slots=True)
class DigitalAuthSettings:
    issuer: str
    client_id: str | None
    acr_values: str
    scope: str
    #: The only method that the app takes (RFC 7636).
    code_challenge_method: str = "S256"


@dataclass(frozen=True, slots=True)
class UnderContract:
    """A port with settings and nothing behind it."""

    name: str
    title: str
    settings: MynaportalSettings | DigitalAuthSettings

    @property
    def usable(self) -> bool:
        return False

    @property
    def origin(self) -> str:
        address = self.settings.url if isinstance(self.settings, MynaportalSettings) else self.settings.issuer
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}"

    async def start(self, request: SigningRequest) -> Departure:  # noqa: ARG002 - the port's signature
        raise self._refused()

    async def finish(self, ticket: str, code: str) -> Signed:  # noqa: ARG002
        raise self._refused()

    def _refused(self) -> HolderAppFailed:
        return HolderAppFailed(
            "HOLDER_APP_UNDER_CONTRACT",
            expected=f"an implementation of the interface of {self.title}",
            got="only its port: the real interface is handed out under contract",
            remedy="sign that contract and write the implementation against it; until then use another app",
        )


def mynaportal(settings: MynaportalSettings) -> UnderContract:
    return UnderContract(MYNAPORTAL, "Mynaportal (本人同意の取得支援サービス)", settings)


def digital_auth(settings: DigitalAuthSettings) -> UnderContract:
    return UnderContract(DIGITAL_AUTH, "デジタル認証アプリ", settings)
