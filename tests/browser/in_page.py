"""Checks that only a rendered page can answer, as JavaScript that gives what is wrong."""

from __future__ import annotations

from typing import Any, Final

#: WCAG 2.2, 1.4.3: text against what is painted behind it, 4.5 to 1 (3 to 1 where it is large).
_CONTRAST: Final = """() => {
  const parse = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a] = parse(getComputedStyle(at).backgroundColor);
      if (a === undefined || a === 1) return [r, g, b];
      if (a !== 0) return null;
    }
    return [255, 255, 255];
  };
  const wrong = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    if (back === null) { wrong.push('translucent: ' + node.data.trim().slice(0, 20)); continue; }
    const [one, two] = [light(parse(style.color)), light(back)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight, 10) >= 700);
    if (ratio < (large ? 3 : 4.5)) wrong.push(ratio.toFixed(2) + ': ' + node.data.trim().slice(0, 20));
  }
  return wrong;
}"""

#: 2.5.8 wants 24 pixels; a thumb wants 44. A box is touched by its label too.
_TARGETS: Final = """() => {
  const wrong = [];
  for (const element of document.querySelectorAll('button, summary, nav a, input:not([type=hidden])')) {
    let box = element.getBoundingClientRect();
    if (!box.width) continue;
    if (element.labels && element.labels.length && ['checkbox', 'radio'].includes(element.type)) {
      box = element.labels[0].getBoundingClientRect();
    }
    if (box.height < 44 || box.width < 44) {
      wrong.push(element.tagName + ' ' + Math.round(box.width) + 'x' + Math.round(box.height));
    }
  }
  return wrong;
}"""

#: 1.4.10: nothing to scroll sideways.
_REFLOW: Final = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > width + 1)
    .map((one) => one.tagName + '.' + one.className);
}"""

#: 2.3.3: for who wants no motion, nothing moves.
_MOTION: Final = """() => [...document.querySelectorAll('*')]
  .filter((one) => {
    const style = getComputedStyle(one);
    return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0;
  })
  .map((one) => one.tagName)"""


async def check_rendered(page: Any) -> None:
    """Contrast, targets, reflow and motion of the page as it stands."""
    for name, script in (
        ("contrast", _CONTRAST),
        ("targets", _TARGETS),
        ("reflow", _REFLOW),
        ("motion", _MOTION),
    ):
        assert await page.evaluate(script) == [], name


async def focus_order(page: Any, presses: int) -> list[str]:
    """What the Tab key reaches, in order: id, or tag and text."""
    found: list[str] = []
    for _ in range(presses):
        await page.keyboard.press("Tab")
        found.append(
            await page.evaluate(
                "() => { const at = document.activeElement;"
                " return at.id || at.tagName.toLowerCase() + ' ' + at.textContent.trim().slice(0, 12); }"
            )
        )
    return found
