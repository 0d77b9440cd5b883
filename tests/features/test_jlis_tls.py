"""T41 over TLS: who J-LIS must be, who we are on its line, and that nothing is sent to anybody else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from platform_api.config import Settings
from platform_api.jlis.fields import JlisFields
from platform_api.jlis.gateway import QueryOutcome
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.settings import GatewaySettings, gateway_settings
from revocation.errors import OutsideFailed, RevocationError
from tests.base.test_tls import CA, CLIENT, SERVER, written
from tests.features.chaos_jlis import ChaosJlis, chaos
from tests.features.test_jlis_http import QUERY
from tests.features.test_jlis_line import NONE, line

pytestmark = pytest.mark.timeout(60)


def server_context(folder: Path, *, client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*SERVER.write(folder, "server"))
    if client:
        context.load_verify_locations(cadata=CA.pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def settings_of(here: ChaosJlis, **fields: Any) -> GatewaySettings:
    made = JlisFields(jlis_url=here.url, **fields)
    return await asyncio.to_thread(gateway_settings, made)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, None),
        ({"name": "localhost"}, "JLIS_TLS_REFUSED"),
        ({"jlis_ca": "other"}, "JLIS_TLS_REFUSED"),
        ({"jlis_ca": None}, "JLIS_TLS_REFUSED"),
    ],
)
async def test_t41_another_name_or_another_ca_gets_nothing(
    tmp_path: Path, fields: dict[str, Any], code: str | None
) -> None:
    """By its CA and its name J-LIS is asked; by another of either, nothing is sent and nothing repeated."""
    server, _ = await asyncio.to_thread(SERVER.write, tmp_path, "vouching")
    other, _ = await asyncio.to_thread(CA.write, tmp_path, "other")
    given = {"jlis_ca": server} | fields
    if given["jlis_ca"] == "other":
        given["jlis_ca"] = other
    context = await asyncio.to_thread(server_context, tmp_path)
    async with chaos(NONE, context=context) as here:
        here.url = here.url.replace("127.0.0.1", given.pop("name", "127.0.0.1"))
        async with HttpGateway(await settings_of(here, **given)) as gateway:
            if code is None:
                assert (
                    await gateway.query_four_information(QUERY)
                ).outcome is QueryOutcome.NO_NEW_CERTIFICATE
                return
            with pytest.raises(OutsideFailed, match=code):
                await gateway.query_four_information(QUERY)
        assert (here.requests, here.connections) == ([], 0)


async def test_t41_our_certificate_is_shown_on_the_line(tmp_path: Path) -> None:
    """A server that wants one gets ours; without it there is no answer, by a code of ours."""
    vouching, _ = await asyncio.to_thread(SERVER.write, tmp_path, "vouching")
    certificate, key = await written(CLIENT, tmp_path)
    context = await asyncio.to_thread(lambda: server_context(tmp_path, client=True))
    async with chaos(NONE, context=context) as here:
        ours = await settings_of(
            here, jlis_ca=vouching, jlis_client_certificate=certificate, jlis_client_key=key
        )
        async with HttpGateway(ours) as gateway:
            assert (await gateway.query_four_information(QUERY)).outcome is QueryOutcome.NO_NEW_CERTIFICATE
        here.requests.clear()
        async with HttpGateway(await settings_of(here, jlis_ca=vouching)) as gateway:
            with pytest.raises(OutsideFailed, match=r"JLIS_TLS_REFUSED|JLIS_UNREACHABLE"):
                await gateway.query_four_information(QUERY)
        assert here.requests == []


async def test_t41_plain_http_where_tls_is_meant() -> None:
    """A server that speaks plain HTTP at an https address gets nothing."""
    async with chaos(NONE) as here:
        here.url = here.url.replace("http:", "https:")
        async with line(here) as gateway:
            with pytest.raises(RevocationError, match=r"JLIS_(TLS_REFUSED|UNREACHABLE|TIMEOUT)"):
                await gateway.query_four_information(QUERY)
        assert here.requests == []


def test_t41_a_live_server_asks_by_tls_or_on_this_machine() -> None:
    """Plain HTTP to another host is refused at the start, also to one whose name begins like this one's."""
    for url in ("http://jlis.example", "http://192.0.2.1:8443", "http://127.0.0.1.example"):
        with pytest.raises(ValueError, match="https"):
            Settings(mode="live", jlis_url=url)
        Settings(mode="sandbox", jlis_url=url)
    for url in ("https://jlis.example", "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        Settings(mode="live", jlis_url=url)
