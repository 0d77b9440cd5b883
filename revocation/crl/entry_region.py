"""Where the entries of a list stand in its octets, and how they are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap
from typing import NamedTuple


class EntryRules(NamedTuple):
    """By what an entry is read: the same octets may be refused under other ones."""

    extensions_allowed: bool
    explicit_default: bool
    generalized_before_2050: bool
    #: Entries may be another issuer's (RFC 5280 section 5.3.3): only for who reads whose they are.
    certificate_issuers: bool = False


@dataclass(frozen=True, slots=True)
class EntryRegion:
    """Between two offsets of ``data``, which is a view of the whole ``buffer``."""

    buffer: bytes | bytearray | memoryview | mmap
    data: memoryview
    start: int
    end: int
    rules: EntryRules
