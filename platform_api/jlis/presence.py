"""The application's gateway, or one sentence about its absence."""

from __future__ import annotations

from aiohttp import web

from platform_api.jlis.gateway import Gateway
from platform_api.jlis.opening import for_awaited_batches
from platform_api.keys import JLIS
from platform_api.problems import Problem


def gateway_of(request: web.Request) -> Gateway:
    app = request.config_dict
    if JLIS not in app:
        raise Problem(
            503,
            "JLIS_NOT_CONFIGURED",
            en="This server has no address of J-LIS; the operator sets jlis_url.",
            ja="このサーバーにはJ-LISの接続先が設定されていません。運営者に連絡してください。",
        )
    gateway: Gateway = app[JLIS]
    return gateway


def batch_gateway_of(request: web.Request) -> Gateway:
    """For a request that asks about many: it gets the batches' share of the lines."""
    return for_awaited_batches(gateway_of(request))
