"""The sandbox's app: announced, read, signed with card or phone and PIN, fetched once; or not signed."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer

from platform_api.certificates.profile import read_certificate
from platform_api.certificates.signature import document_signed, signature_algorithm
from platform_api.consents.application import parse_application
from platform_api.holder_apps.port import HolderAppFailed, SigningRequest
from platform_api.holder_apps.sandbox import SandboxApp
from platform_api.sandbox.app import make_app
from platform_api.sandbox.holder_app import PIN, HolderRequests
from platform_api.sandbox.holder_app import SigningRequest as Announced
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.world import World
from tests.features.letter_reading import check_accessible, check_self_contained, read_page
from tests.features.test_consents import WRITTEN

Client = TestClient[Any, Any]
RETURN = "http://127.0.0.1:8080/c/callback/sandbox"
APPLICATION = WRITTEN.encode()


@pytest.fixture
async def client(fresh: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(fresh))) as opened:
        yield opened


@pytest.fixture
async def app(client: Client) -> AsyncIterator[SandboxApp]:
    async with SandboxApp(str(client.make_url("")).rstrip("/")) as opened:
        yield opened


_numbers = iter(range(10_000))


def request(**changes: Any) -> SigningRequest:
    values: dict[str, Any] = {
        "state": f"state-{next(_numbers):020}",
        "application": APPLICATION,
        "return_url": RETURN,
        "language": "ja",
    }
    return SigningRequest(**(values | changes))


def somebody(world: World, *kinds: str) -> str:
    """A resident with valid certificates of these kinds."""
    for number in range(1, world.settings.residents + 1):
        resident = world.resident(f"r-{number:06d}")
        if all(resident.valid(kind, world.clock.now()) is not None for kind in kinds):
            return resident.resident_id
    raise AssertionError("expected somebody with these kinds")


async def press(client: Client, url: str, **form: str) -> tuple[int, str, str]:
    """Status, where the browser is sent, and the page."""
    request_id = parse_qs(urlsplit(url).query)["request"][0]
    data = {"request": request_id, "act": "sign", "kind": "card-sign", "pin": PIN} | form
    async with client.post("/app/sign", data=data, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


def query_of(location: str) -> dict[str, str]:
    assert location.startswith(f"{RETURN}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.mark.parametrize("kind", ["card-sign", "mobile-sign"])
async def test_signed_with_card_or_phone(client: Client, app: SandboxApp, fresh: World, kind: str) -> None:
    """The very octets that were announced, by that person's key; the state comes back, the code works
    once.
    """
    asked = request()
    departure = await app.start(asked)
    person = somebody(fresh, kind)
    status, location, _ = await press(client, departure.url, person=person, kind=kind)
    assert status == 303
    back = query_of(location)
    assert back.keys() == {"state", "code"}
    assert back["state"] == asked.state
    with pytest.raises(HolderAppFailed):
        await app.finish("another-ticket", back["code"])
    signed = await app.finish(departure.ticket, back["code"])
    assert signed.application.application == APPLICATION
    with pytest.raises(HolderAppFailed):
        await app.finish(departure.ticket, back["code"])
    certificate = read_certificate(signed.application.certificate)
    assert certificate.four_information is not None
    assert signed.application.signature_algorithm == signature_algorithm(certificate)
    assert document_signed(certificate, APPLICATION, signed.application.signature)
    status, _, _ = await press(client, departure.url, person=person)
    assert status == 404


async def _ppid(client: Client, app: SandboxApp, person: str, kind: str, octets: bytes) -> str | None:
    departure = await app.start(request(application=octets))
    _, location, _ = await press(client, departure.url, person=person, kind=kind)
    return (await app.finish(departure.ticket, query_of(location)["code"])).ppid


async def test_a_pairwise_id_is_a_persons_at_a_service(client: Client, app: SandboxApp, fresh: World) -> None:
    """Card and phone alike; another service, another person: another one."""
    person = somebody(fresh, "card-sign", "mobile-sign")
    other = next(
        one.resident_id
        for one in (fresh.resident(f"r-{n:06d}") for n in range(1, 121))
        if one.resident_id != person and one.valid("card-sign", fresh.clock.now()) is not None
    )
    first = await _ppid(client, app, person, "card-sign", APPLICATION)
    assert await _ppid(client, app, person, "mobile-sign", APPLICATION) == first
    assert await _ppid(client, app, other, "card-sign", APPLICATION) != first
    elsewhere = APPLICATION.replace(b"svc-1", b"svc-2")
    assert await _ppid(client, app, person, "card-sign", elsewhere) != first


async def test_wrong_pin(client: Client, app: SandboxApp, fresh: World) -> None:
    """Four times a sentence with what is left, the fifth time back with pin_locked; nothing is signed."""
    asked = request()
    departure = await app.start(asked)
    person = somebody(fresh, "card-sign")
    for left in (4, 3, 2, 1):
        status, _, page = await press(client, departure.url, person=person, pin="abc123")
        assert (status, f"残り回数: {left}" in " ".join(page.split())) == (422, True)
        assert "abc123" not in page
    status, location, _ = await press(client, departure.url, person=person, pin="")
    assert (status, query_of(location)) == (303, {"state": asked.state, "error": "pin_locked"})
    assert (await press(client, departure.url, person=person))[0] == 404


async def test_not_signed(client: Client, app: SandboxApp) -> None:
    """署名しない: back with access_denied, and the request is over."""
    asked = request()
    departure = await app.start(asked)
    _, location, _ = await press(client, departure.url, act="cancel")
    assert query_of(location) == {"state": asked.state, "error": "access_denied"}
    assert (await press(client, departure.url))[0] == 404


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"person": "r-999999"}, "その番号の住民はいません"),
        ({"person": "<b>"}, "その番号の住民はいません"),
        ({"person": "r-000001", "kind": "card-auth"}, "カードかスマートフォン"),
    ],
)
async def test_who_cannot_sign(client: Client, app: SandboxApp, form: dict[str, str], sentence: str) -> None:
    """A sentence, and another try."""
    departure = await app.start(request())
    status, _, page = await press(client, departure.url, **form)
    assert (status, sentence in page) == (422, True)
    assert "<b>" not in page


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_the_page_shows_what_is_signed(client: Client, app: SandboxApp, language: str) -> None:
    """Every field of the application, and the document itself, escaped; nothing from elsewhere; for
    everybody.
    """
    departure = await app.start(request(language=language))
    async with client.get(departure.url.removeprefix(str(client.make_url("")).rstrip("/"))) as answer:
        text, headers = await answer.text(), answer.headers
    application = parse_application(APPLICATION)
    for shown in (application.institution_code, application.service_code, application.text_version):
        assert shown in text
    shown_document = re.search(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    assert shown_document is not None
    assert "&lt;版&gt;1.0" in shown_document[1]
    assert "'unsafe" not in headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:8080;" in headers["Content-Security-Policy"]
    page = read_page(text)
    check_accessible(page, language)
    check_self_contained(page)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/c/callback/sandbox",
        "http://127.0.0.1.evil.example/c/callback/sandbox",
        "http://127.0.0.1@evil.example/c/callback/sandbox",
        "http://user@127.0.0.1/c/callback/sandbox",
        "http://127.0.0.1/elsewhere",
        "http://127.0.0.1/c/callback/sandbox?next=x",
        "http://127.0.0.1/c/callback/sandbox#x",
        "javascript://127.0.0.1/c/callback/sandbox",
        "http://127.0.0.1:99999/c/callback/sandbox",
        "https://letters.example/c/callback/sandbox/",
        "",
    ],
)
def test_browsers_return_to_listed_addresses_only(url: str) -> None:
    """This machine's own, and exactly what the operator listed."""
    requests = HolderRequests(["https://letters.example/c/callback/sandbox"])
    assert requests.may_return("https://letters.example/c/callback/sandbox")
    assert requests.may_return("http://localhost:9/c/callback/sandbox")
    assert not requests.may_return(url)


def test_requests_are_forgotten() -> None:
    """Twenty minutes for a signature, two for a code; a state is never taken again."""
    at = [0.0]
    requests = HolderRequests([], lambda: at[0])

    def announced(state: str) -> Announced:
        text = base64.b64encode(APPLICATION).decode()
        return Announced(state=state, application=text, return_url=RETURN)

    pending = requests.add(announced("a" * 20))
    with pytest.raises(RequestRefused, match="STATE_USED"):
        requests.add(announced("a" * 20))
    at[0] = 1199.0
    assert requests.find(pending.request_id) is pending
    requests.done(pending, {})
    with pytest.raises(RequestRefused, match="NO_SUCH_REQUEST"):
        requests.find(pending.request_id)
    second = requests.add(announced("b" * 20))
    at[0] += 1200.0
    with pytest.raises(RequestRefused, match="NO_SUCH_REQUEST"):
        requests.find(second.request_id)


async def test_what_is_no_application(app: SandboxApp) -> None:
    """Only an application is shown to a person for signing."""
    with pytest.raises(HolderAppFailed):
        await app.start(request(application=b"<pay amount='1000000'/>"))
    with pytest.raises(HolderAppFailed):
        await app.start(request(return_url="https://evil.example/c/callback/sandbox"))
