"""The customer's page without JavaScript: what it shows, what it takes, and that it calms down."""

from __future__ import annotations

import base64
import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest

from platform_api.consents.application import parse_application
from platform_api.invitations.explanation import REQUIRED, TEMPLATE
from platform_api.invitations.letter_found import GUARD
from platform_api.invitations.letter_guard import LetterGuard
from platform_api.invitations.letter_texts import TEXTS
from platform_api.keys import LOG
from platform_api.logs import make_log
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.delivering import put_key
from tests.features.gateways import FakeJlis
from tests.features.inviting import FakeApp, act, letter, letters, shown
from tests.features.service import Service
from tests.features.test_consent_text import clauses
from tests.features.visiting import Visitor
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)
JA, EN = TEXTS["ja"], TEXTS["en"]


@pytest.fixture
def service(letter_service: Service) -> Service:
    """Customers reach it."""
    return letter_service


async def test_the_page_asks_what_will_be_signed(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """Institution, service, exactly the items of the application, the date; and the very text version."""
    made = await letter(service, institution, items=["address", "gender"])
    page = await visitor.get(made.path)
    assert (page.status, page.title) == (200, JA["title_ask"])
    items = page.document.one("ul", **{"class": "items"})
    assert [one.text() for one in items.all("li")] == ["住所", "性別"]
    assert page.text.count("First Bank") >= 2
    assert "2026年12月20日 10時00分" in page.text
    assert (await shown(service, institution, made.invitation_id))["state"] == "OPENED"
    state = await visitor.leave(made)
    application = parse_application(app.requests[state].application)
    assert application.items == ("address", "gender")
    assert application.service_code == institution.service_code
    assert application.text_version == page.document.one("input", name="text_version").attributes["value"]


async def test_no_required_explanation_can_be_folded_away(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """All eleven stand open and marked; the others are folded; the template says what it is."""
    made = await letter(service, institution)
    page = await visitor.get(made.path)
    open_ones = [
        node for node in page.document.all("section") if node.attributes.get("class") == "clause required"
    ]
    numbers = {int(node.one("span", **{"class": "number"}).text()) for node in open_ones}
    assert numbers == REQUIRED
    for node in open_ones:
        assert JA["required"] in node.text()
        at = node.parent
        while at is not None:
            assert at.tag != "details"
            at = at.parent
    assert len(page.document.all("details")) == 15 - len(REQUIRED)
    assert JA["template_note"] in page.text


async def test_both_answers_weigh_the_same(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """Two buttons of one kind, side by side, neither preset, neither styled of its own."""
    page = await visitor.get((await letter(service, institution)).path)
    agree, decline = page.document.all("button")
    assert (agree.text(), decline.text()) == ("同意する", "同意しない")
    for button in (agree, decline):
        assert not button.attributes.keys() & {"class", "style", "autofocus", "disabled"}
    style = page.document.one("style").text()
    assert "#agree{" not in style.replace(" ", "")
    assert "#decline{" not in style.replace(" ", "")
    assert "checked" not in page.document.one("input", id="read").attributes


async def test_only_what_was_confirmed_as_read(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """Without the tick nothing begins: the page comes again, says so, and leads to the box."""
    made = await letter(service, institution)
    page = await visitor.agree(made, read="no")
    assert page.status == 422
    assert JA["error_read"] in page.alert
    assert page.document.one("input", id="read").attributes["aria-invalid"] == "true"
    assert page.document.one("div", id="errors").one("a").attributes["href"] == "#read"
    assert app.requests == {}
    form = await visitor.form(made)
    assert (await visitor.post(f"{made.path}/agree", form)).status == 422


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"form": "1.2"}, "error_form"),
        ({"form": ""}, "error_form"),
        ({"text_version": "own-7"}, "error_form"),
        ({"app": "mynaportal"}, "error_app"),
        ({"app": ""}, "error_app"),
    ],
)
async def test_only_our_own_form_of_this_letter(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    app: FakeApp,
    change: dict[str, str],
    error: str,
) -> None:
    """Another letter's proof, another text, an app that is not offered: nothing begins."""
    made = await letter(service, institution)
    page = await visitor.agree(made, **change)
    assert page.status == 422
    assert JA[error] in page.alert
    assert app.requests == {}


