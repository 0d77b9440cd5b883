"""All settings, in one object that is read and checked once, at the start.

Where a value comes from, first one wins: the command line, the environment (``JPKI_PORT=8080``), the file
``jpki.toml`` in the data folder, the default here. A setting that makes no sense is refused at the start with
its name and what was expected; its value is not repeated, because it may be a password.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from platform_api.faults import SetupRefused
from platform_api.four_information.rules import FourInformationFields
from platform_api.holder_apps.fields import HolderAppFields
from platform_api.jlis.fields import JlisFields
from platform_api.ocsp.policy_fields import OcspPolicyFields
from platform_api.setting_types import HttpUrl
from platform_api.upstream_ocsp.fields import BY_J_LIS, UpstreamOcspFields
from platform_api.workers.layout import MOST_WORKERS
from revocation.rounds import Patience

Seconds = Annotated[float, Field(gt=0, le=3600)]
LIVE_WAIT_S: Final = 600.0
#: A stretch of a night.
Window = Annotated[float, Field(ge=0, le=86400)]


class Settings(
    OcspPolicyFields, UpstreamOcspFields, JlisFields, HolderAppFields, FourInformationFields, BaseSettings
):
    """Settings of ``jpki serve`` and ``jpki nightly``; both must see the same ones."""

    model_config = SettingsConfigDict(
        env_prefix="JPKI_", extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    mode: Literal["sandbox", "live"] = Field(
        default="sandbox",
        description="sandbox: a simulated J-LIS, its clock, test keys only. live: live keys only, real time.",
    )
    data_dir: Path = Field(
        default=Path("jpki-data"),
        description="Folder of keys, snapshots, archive, embedded database; only this user may enter it.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.", max_length=255)
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    tls_certificate: Path | None = Field(
        default=None,
        description="Serve HTTPS with this certificate and its intermediates, PEM; changes are followed.",
    )
    tls_key: Path | None = Field(
        default=None, description="Its key, PEM without a password, mode 0600; goes with tls_certificate."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="Ask clients for certificates of these CAs, PEM; one that is bound to an API key asks "
        "OCSP as that key.",
    )
    tls_check_s: Seconds = Field(
        default=10.0, description="Seconds between two looks whether the TLS files have changed."
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=MOST_WORKERS,
        description="Processes that answer as one on the same port; about one for each core.",
    )
    admin_host: str = Field(
        default="127.0.0.1", description="Address of the port admin_port.", max_length=255
    )
    admin_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="With workers above 1: TCP port for /metrics, /health/live and /health/ready of all.",
    )
    dsn: SecretStr | None = Field(
        default=None,
        description="PostgreSQL 15 or newer as role jpki_app; unset: the embedded one in the data folder.",
    )
    owner_dsn: SecretStr | None = Field(
        default=None,
        description="The same database as jpki_owner, for migrations; unset: no migration at start.",
    )
    detector_dsn: SecretStr | None = Field(
        default=None, description="The same database as role detector; needed by jpki nightly."
    )
    pool_size: int = Field(default=10, ge=2, le=200, description="Most database connections of one process.")
    sandbox_url: HttpUrl | None = Field(
        default=None,
        description="Base address of the sandbox whose clock we follow; sandbox mode only; unset: real time.",
    )
    body_timeout_s: Seconds = Field(
        default=10.0, description="Seconds in which a request's body must have arrived, else 408."
    )
    shutdown_s: Seconds = Field(
        default=10.0, description="Seconds that running requests get to end when the server stops."
    )
    unready_s: Window = Field(
        default=0.0,
        description="Seconds that a server told to stop goes on taking connections while /readyz says no: "
        "as long as the load balancer needs to see it.",
    )
    snapshot_flip_wait_s: Seconds = Field(
        default=5.0,
        description="Seconds that workers wait for one that cannot open a new snapshot; then it answers "
        "tryLater until it can, and the others go on.",
    )
    responder_check_s: Seconds = Field(
        default=3.0,
        description="Seconds between two looks for new pairs in keys/responders/; one is taken at the second "
        "look that finds it the same.",
    )
    snapshot_check_s: Seconds = Field(
        default=0.2, description="Seconds between two looks for a newly published snapshot."
    )

    ocsp_callers: Literal["identified", "everybody"] | None = Field(
        default=None,
        description="Who may ask OCSP: identified callers, or everybody (with public caching headers, "
        "RFC 9919; sandbox mode only). Unset: identified in live mode, everybody in sandbox mode.",
    )
    ocsp_cache_mib: int = Field(
        default=256, ge=1, le=65_536, description="MiB for signed answers, in each process; used as needed."
    )
    ocsp_signing_share: float = Field(
        default=0.75, gt=0, le=1, description="Most of a process's time that signatures for nonces may take."
    )
    ocsp_signing_threads: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Threads for keys whose signatures take long (RSA, P-384, PKCS#11); unset: one for each "
        "core of the process, two at most.",
    )
    ocsp_signing_queue: int = Field(
        default=256, ge=1, le=65_536, description="Such signatures that may wait; more are answered tryLater."
    )
    connections: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Most open connections of one process."
    )
    ocsp_rate_per_s: int = Field(
        default=2000,
        ge=1,
        le=10_000_000,
        description="OCSP requests a second of one API key without its own limit.",
    )
    ocsp_burst: int = Field(
        default=4000, ge=1, le=10_000_000, description="OCSP requests that such a key may make at once."
    )
    ocsp_networks: bool = Field(
        default=False,
        description="Let networks that are bound to an API key ask OCSP without the key. The connected "
        "address counts: not for a server behind a proxy, nor for a client behind a shared NAT.",
    )
    caller_ttl_s: Annotated[float, Field(ge=0.1, le=60)] = Field(
        default=5.0, description="Seconds within which a revoked API key or binding stops asking OCSP."
    )
    caller_grace_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=300.0,
        description="Seconds that callers known before go on asking OCSP while the database is away.",
    )

    lists_wait_s: Window | None = Field(
        default=None,
        description="Seconds that a night asks again for missing lists before it publishes without them; "
        "unset: 600 in live mode, 0 in sandbox mode.",
    )
    lists_poll_s: Seconds = Field(default=30.0, description="Seconds between two rounds of asking.")
    lists_late_s: Window = Field(
        default=0.0,
        description="Seconds to go on asking after the publish; each late list is published again.",
    )

    refresh_every_s: Annotated[float, Field(ge=1, le=86400)] = Field(
        default=900.0, description="Seconds between the beginnings of two passes of jpki worker."
    )

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.mode == "live" and self.sandbox_url is not None:
            raise ValueError("a live server takes no clock from a sandbox; unset sandbox_url")
        if self.mode == "live" and self.ocsp_callers == "everybody":
            raise ValueError("a live server answers identified callers only; unset ocsp_callers")
        if self.mode == "live" and not self.jlis_is_protected:
            raise ValueError("a live server asks J-LIS over https, or on this machine; correct jlis_url")
        if self.jlis_url is None and BY_J_LIS in (self.upstream_ocsp_url, *self.upstream_ocsp_urls.values()):
            raise ValueError("upstream_ocsp_url = jlis asks through the gateway; set jlis_url too")
        if self.mode == "live" and (self.public_url or "https:").startswith("http:"):
            raise ValueError("customers of a live server come by TLS; give public_url as https://")
        if self.dsn is None and (self.owner_dsn is not None or self.detector_dsn is not None):
            raise ValueError("owner_dsn and detector_dsn go with dsn; set it too, or unset all three")
        if self.admin_port is not None and self.workers == 1:
            raise ValueError("one process tells its metrics and health on its own port; unset admin_port")
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together; set both or neither")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env: one place less to look
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = {**env_settings(), **init_settings()}
        data_dir = Path(given.get("data_dir", cls.model_fields["data_dir"].default))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, data_dir / "jpki.toml")

    @property
    def patience(self) -> Patience:
        """How long a night waits for lists."""
        wait_s = self.lists_wait_s
        if wait_s is None:
            wait_s = LIVE_WAIT_S if self.mode == "live" else 0.0
        return Patience(wait_s, self.lists_poll_s, self.lists_late_s)

    @property
    def ocsp_identified(self) -> bool:
        """Is everybody who asks OCSP asked who they are?"""
        if self.ocsp_callers is None:
            return self.mode == "live"
        return self.ocsp_callers == "identified"

    # -- names inside the data folder ----------------------------------------------------------------------

    @property
    def keys_dir(self) -> Path:
        return self.data_dir / "keys"

    @property
    def snapshots_dir(self) -> Path:
        return self.data_dir / "snapshots"

    @property
    def archive_dir(self) -> Path:
        return self.data_dir / "archive"

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def authorities_file(self) -> Path:
        return self.data_dir / "authorities.json"


def load_settings(**overrides: Any) -> Settings:
    """Read and check the settings; ``None`` among the overrides means "not given on the command line"."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as refused:
        first = refused.errors(include_input=False, include_context=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SetupRefused(
            "SETTING_REFUSED",
            expected=f"a good value of {name}",
            got=f"one that is refused ({first['msg']})",
            remedy=f"correct it on the command line, in JPKI_{name.upper()} or in jpki.toml",
        ) from None
    except (OSError, ValueError) as unreadable:
        raise SetupRefused(
            "SETTINGS_UNREADABLE",
            expected="a readable TOML file jpki.toml, or none",
            got=type(unreadable).__name__,
            remedy="correct or remove jpki.toml in the data folder",
        ) from None
