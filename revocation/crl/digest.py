"""Which list is this? One digest that also serves the signature, so that a list is hashed once.

The *list digest* is SHA-256( SHA-256(tbsCertList) || all octets of the file after tbsCertList ). The octets
before it are its outer header, which says nothing that the rest does not: strict DER has one form of it. So
two lists have one digest if and only if they are one file. Octets whose envelope cannot be read have
SHA-256( "unreadable" || octets ).
"""

from __future__ import annotations

import hashlib
from mmap import mmap
from typing import Final

from revocation.crl.pages import PagesBehind, windows
from revocation.der import SEQUENCE, DerReader
from revocation.errors import InputRefused

_UNREADABLE: Final = b"unreadable"


def list_digest(list_octets: bytes | bytearray | memoryview | mmap) -> bytes:
    """The list digest of any octets, in constant memory also where they are a mapped file."""
    data = memoryview(list_octets).cast("B").toreadonly()
    pages = PagesBehind(list_octets)
    try:
        start, end = _signed_part(data)
    except InputRefused:
        digest = hashlib.sha256(_UNREADABLE)
        end = 0
    else:
        signed = hashlib.sha256()
        for at, window in windows(data, start, end):
            signed.update(window)
            pages.drop(at)
        digest = hashlib.sha256(signed.digest())
    for at, window in windows(data, end, len(data)):
        digest.update(window)
        pages.drop(at)
    return digest.digest()


def joined_digest(signed_sha256: bytes, after_signed: memoryview) -> bytes:
    """The list digest of a list whose signed part is hashed already; the rest is algorithm and signature."""
    return hashlib.sha256(signed_sha256 + after_signed).digest()


def _signed_part(data: memoryview) -> tuple[int, int]:
    """Offsets of tbsCertList, header included (RFC 5280 section 5.1.1.1); the same reading as decode.py's."""
    whole = DerReader(data)
    certificate_list = whole.enter(SEQUENCE, "CertificateList")
    whole.finish("CertificateList")
    start = certificate_list.at
    certificate_list.element(SEQUENCE, "tbsCertList")
    return start, certificate_list.at
