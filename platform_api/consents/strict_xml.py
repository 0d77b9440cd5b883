"""Signed applications read strictly: one root, its children once each in one order, no attributes, no DTD.

What the holder signed is what is read: the very octets, never a re-serialisation. A refusal echoes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from xml.etree.ElementTree import Element, ParseError  # types only; parsing is defusedxml's

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from revocation.errors import InputRefused

MAX_OCTETS: Final = 8_192

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of application: its root, its children in order, and how its refusal is called."""

    root: str
    children: tuple[str, ...]
    error_code: str
    remedy: str

    def read(self, octets: bytes) -> Fields:
        if not 1 <= len(octets) <= MAX_OCTETS:
            raise self.refused(f"1 to {MAX_OCTETS} octets", f"{len(octets)} octets")
        try:
            octets.decode("utf-8")
            root = fromstring(octets, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        except UnicodeDecodeError:
            raise self.refused("UTF-8", "octets that are not UTF-8") from None
        except (ParseError, DefusedXmlException, ValueError, LookupError):
            raise self.refused("well-formed XML without DTD and entities", "something else") from None
        if root.tag != self.root:
            raise self.refused(f"the root element {self.root}", "another root element")
        self.bare(root)
        if tuple(child.tag for child in root) != self.children:
            raise self.refused(f"the children {', '.join(self.children)}, once each, in this order", "others")
        return Fields(self, {child.tag: child for child in root})

    def bare(self, element: Element) -> None:
        """Neither attributes nor text of its own, also none after its children: nothing can hide there."""
        stray = [element.text, *(child.tail for child in element)]
        if element.attrib or any(text and text.strip() for text in stray):
            raise self.refused("elements without attributes and stray text", "some")

    def plain(self, element: Element) -> str:
        if element.attrib or len(element):
            raise self.refused("a plain text in each field", "attributes or child elements")
        return element.text or ""

    def refused(self, expected: str, got: str) -> InputRefused:
        return InputRefused(self.error_code, expected=expected, got=got, remedy=self.remedy)


@dataclass(frozen=True, slots=True)
class Fields:
    """The children of an application that was read, each as what it must be."""

    form: Form
    elements: dict[str, Element]

    def exactly(self, name: str, value: str) -> None:
        if self.text(name) != value:
            raise self.form.refused(f"{name} {value}", "another one")

    def text(self, name: str) -> str:
        return self.form.plain(self.elements[name])

    def texts(self, name: str, child_name: str) -> tuple[str, ...]:
        """A group of like elements."""
        group = self.elements[name]
        self.form.bare(group)
        if any(child.tag != child_name for child in group):
            raise self.form.refused(f"only {child_name} inside {name}", "another element")
        return tuple(self.form.plain(child) for child in group)

    def code(self, name: str) -> str:
        text = self.text(name)
        if not _CODE.match(text):
            raise self.form.refused("1 to 64 letters, digits, hyphens and underscores", "another text")
        return text

    def number(self, name: str) -> UUID:
        text = self.text(name)
        try:
            number = UUID(text)
        except ValueError:
            raise self.form.refused(f"{name} of ours", "another text") from None
        if str(number) != text:
            raise self.form.refused(f"{name} exactly as we wrote it", "another spelling")
        return number

    def time(self, name: str) -> datetime:
        text = self.text(name)
        try:
            if not _TIME.match(text):
                raise ValueError("not the one form we write")
            return datetime.fromisoformat(text)
        except ValueError:
            raise self.form.refused(f"{name} in UTC as we write it", "another text") from None


def written(at: datetime) -> str:
    """A time as every application of ours has it."""
    # %Y is not padded by every C library.
    return f"{at.year:04}-{at:%m-%dT%H:%M:%SZ}"
