"""A page as a browser without JavaScript reads it, and what must be so for everybody who reads it.

Checks of ours against the document itself: language, landmarks, headings in order, names of all that can
be used, no inline handlers, no resource from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"))


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    parent: Node | None
    children: list[Any] = field(default_factory=list)

    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text() for child in self.children]
        return " ".join("".join(parts).split())

    def all(self, *tags: str) -> list[Node]:
        """These elements below, in document order; every one where no tag is named."""
        found: list[Node] = []
        for child in self.children:
            if isinstance(child, Node):
                if not tags or child.tag in tags:
                    found.append(child)
                found += child.all(*tags)
        return found

    def one(self, tag: str, **attributes: str) -> Node:
        found = [
            node
            for node in self.all(tag)
            if all(node.attributes.get(name) == value for name, value in attributes.items())
        ]
        assert len(found) == 1, (tag, attributes, len(found))
        return found[0]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("#document", {}, None)
        self._at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"an attribute twice in <{tag}>"
        node = Node(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.children.append(node)
        if tag not in _VOID:
            self._at = node

    def handle_endtag(self, tag: str) -> None:
        assert self._at.tag == tag, f"</{tag}> inside <{self._at.tag}>"
        assert self._at.parent is not None
        self._at = self._at.parent

    def handle_data(self, data: str) -> None:
        self._at.children.append(data)


def read_page(text: str) -> Node:
    """The document; elements that do not nest are a failure."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    assert builder._at is builder.root, "an element that is not closed"
    return builder.root


def check_accessible(page: Node, language: str) -> None:
    """What a screen reader, a keyboard and a zoomed screen need (WCAG 2.2 A and AA, as far as a document
    shows).
    """
    assert page.one("html").attributes["lang"] == language  # 3.1.1
    assert page.one("title").text()  # 2.4.2
    viewport = page.one("meta", name="viewport").attributes["content"]
    assert "maximum-scale" not in viewport  # 1.4.4
    assert "user-scalable" not in viewport
    for landmark in ("header", "main", "footer"):  # 1.3.1
        page.one(landmark)
    assert len(page.all("h1")) == 1
    levels = [int(node.tag[1]) for node in page.one("main").all("h1", "h2", "h3", "h4") if _shown(node)]
    assert levels[0] in (1, 2)
    for before, after in pairwise(levels):
        assert after <= max(before, 1) + 1, levels  # 1.3.1: no level left out
    ids = [node.attributes["id"] for node in page.all() if "id" in node.attributes]
    assert len(set(ids)) == len(ids)
    for node in page.all():
        _check_node(node, ids)
    first = page.one("body").all("a")[0]
    assert first.attributes["href"] == "#main"  # 2.4.1
    assert not any(int(node.attributes.get("tabindex", "0")) > 0 for node in page.all())  # 2.4.3
    for section in page.all("section", "nav"):
        assert section.attributes.keys() & {"aria-label", "aria-labelledby"}, "a landmark without a name"


def _check_node(node: Node, ids: list[str]) -> None:
    for name in ("aria-labelledby", "aria-describedby", "for", "form"):
        for named in node.attributes.get(name, "").split():
            assert named in ids, (node.tag, name, named)
    if node.tag in ("button", "a", "summary"):
        assert node.text(), f"a {node.tag} without a name"  # 4.1.2
    if node.tag == "input" and node.attributes.get("type") != "hidden":
        root = node
        while root.parent is not None:
            root = root.parent
        labels = [one for one in root.all("label") if one.attributes.get("for") == node.attributes["id"]]
        assert len(labels) == 1, "an input without one label"  # 3.3.2
        assert labels[0].text()
    if node.tag == "img":
        assert "alt" in node.attributes  # 1.1.1
    if node.tag == "fieldset":
        assert node.all("legend")


def check_self_contained(page: Node) -> None:
    """Nothing is loaded from anywhere, nothing runs from an attribute, nothing is styled by one."""
    for node in page.all():
        assert not any(name.startswith("on") for name in node.attributes), node.tag
        assert "style" not in node.attributes, node.tag
        assert node.tag not in ("link", "iframe", "object", "embed", "img", "base"), node.tag
        assert "src" not in node.attributes, node.tag
        for name in ("href", "action"):
            if name in node.attributes:
                parts = urlsplit(node.attributes[name])
                assert (parts.scheme, parts.netloc) == ("", ""), node.attributes[name]


def _shown(node: Node) -> bool:
    at: Node | None = node
    while at is not None:
        if "hidden" in at.attributes:
            return False
        at = at.parent
    return True
