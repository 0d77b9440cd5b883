"""The settings of invitations and of the apps that customers sign in, a part of ``config.Settings``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from platform_api.setting_types import HttpUrl

Origin = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.\[\]:_-]+$", max_length=255)]


class HolderAppFields(BaseModel):
    """Names as they stand in the environment, behind ``JPKI_``."""

    public_url: Origin | None = Field(
        default=None,
        description="Under which address customers reach this server, without a path: what stands on"
        " letters. "
        "Unset: no invitations. https in live mode.",
    )
    letter_misses_per_minute: int = Field(
        default=60,
        ge=0,
        le=100_000,
        description="Unknown letter addresses that one connected address may try in a minute, in each"
        " process; "
        "0: no limit (where a proxy in front has one).",
    )
    sandbox_app_url: Origin | None = Field(
        default=None,
        description="Where browsers reach the sandbox's signing page; unset: as sandbox_url.",
    )
    mynaportal_url: HttpUrl | None = Field(
        default=None,
        description="Address of Mynaportal's consent support (本人同意の取得支援サービス). Its interface"
        " is under "
        "contract: with an address set, the port says so and does nothing.",
    )
    mynaportal_client_id: str | None = Field(
        default=None, max_length=200, description="Our client id there, from the contract."
    )
    digital_auth_issuer: HttpUrl | None = Field(
        default=None,
        description="OpenID issuer of デジタル認証アプリ. Its private-sector interface is under"
        " contract: with an "
        "issuer set, the port says so and does nothing.",
    )
    digital_auth_client_id: str | None = Field(
        default=None, max_length=200, description="Our client id there, from the contract."
    )
    digital_auth_acr_values: Annotated[str, Field(pattern=r"^[a-z0-9 _:.-]{1,100}$")] = Field(
        default="aal3 crl", description="acr_values of the authorization request (OIDC code flow, PKCE S256)."
    )
    digital_auth_scope: Annotated[str, Field(pattern=r"^[a-z0-9 _:.-]{1,100}$")] = Field(
        default="openid sign", description="Scopes asked for; the signature goes by sign_transaction_id."
    )
