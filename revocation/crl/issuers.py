"""Whose certificate is an entry of an indirect list about? (RFC 5280 section 5.3.3, certificateIssuer)

An entry without the extension is about a certificate of the same issuer as the entry before it; the first
such entries are about the list's own issuer. Losing the thread would revoke, or spare, a stranger's
certificate of the same serial number, so every entry is looked at in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from revocation.crl.entries import FLAG_CERTIFICATE_ISSUER, RECORD_SIZE, Entries
from revocation.crl.general_names import is_directory_name, read_general_names
from revocation.der import BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, DerReader, refused

#: The DER of 2.5.29.29.
_CERTIFICATE_ISSUER = bytes.fromhex("0603551d1d")


class Run(NamedTuple):
    """Entries that stand one after the other and are about certificates of one issuer."""

    #: DER Names of that issuer; usually one.
    issuers: tuple[bytes, ...]
    #: Numbers of its first entry and of that after its last, counted from 0.
    first: int
    end: int


def runs_by_issuer(
    data: bytes | memoryview, entries_at: tuple[int, int], entries: Entries, list_issuer: bytes
) -> Iterator[Run]:
    """The entries of a list that was decoded with ``certificate_issuers``, in order, none left out.

    ``entries_at`` are the offsets of the entries in ``data``, whose form the walk has checked already but for
    the names themselves: ``InputRefused`` where these are none.
    """
    flags = entries.records[22::RECORD_SIZE]
    if not any(flag & FLAG_CERTIFICATE_ISSUER for flag in set(flags)):
        yield Run((list_issuer,), 0, entries.count)
        return
    issuers: tuple[bytes, ...] = (list_issuer,)
    first = 0
    elements = DerReader(data, *entries_at)
    for number in range(entries.count):
        _, start, end = elements.header("an element of revokedCertificates")
        if not flags[number] & FLAG_CERTIFICATE_ISSUER:
            continue
        if first < number:
            yield Run(issuers, first, number)
        issuers, first = _named_in(DerReader(data, start, end)), number
    yield Run(issuers, first, entries.count)


def _named_in(entry: DerReader) -> tuple[bytes, ...]:
    """The directory names of the certificateIssuer of this entry, which has one."""
    entry.header("userCertificate")
    entry.header("revocationDate")
    extensions = entry.enter(SEQUENCE, "crlEntryExtensions")
    extension = extensions.enter(SEQUENCE, "Extension")
    while extension.raw(OBJECT_IDENTIFIER, "extnID") != _CERTIFICATE_ISSUER:
        extension = extensions.enter(SEQUENCE, "Extension")
    if extension.peek() == BOOLEAN:
        extension.header("critical")
    value = extension.enter(OCTET_STRING, "extnValue")
    at = value.at
    names = value.enter(SEQUENCE, "certificateIssuer")
    value.finish("certificateIssuer")
    found = tuple(filter(is_directory_name, read_general_names(names, "certificateIssuer")))
    if not found:
        # Section 5.3.3: it names the issuer as the certificate does, so with a distinguished name.
        raise refused("DER_NAME", "certificateIssuer", at, "a directoryName", "other forms only")
    return found