async def test_another_letters_form_and_an_old_one(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """A form proves one letter and four hours."""
    first, second = await letter(service, institution), await letter(service, institution)
    form = (await visitor.form(second))["form"]
    assert (await visitor.agree(first, form=form)).status == 422
    old = await visitor.form(first, "declining")
    service.world.clock.set(service.world.clock.now() + timedelta(hours=4))
    page = await visitor.post(f"{first.path}/decline", old)
    assert (page.status, JA["error_form"] in page.alert) == (422, True)
    assert (await shown(service, institution, first.invitation_id))["state"] == "OPENED"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_no_other_site_sends_our_form(
    service: Service, institution: TestInstitution, visitor: Visitor, site: str
) -> None:
    """Fetch metadata of another site: refused with a page."""
    made = await letter(service, institution)
    form = await visitor.form(made, "declining")
    page = await visitor.post(f"{made.path}/decline", form, Sec_Fetch_Site=site)
    assert page.status == 400
    assert (await shown(service, institution, made.invitation_id))["state"] == "OPENED"


@pytest.mark.parametrize(
    "body", [b"", b"a=1&a=2", b"\xff=1", b"&".join(b"f%d=1" % n for n in range(30)), b"x=" + b"y" * 5000]
)
async def test_forms_that_are_none(
    service: Service, institution: TestInstitution, visitor: Visitor, body: bytes
) -> None:
    """A page says that it does not work; nothing of the form comes back."""
    made = await letter(service, institution)
    await visitor.get(made.path)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    async with service.client.post(f"{made.path}/decline", data=body, headers=kind) as answer:
        assert answer.status in (400, 413, 422)
        assert answer.content_type == "text/html"
        assert "yyyy" not in await answer.text()
    assert (await shown(service, institution, made.invitation_id))["state"] == "OPENED"


async def test_declined_with_one_press(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """No tick, no signature; the institution is told once; the letter is calm afterwards, whatever is
    sent.
    """
    made = await letter(service, institution)
    form, agreeing = await visitor.form(made, "declining"), await visitor.form(made, read="yes")
    for _ in range(2):
        location = await visitor.post(f"{made.path}/decline", form)
        page = await visitor.get(location)
        assert (page.status, page.title) == (200, JA["title_declined"])
        assert not page.document.all("form", "script")
    assert await visitor.post(f"{made.path}/agree", agreeing) == f"{made.path}?lang=ja"
    assert app.requests == {}
    events = [e.type for e in await service.world.events(institution)]
    assert events == ["consent.declined"]
    assert (await shown(service, institution, made.invitation_id))["state"] == "DECLINED"


async def test_languages(service: Service, institution: TestInstitution, visitor: Visitor) -> None:
    """The letter's language, and the switch to the other one on every page; English explanations too."""
    made = await letter(service, institution, language="en")
    page = await visitor.get(made.path)
    assert page.title == EN["title_ask"]
    assert page.headers["Content-Language"] == "en"
    assert TEMPLATE.en is not None
    assert TEMPLATE.en[0].heading in page.text
    switch = page.document.one("a", **{"class": "language"})
    assert (switch.text(), switch.attributes["lang"]) == ("日本語", "ja")
    assert (await visitor.get(switch.attributes["href"])).title == JA["title_ask"]
    assert (await visitor.get(f"{made.path}?lang=fr")).title == EN["title_ask"]
    location = await visitor.post(f"{made.path}/decline?lang=ja", await visitor.form(made, "declining"))
    assert (await visitor.get(location)).title == JA["title_declined"]


async def test_the_catalogue_is_whole() -> None:
    """Each text in both languages; only one is empty, where there is nothing to say in Japanese."""
    assert JA.keys() == EN.keys()
    assert [name for name in JA if not JA[name]] == ["only_japanese"]
    assert [name for name in EN if not EN[name]] == []


async def test_a_services_own_text(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """New letters show it and name it in the application; an older letter keeps the text that it was made
    with.
    """
    before = await letter(service, institution)
    own = clauses(2, 7)
    own[0] |= {"text": "第一行\n<b>第二行</b>"}
    await service.call(institution, "PUT", f"/v1/services/{institution.service_id}/consent-text", {"ja": own})
    made = await letter(service, institution)
    page = await visitor.get(made.path)
    assert "<p>第一行</p><p>&lt;b&gt;第二行&lt;/b&gt;</p>" in page.text
    assert JA["template_note"] not in page.text
    assert EN["only_japanese"] in (await visitor.get(f"{made.path}?lang=en")).text
    state = await visitor.leave(made)
    assert parse_application(app.requests[state].application).text_version == "own-1"
    assert JA["template_note"] in (await visitor.get(before.path)).text


async def test_ends_are_calm(service: Service, institution: TestInstitution, visitor: Visitor) -> None:
    """Cancelled and expired letters say so, ask nothing, and do not open again."""
    cancelled, expired = await letter(service, institution), await letter(service, institution)
    await act(service, institution, cancelled.invitation_id, "cancel")
    page = await visitor.get(cancelled.path)
    assert (page.status, page.title) == (410, JA["title_cancelled"])
    service.world.clock.set(service.world.clock.now() + timedelta(days=30))
    page = await visitor.get(expired.path)
    assert (page.status, page.title) == (410, JA["title_expired"])
    assert not page.document.all("form", "button")
    assert (await shown(service, institution, expired.invitation_id))["state"] == "EXPIRED"
    events = [e.type for e in await service.world.events(institution)]
    assert events == ["consent.invitation_expired"]


async def test_a_contract_that_is_over(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """Withdrawn institution contract: nothing is asked and nothing is taken, also of a page opened before."""
    made = await letter(service, institution)
    form, declining = await visitor.form(made, read="yes"), await visitor.form(made, "declining")
    state = await visitor.leave(made)
    async with service.world.database.superuser() as connection:
        await connection.execute("UPDATE institution SET contract_until = $1", service.world.clock.now())
    page = await visitor.get(made.path)
    assert (page.status, page.title) == (410, JA["title_closed"])
    assert await visitor.post(f"{made.path}/agree", form) == f"{made.path}?lang=ja"
    await visitor.post(f"{made.path}/decline", declining)
    assert len(app.requests) == 1
    page = await visitor.come_back(state=state, code=app.sign(state, make_card(sets.ca())))
    assert page.title == JA["title_closed"]
    rows = await everything(service.world.database)
    assert rows["consent_invitation"][0]["state"] == "OPENED"
    assert rows["delivery"] == rows["consent"] == rows["registration"] == []


@pytest.mark.parametrize("path", ["/c/x", f"/c/{'a' * 32}", f"/c/{'a' * 32}/agree", "/c/%00"])
async def test_no_such_letter(service: Service, visitor: Visitor, path: str) -> None:
    """One page for every address that opens nothing."""
    if path.endswith("agree"):
        page: Any = await visitor.post(path, {"a": "b"})
    else:
        page = await visitor.get(path)
    assert (page.status, page.title) == (404, JA["title_unknown"])


async def test_head_opens_nothing(service: Service, institution: TestInstitution) -> None:
    """A mail program that looks at a link is no customer."""
    made = await letter(service, institution)
    async with service.client.head(made.path) as answer:
        assert answer.status == 405
    assert (await shown(service, institution, made.invitation_id))["state"] == "CREATED"


async def test_guessing_is_slowed_down(world: World, jlis: FakeJlis, institution: TestInstitution) -> None:
    """After so many misses an address hears nothing, hits included; and one letter has a limit of its own."""
    await world.day()
    app = FakeApp()
    async with letters(world, jlis, app=app, state={GUARD: LetterGuard(1)}) as service:
        await put_key(service, institution)
        made = await letter(service, institution)
        visitor = Visitor(service, app)
        assert (await visitor.get(f"/c/{1:032}")).status == 404
        for path in (f"/c/{9:032}", made.path, "/c/callback/sandbox?state=x"):
            assert (await visitor.get(path)).status == 429
    async with letters(world, jlis, app=app, state={GUARD: LetterGuard(60, lambda: 0.0)}) as service:
        visitor = Visitor(service, app)
        statuses = [(await visitor.get(made.path)).status for _ in range(62)]
        assert statuses.count(200) == 60
        assert statuses[-1] == 429


async def test_neither_token_nor_form_in_the_log(
    world: World, jlis: FakeJlis, institution: TestInstitution, app: FakeApp
) -> None:
    """The log has the route, never the address; and how a signature went, never whose."""
    await world.day()
    stream = io.StringIO()
    async with letters(world, jlis, app=app, state={LOG: make_log(stream)}) as service:
        await put_key(service, institution)
        visitor = Visitor(service, app)
        made = await letter(service, institution)
        state = await visitor.leave(made)
        cookie = visitor.cookie or ""
        page = await visitor.come_back(state=state, code=app.sign(state, make_card(sets.ca())))
    written = stream.getvalue()
    assert page.title == JA["title_pending"]
    assert "/c/{token}" in written
    assert '"event":"letter.signed"' in written
    assert made.path not in written
    assert state not in written
    assert not any(part in written for part in cookie.split(".")[:2])


async def test_the_policy_names_what_is_in_the_page(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """The hashes in the policy are those of the one style and the one script; forms go to us and the app."""
    page = await visitor.get((await letter(service, institution)).path)
    policy = page.headers["Content-Security-Policy"]
    for tag in ("style", "script"):
        content = page.text.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert f"form-action 'self' {app.origin}" in policy
