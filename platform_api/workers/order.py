"""What a worker is told at its start, on its standard input: no argument, no variable holds a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import orjson
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from platform_api.config import Settings


@dataclass(frozen=True, slots=True, repr=False)
class Launch:
    """Which workers a supervisor starts, and how patient it is with them."""

    #: Run with ``python -m``; it calls ``post.man``.
    module: str
    #: What each is given, JSON values and paths and secrets; ``Post.given`` there.
    given: Mapping[str, Any]
    #: Seconds that running requests get when they stop.
    shutdown_s: float
    #: Seconds that the others wait for one that cannot open a new set.
    flip_wait_s: float


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """What is given, place and inherited descriptors of one worker."""

    given: Mapping[str, Any]
    index: int
    #: Process id of who started it.
    supervisor: int
    #: Descriptors: the shared memory, a bound socket that does not listen yet, our end of the channel.
    shared: int
    listener: int
    control: int

    def write(self, pipe: IO[bytes]) -> None:
        """Less than a pipe holds, so it never waits for the worker to read."""
        pipe.write(orjson.dumps(asdict(self), default=_plain, option=orjson.OPT_NON_STR_KEYS))

    @classmethod
    def read(cls, pipe: IO[bytes]) -> Order:
        return cls(**orjson.loads(pipe.read()))


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


def handed_settings(given: Mapping[str, Any]) -> Settings:
    """The settings again that were given as ``settings.model_dump()``."""
    return _Handed(**given)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)
