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
from platform_api.upstream_ocsp.fields import HttpUrl, UpstreamOcspFields
from revocation.rounds import Patience

Seconds = Annotated[float, Field(gt=0, le=3600)]
LIVE_WAIT_S: Final = 600.0
#: A stretch of a night.
Window = Annotated[float, Field(ge=0, le=86400)]


class Settings(UpstreamOcspFields, BaseSettings):
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
    jlis_url: HttpUrl | None = Field(
        default=None, description="Base address of J-LIS (sandbox: of the sandbox), without a path."
    )
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
    snapshot_check_s: Seconds = Field(
        default=0.2, description="Seconds between two looks for a newly published snapshot."
    )

    ocsp_after_next_update: Literal["try_later", "unauthorized"] = Field(
        default="try_later",
        description="OCSP where no list is in force: try_later, or unauthorized (strict RFC 9919).",
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

    @model_validator(mode="after")
    def _live_has_no_sandbox(self) -> Self:
        if self.mode == "live" and self.sandbox_url is not None:
            raise ValueError("a live server takes no clock from a sandbox; unset sandbox_url")
        if self.dsn is None and (self.owner_dsn is not None or self.detector_dsn is not None):
            raise ValueError("owner_dsn and detector_dsn go with dsn; set it too, or unset all three")
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
