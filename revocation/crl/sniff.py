"""What was sent in place of a list: said by a code of its own before anything is decoded or replaced.

Nothing is converted here. A list is DER, one list in one file; what a person wrapped around it a person
takes off again, with the command that the refusal names. Guessing would make two files mean one list.
"""

from __future__ import annotations

import re
from typing import Final

from revocation.errors import InputRefused

_EXPECTED: Final = "CertificateList: one DER SEQUENCE (RFC 5280 section 5.1)"
_FETCH_BINARY: Final = "fetch the file in binary, as the CA publishes it"
_ADDRESS: Final = "something else stands at this address; check it, and the proxy if there is one"
_ONE_PEM: Final = "convert it: openssl crl -inform PEM -outform DER -in FILE -out FILE.crl"

_PLAIN: Final = "decompress it, or fetch it without Content-Encoding"

#: First octets, code, what it is, what to do.
_SIGNS: Final = (
    (b"\x1f\x8b", "LIST_IS_COMPRESSED", "gzip", _PLAIN),
    (b"\x28\xb5\x2f\xfd", "LIST_IS_COMPRESSED", "zstd", _PLAIN),
    (b"BZh", "LIST_IS_COMPRESSED", "bzip2", _PLAIN),
    (b"\xfd7zXZ\x00", "LIST_IS_COMPRESSED", "xz", _PLAIN),
    (b"PK\x03\x04", "LIST_IS_COMPRESSED", "a ZIP archive", "unpack it; one file holds one list"),
    (b"\xfe\xff", "LIST_IS_TEXT", "UTF-16 text", _FETCH_BINARY),
    (b"\xff\xfe", "LIST_IS_TEXT", "UTF-16 text", _FETCH_BINARY),
)
#: How base64 of a SEQUENCE with 1 to 4 length octets begins.
_BASE64: Final = re.compile(rb"MI[E-T][A-Za-z0-9+/]{13}")

#: DER that begins like a list and is none: the first tag inside the outer SEQUENCE, and inside the next.
_OUTER_TAGS: Final = {0x06: "a CMS (PKCS #7) file", 0x0A: "an OCSP response"}
_INNER_TAGS: Final = {0xA0: "a certificate"}

#: How far a text is read before it is called one; enough for the lines that people leave above a PEM block.
_LOOK: Final = 64 * 1024
_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----")
_PEM_LIST: Final = b"X509 CRL"

#: Control octets that no text has; ESC is left out, for ISO-2022-JP.
_NO_TEXT: Final = bytes(set(range(0x20)) - set(b"\t\n\x0b\x0c\r\x1b"))


def check_is_list(data: memoryview) -> None:
    """Refuse what cannot be a DER SEQUENCE by its first octets, and name what it is instead."""
    if len(data) == 0:
        raise _refused("LIST_IS_EMPTY", "an empty file", "fetch it again; an empty answer is no list")
    if data[0] == 0x30:
        return
    start = bytes(data[:_LOOK])
    for sign, code, what, remedy in _SIGNS:
        if start.startswith(sign):
            raise _refused(code, what, remedy)
    if _BASE64.match(start):
        raise _refused("LIST_IS_BASE64", "base64 without its PEM lines", "decode it: openssl base64 -d")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\t\n\x0b\x0c\r ")
    _check_pem(text, data)
    head = text[:64]
    if len(head) > len(head.translate(None, _NO_TEXT)):
        # Binary that is no SEQUENCE: the decoder says at which octet, which helps more than a guess.
        return
    if head.startswith(b"<"):
        raise _refused("LIST_IS_HTML", "a web page or XML", _ADDRESS)
    if head.startswith((b"{", b"[")):
        raise _refused("LIST_IS_JSON", "JSON", _ADDRESS)
    if head.isascii():
        raise _refused("LIST_IS_TEXT", "text", _FETCH_BINARY)


def check_outer_tag(tag: int) -> None:
    """After the outer SEQUENCE a list goes on with tbsCertList."""
    if tag in _OUTER_TAGS:
        raise _refused("LIST_IS_OTHER_DER", _OUTER_TAGS[tag], _ADDRESS)


def check_inner_tag(tag: int) -> None:
    """tbsCertList begins with version or signature; a certificate with its version in [0]."""
    if tag in _INNER_TAGS:
        raise _refused("LIST_IS_OTHER_DER", _INNER_TAGS[tag], _ADDRESS)


def _check_pem(text: bytes, data: memoryview) -> None:
    """PEM (RFC 7468), also below lines of text: one list, several, or something that is no list at all."""
    first = _PEM.search(text)
    if first is None:
        return
    if first[1] != _PEM_LIST:
        raise _refused("LIST_IS_OTHER_PEM", "PEM of something else than a list", "fetch the list, not this")
    found = _PEM.finditer(data)
    next(found)
    if next(found, None) is not None:
        raise _refused(
            "LIST_IS_PEM_BUNDLE",
            "several PEM blocks in one file",
            f"split it into one file for each block, then {_ONE_PEM}",
        )
    raise _refused("LIST_IS_PEM", "PEM text", _ONE_PEM)


def _refused(code: str, got: str, remedy: str) -> InputRefused:
    return InputRefused(code, expected=_EXPECTED, got=got, remedy=remedy)
