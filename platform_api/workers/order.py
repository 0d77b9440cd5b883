"""What a worker is told at its start, on its standard input: no argument, no variable holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from platform_api.config import Settings


class _Handed(Settings):
    """Settings exactly as the supervisor read them: no variable, no file is asked again."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """Settings, place and inherited descriptors of one worker."""

    settings: Settings
    index: int
    #: Process id of who started it.
    supervisor: int
    #: Descriptors: the shared memory, a bound socket that does not listen yet, our end of the channel.
    shared: int
    listener: int
    control: int

    def write(self, pipe: IO[bytes]) -> None:
        """Less than a pipe holds, so it never waits for the worker to read."""
        record = {
            "settings": self.settings.model_dump(),
            "index": self.index,
            "supervisor": self.supervisor,
            "shared": self.shared,
            "listener": self.listener,
            "control": self.control,
        }
        pipe.write(orjson.dumps(record, default=_plain))

    @classmethod
    def read(cls, pipe: IO[bytes]) -> Order:
        record = orjson.loads(pipe.read())
        return cls(**(record | {"settings": _Handed(**record["settings"])}))


def _plain(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(type(value).__name__)
