"""A customer with a letter, in Chromium: phone and desk, Japanese and English, with and without
JavaScript.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from platform_api.invitations.letter_texts import TEXTS
from tests.base.postgres import TestInstitution
from tests.browser.conftest import Site, open_page
from tests.browser.in_page import check_rendered, focus_order
from tests.features.consenting import onboard
from tests.features.gateways import FakeJlis
from tests.features.inviting import act, invite, shown, taken

JA, EN = TEXTS["ja"], TEXTS["en"]


async def heading(page: Any) -> str:
    return str(await page.locator("h1").inner_text())


async def sign(page: Any, person: str = "r-000001", kind: str = "card-sign", pin: str = "ABC123") -> None:
    await page.fill("#person", person)
    await page.check(f"#{kind}")
    await page.fill("#pin", pin)
    await page.click("#sign")


def nothing_else(site: Site) -> None:
    """No request left for another host, and no policy was violated."""
    assert site.elsewhere == []
    assert site.violations == []


async def test_agree_sign_confirm(
    site: Site, browser: Any, screen: str, institution: TestInstitution, jlis: FakeJlis
) -> None:
    """The whole way of a letter: read, tick, 同意する, card and PIN, calm page, the institution confirms."""
    made = await invite(site.service, institution, items=["name", "address", "date_of_birth", "gender"])
    page = await open_page(browser, site, screen)
    await page.goto(made["url"])
    assert await heading(page) == JA["title_ask"]
    await check_rendered(page)
    await site.shoot(page, f"{screen}-01-ask")
    agree = page.locator("#agree")
    assert await agree.is_disabled()
    await page.check("#read")
    assert not await agree.is_disabled()
    await page.uncheck("#read")
    assert await agree.is_disabled()
    await page.check("#read")
    for folded in await page.locator("details").all():
        await folded.locator("summary").click()
    await check_rendered(page)
    await site.shoot(page, f"{screen}-02-ask-read")
    await agree.click()
    await page.wait_for_url(f"{site.signing}/app/sign?**")
    await check_rendered(page)
    await page.locator("details summary").click()
    await site.shoot(page, f"{screen}-03-app")
    await sign(page)
    await page.wait_for_url(f"{site.public}/c/**")
    assert await heading(page) == JA["title_pending"]
    await check_rendered(page)
    await site.shoot(page, f"{screen}-04-pending")
    seen = await shown(site.service, institution, made["invitation_id"])
    body, items = await taken(site.service, institution, seen["delivery_id"])
    assert items["name"]["value"] == "黒桐　幹也"
    confirmed = await act(site.service, institution, made["invitation_id"], "confirm", body=body)
    assert confirmed["state"] == "REFLECTED"
    assert jlis.submissions == 1
    await page.reload()
    assert await heading(page) == JA["title_confirmed"]
    await site.shoot(page, f"{screen}-05-confirmed")
    nothing_else(site)


async def test_without_javascript_and_in_english(
    site: Site, browser: Any, screen: str, institution: TestInstitution
) -> None:
    """The same way with scripts off: the box is required by the browser, the server says what is missing."""
    made = await invite(site.service, institution, language="en")
    page = await open_page(browser, site, screen, java_script_enabled=False)
    await page.goto(made["url"])
    assert await heading(page) == EN["title_ask"]
    await site.shoot(page, f"{screen}-06-english")
    await page.click("#agree")
    assert page.url == made["url"]
    await page.check("#read")
    await page.click("#agree")
    await page.wait_for_url(f"{site.signing}/app/sign?**")
    await sign(page, kind="mobile-sign")
    assert await heading(page) == EN["title_pending"]
    await page.click("a.language")
    assert await heading(page) == JA["title_pending"]
    nothing_else(site)


async def test_what_is_missing_is_said(
    site: Site, browser: Any, screen: str, institution: TestInstitution
) -> None:
    """A form sent without the tick: an alert that has the focus and leads to the box; what is pressed is
    kept.
    """
    made = await invite(site.service, institution)
    page = await open_page(browser, site, screen)
    await page.goto(made["url"])
    await page.evaluate("document.getElementById('agreeing').submit()")
    await page.wait_for_selector("#errors:not([hidden])")
    assert await page.evaluate("document.activeElement.id") == "errors"
    assert JA["error_read"] in await page.locator("[role=alert]").inner_text()
    await check_rendered(page)
    await site.shoot(page, f"{screen}-07-error")
    await page.click("#errors a")
    assert await page.evaluate("document.activeElement.id") == "read"
    nothing_else(site)


async def test_declined(site: Site, browser: Any, screen: str, institution: TestInstitution) -> None:
    """Both buttons are of one size and one look; 同意しない needs no tick; the letter is calm from then
    on.
    """
    made = await invite(site.service, institution)
    page = await open_page(browser, site, screen)
    await page.goto(made["url"])
    await page.check("#read")
    looks = await page.evaluate(
        "() => ['agree', 'decline'].map((id) => { const at = document.getElementById(id);"
        " const box = at.getBoundingClientRect(); const style = getComputedStyle(at);"
        " return [box.width, box.height, style.color, style.backgroundColor, style.borderColor,"
        " style.fontSize, style.fontWeight].join(); })"
    )
    assert looks[0] == looks[1]
    await page.uncheck("#read")
    await page.click("#decline")
    assert await heading(page) == JA["title_declined"]
    await check_rendered(page)
    await site.shoot(page, f"{screen}-08-declined")
    assert (await shown(site.service, institution, made["invitation_id"]))["state"] == "DECLINED"
    nothing_else(site)


async def test_wrong_pin_and_giving_up(
    site: Site, browser: Any, screen: str, institution: TestInstitution
) -> None:
    """A wrong PIN is said and may be tried again; five lock; who gives up comes back to the letter."""
    made = await invite(site.service, institution)
    page = await open_page(browser, site, screen)
    await page.goto(made["url"])
    await page.check("#read")
    await page.click("#agree")
    await sign(page, pin="000000")
    await check_rendered(page)
    await site.shoot(page, f"{screen}-09-wrong-pin")
    for _ in range(4):
        await sign(page, pin="000000")
    assert JA["error_pin"] in await page.locator("[role=alert]").inner_text()
    await site.shoot(page, f"{screen}-10-pin-locked")
    await page.check("#read")
    await page.click("#agree")
    await page.click("#cancel")
    assert JA["error_cancelled"] in await page.locator("[role=alert]").inner_text()
    await page.check("#read")
    await page.click("#agree")
    await sign(page, person="r-000003")
    assert JA["error_certificate"] in await page.locator("[role=alert]").inner_text()
    await site.shoot(page, f"{screen}-11-certificate")
    assert (await shown(site.service, institution, made["invitation_id"]))["state"] == "OPENED"
    nothing_else(site)


async def test_j_lis_does_not_answer(
    site: Site, browser: Any, screen: str, institution: TestInstitution, jlis: FakeJlis
) -> None:
    """The registration's own holder signs while J-LIS is away: he is asked to sign again, and then it is
    done.
    """
    card = site.people["r-000002"].cards["card-sign"]
    registration_id = await onboard(site.service, institution, card)
    made = await invite(site.service, institution, registration_id=registration_id)
    page = await open_page(browser, site, screen)
    jlis.down = True
    await page.goto(made["url"])
    await page.check("#read")
    await page.click("#agree")
    await sign(page, person="r-000002")
    assert JA["notice_later"] in await page.locator("[role=alert]").inner_text()
    await site.shoot(page, f"{screen}-12-later")
    jlis.down = False
    await page.check("#read")
    await page.click("#agree")
    await sign(page, person="r-000002")
    assert await heading(page) == JA["title_confirmed"]
    nothing_else(site)


@pytest.mark.parametrize("which", ["expired", "cancelled", "rejected", "closed", "unknown"])
async def test_letters_that_ask_nothing(
    site: Site, browser: Any, screen: str, institution: TestInstitution, which: str
) -> None:
    """Each end has a calm page without anything to press."""
    made = await invite(site.service, institution)
    world = site.service.world
    page = await open_page(browser, site, screen)
    url = made["url"]
    if which == "expired":
        world.clock.set(world.clock.now() + timedelta(days=30))
    elif which == "cancelled":
        await act(site.service, institution, made["invitation_id"], "cancel")
    elif which == "rejected":
        await page.goto(url)
        await page.check("#read")
        await page.click("#agree")
        await sign(page)
        await act(site.service, institution, made["invitation_id"], "reject")
    elif which == "closed":
        async with world.database.superuser() as connection:
            await connection.execute("UPDATE institution SET contract_until = $1", world.clock.now())
    else:
        url = f"{site.public}/c/{'x' * 32}"
    await page.goto(url)
    assert await heading(page) == JA[f"title_{which}"]
    assert await page.locator("button, input").count() == 0
    await check_rendered(page)
    await site.shoot(page, f"{screen}-13-{which}")
    nothing_else(site)


async def test_a_keyboard_reaches_everything_in_order(
    site: Site, browser: Any, institution: TestInstitution
) -> None:
    """Skip link, language, folded explanations, the box, 同意する, 同意しない; and the skip link skips."""
    made = await invite(site.service, institution)
    page = await open_page(browser, site, "desk")
    await page.goto(made["url"])
    await page.check("#read")
    await page.evaluate("document.activeElement.blur(); window.getSelection().removeAllRanges()")
    await page.goto(made["url"])
    await page.evaluate("document.getElementById('read').click(); document.activeElement.blur()")
    reached = await focus_order(page, 9)
    assert reached[0].startswith("a 本文へ")
    assert reached[1].startswith("a English")
    assert all(one.startswith("summary") for one in reached[2:6])
    assert reached[6:] == ["read", "agree", "decline"]
    await page.keyboard.press("Enter")
    assert await heading(page) == JA["title_declined"]


@pytest.mark.parametrize("width", [320, 1280])
async def test_a_narrow_and_a_zoomed_page(
    site: Site, browser: Any, institution: TestInstitution, width: int
) -> None:
    """320 pixels wide (400 % of 1280), and with text of twice the size: nothing is cut off or beside the
    screen.
    """
    made = await invite(site.service, institution)
    page = await open_page(browser, site, "desk")
    await page.set_viewport_size({"width": width, "height": 640})
    await page.goto(made["url"])
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    await page.check("#read")
    await check_rendered(page)
    await site.shoot(page, f"zoom-14-{width}")


async def test_two_browsers_with_one_letter(site: Site, browser: Any, institution: TestInstitution) -> None:
    """Both sign: one consent waits, and both read the same calm page."""
    made = await invite(site.service, institution)
    pages = [await open_page(browser, site, "phone") for _ in range(2)]
    for page in pages:
        await page.goto(made["url"])
        await page.check("#read")
        await page.click("#agree")
        await page.wait_for_url(f"{site.signing}/app/sign?**")
    for page, person in zip(pages, ("r-000001", "r-000002"), strict=True):
        await sign(page, person=person)
        assert await heading(page) == JA["title_pending"]
    events = [event.type for event in await site.service.world.events(institution)]
    assert events == ["consent.pending_confirmation"]
    nothing_else(site)
