"""The real application on a test database, with operations of a test beside its own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from platform_api import openapi
from platform_api.app import create_app
from platform_api.config import Settings
from platform_api.endpoint import mount
from platform_api.key_files import write_secret_once
from platform_api.logs import Dropped, make_log
from platform_api.operations import operations_of
from tests.base.postgres import TestDatabase

openapi.generate()  # imports every feature once, outside any loop: that alone would count as blocking it

Client = TestClient[web.Request, web.Application]


@dataclass(frozen=True)
class RunningApp:
    """A started application and what it wrote to its log."""

    client: Client
    app: web.Application
    log: io.StringIO
    dropped: Dropped

    def events(self) -> list[dict[str, object]]:
        return [orjson.loads(line) for line in self.log.getvalue().splitlines()]


async def settings_for(database: TestDatabase, data_dir: Path, **overrides: object) -> Settings:
    """Settings by which the application uses the test's database and keys."""
    return await asyncio.to_thread(_settings, database, data_dir, overrides)


def _settings(database: TestDatabase, data_dir: Path, overrides: dict[str, Any]) -> Settings:
    keys = data_dir / "keys"
    write_secret_once(keys / "api_key.key", bytes(range(32, 64)))
    kek = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # bytes(range(32)), as in postgres.py
    write_secret_once(keys / "kek.json", orjson.dumps({"current": "kek-1", "keys": {"kek-1": kek}}))
    given: dict[str, Any] = {"data_dir": data_dir, "dsn": SecretStr(database.app_dsn), "pool_size": 4}
    return Settings(**(given | overrides))


@asynccontextmanager
async def running(
    settings: Settings, *modules: ModuleType, state: Mapping[web.AppKey[Any], Any] | None = None
) -> AsyncIterator[RunningApp]:
    """The application, started; ``modules`` hold more operations, ``state`` what those need."""
    log, dropped = io.StringIO(), Dropped()
    app = create_app(settings, log=make_log(log, dropped=dropped), dropped=dropped)
    for key, value in (state or {}).items():
        app[key] = value
    for module in modules:
        mount(app, operations_of(module))
    async with TestClient(TestServer(app)) as client:
        yield RunningApp(client, app, log, dropped)
