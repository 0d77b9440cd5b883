"""The application: the table of contents of the service, without logic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from platform_api.contexts import CONTEXTS
from platform_api.keys import DROPPED, LOG, METRICS, PLACE, SETTINGS, STOPPING
from platform_api.logs import Dropped, make_log
from platform_api.metrics import Metrics
from platform_api.middlewares import edge
from platform_api.routes import add_all
from platform_api.workers.place import Place

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.logs import Log

#: Above every operation's own limit; those are checked while the body is read.
_MOST_BODY = 16 * 1024 * 1024


def create_app(
    settings: Settings,
    *,
    log: Log | None = None,
    dropped: Dropped | None = None,
    place: Place | None = None,
) -> web.Application:
    """The whole service; its resources are opened when it is started, in the order of ``CONTEXTS``.

    ``place``: of a worker; not given: this process is alone.
    """
    app = web.Application(middlewares=[edge], client_max_size=_MOST_BODY)
    app[SETTINGS] = settings
    app[DROPPED] = dropped or Dropped()
    app[PLACE] = place or Place.alone()
    worker = app[PLACE].part.index if app[PLACE].supervised else None
    app[LOG] = log or make_log(dropped=app[DROPPED], worker=worker)
    app[METRICS] = Metrics(app[PLACE])
    app[STOPPING] = asyncio.Event()
    app.on_shutdown.append(_tell_long_polls)
    app.cleanup_ctx.extend(CONTEXTS)
    add_all(app)
    return app


async def _tell_long_polls(app: web.Application) -> None:
    app[STOPPING].set()
