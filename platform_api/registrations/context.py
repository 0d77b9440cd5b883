"""The ``Watcher`` of an application, put together from its typed keys."""

from __future__ import annotations

from aiohttp import web

from platform_api.keys import AUTHORITIES, CLOCK, SEALER, STORE, TAGGER
from platform_api.registrations.watching import Watcher


def watcher_of(request: web.Request) -> Watcher:
    app = request.config_dict
    return Watcher(app[AUTHORITIES], app[STORE], app[SEALER], app[TAGGER], app[CLOCK])
