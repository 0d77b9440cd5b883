"""Where customers sign: by settings, and a clear no where only a port stands."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from platform_api.config import Settings, load_settings
from platform_api.doctor import examine
from platform_api.faults import SetupRefused
from platform_api.holder_apps.context import holder_apps, ports_under_contract
from platform_api.holder_apps.port import HolderAppFailed, SigningRequest
from platform_api.holder_apps.sandbox import SandboxApp
from platform_api.keys import HOLDER_APPS, SETTINGS

REQUEST = SigningRequest("s" * 20, b"<x/>", "http://127.0.0.1/c/callback/sandbox", "ja")


@pytest.mark.parametrize("name", ["mynaportal", "digital_auth"])
async def test_a_port_under_contract_refuses(name: str) -> None:
    """It is not offered, and whoever uses it all the same reads why: no pretence of an interface nobody
    has seen.
    """
    settings = await asyncio.to_thread(
        Settings,
        mynaportal_url="https://myna.example/consent",
        digital_auth_issuer="https://auth.example",
        digital_auth_client_id="client-1",
    )
    port = {one.name: one for one in ports_under_contract(settings)}[name]
    assert not port.usable
    assert port.origin in ("https://myna.example", "https://auth.example")
    for going in (port.start(REQUEST), port.finish("ticket", "code")):
        with pytest.raises(HolderAppFailed) as refused:
            await going
        assert refused.value.code == "HOLDER_APP_UNDER_CONTRACT"
        assert "contract" in refused.value.got


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, []),
        ({"sandbox_url": "http://127.0.0.1:9"}, ["sandbox"]),
        ({"mode": "live", "mynaportal_url": "https://myna.example"}, ["mynaportal"]),
    ],
)
async def test_which_apps_there_are(given: dict[str, Any], names: list[str]) -> None:
    """The sandbox's where there is one, never in live mode; the ports where they have an address."""
    app = web.Application()
    app[SETTINGS] = await asyncio.to_thread(Settings, **given)
    async for _ in holder_apps(app):
        assert list(app[HOLDER_APPS]) == names


async def test_browsers_may_know_the_sandbox_by_another_address() -> None:
    """The server asks by one, the browser is sent to the other; the page's policy names the browser's."""
    app = SandboxApp("http://10.0.0.1:8081", browser_url="https://sandbox.example")
    assert app.origin == "https://sandbox.example"


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500),
        web.Response(text="[]"),
        web.Response(text="no json"),
        web.Response(text='{"request_id": 1, "ticket": "t"}'),
        web.Response(status=302, headers={"Location": "https://elsewhere.example"}),
        web.Response(text='{"request_id": "' + "x" * 70_000 + '"}'),
    ],
)
async def test_an_app_that_answers_something_else(answer: web.Response) -> None:
    """One failure with a code; nothing of the answer in it."""
    body, status, headers = answer.text, answer.status, answer.headers

    async def answered(_: web.Request) -> web.Response:
        return web.Response(text=body or "", status=status, headers={"Location": headers.get("Location", "")})

    server = web.Application()
    server.router.add_post("/app/v1/{rest}", answered)
    async with TestServer(server) as running, SandboxApp(str(running.make_url(""))) as app:
        with pytest.raises(HolderAppFailed) as failed:
            await app.start(REQUEST)
        with pytest.raises(HolderAppFailed):
            await app.finish("ticket", "code")
    assert failed.value.code == "HOLDER_APP_FAILED"
    assert "elsewhere" not in str(failed.value)


async def test_an_app_that_is_away() -> None:
    """The same."""
    async with SandboxApp("http://127.0.0.1:9") as app:
        with pytest.raises(HolderAppFailed, match="HOLDER_APP_FAILED"):
            await app.start(REQUEST)


async def test_octets_that_are_no_base64() -> None:
    """What was signed is read strictly."""

    async def answered(_: web.Request) -> web.Response:
        good = b64encode(b"x").decode()
        values = {"application": good, "signature": good, "certificate": "%%", "signature_algorithm": "x"}
        return web.json_response(values | {"ppid": "p"})

    server = web.Application()
    server.router.add_post("/app/v1/{rest}", answered)
    async with TestServer(server) as running, SandboxApp(str(running.make_url(""))) as app:
        with pytest.raises(HolderAppFailed):
            await app.finish("ticket", "code")


def test_doctor_says_whether_letters_can_be_printed(tmp_path: Any) -> None:
    """Off; on with the sandbox's app; on without any app is a thing to correct."""

    def said(**given: Any) -> tuple[str, bool]:
        found = [one for one in examine(Settings(data_dir=tmp_path, **given)) if one.what == "invitations"]
        return found[0].found, found[0].ok

    assert said() == ("off: no public_url (set JPKI_PUBLIC_URL to print letters)", True)
    public = "https://letters.example"
    assert said(public_url=public, sandbox_url="http://127.0.0.1:9")[1]
    assert not said(public_url=public)[1]


@pytest.mark.parametrize(
    ("mode", "url"),
    [
        ("live", "http://letters.example"),
        ("sandbox", "https://letters.example/path"),
        ("sandbox", "ftp://letters.example"),
        ("sandbox", "https://letters.example?x"),
    ],
)
def test_public_addresses_that_are_none(tmp_path: Any, mode: str, url: str) -> None:
    """No path, no other scheme, and TLS for real customers."""
    with pytest.raises(SetupRefused):
        load_settings(data_dir=tmp_path, mode=mode, public_url=url)
