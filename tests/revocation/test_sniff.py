"""Item 71: what is sent in place of a list has a code and a remedy of its own."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import subprocess
import textwrap
import zipfile

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests import pki
from tests.base.eventually import HANG_S
from tests.pki import der_oid, seq, tlv
from tests.revocation.decoding import offset_of, quick_signer, refusal


def _armoured(der: bytes, label: str = "X509 CRL", newline: str = "\n") -> bytes:
    """RFC 7468."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return newline.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


@pytest.fixture(scope="module")
def der() -> bytes:
    """A good list, to be wrapped."""
    return pki.build_crl(quick_signer(), entries=[pki.entry(n) for n in range(1, 40)])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "above",
    ["", "\n\n", "\ufeff", "Certificate Revocation List (CRL):\r\n    Version 2 (0x1)\r\n", "失効リスト\n"],
)
def test_item_71_pem(der: bytes, newline: str, above: str) -> None:
    """Also with CRLF, a byte order mark, or openssl's text above it: refused with the command."""
    error = refusal(above.encode() + _armoured(der, newline=newline))
    assert (error.code, error.got) == ("LIST_IS_PEM", "PEM text")
    assert "openssl crl -inform PEM -outform DER" in error.remedy
    assert "DER" in error.expected


def test_item_71_the_remedy_for_pem_works(der: bytes) -> None:
    """The command that the refusal names gives back the very octets."""
    done = subprocess.run(
        ["openssl", "crl", "-inform", "PEM", "-outform", "DER"],
        input=_armoured(der),
        capture_output=True,
        check=True,
        timeout=HANG_S,
    )
    assert done.stdout == der


def test_item_71_a_bundle_of_pem(der: bytes) -> None:
    """Two lists in one file would make it a guess which one is meant; also far behind the first."""
    for between in (b"", b"\n# second\n", b"\n" * 200_000):
        error = refusal(_armoured(der) + between + _armoured(der))
        assert error.code == "LIST_IS_PEM_BUNDLE"
        assert "split" in error.remedy


def test_item_71_pem_of_something_else() -> None:
    """A certificate's PEM is no list, and converting it would not help."""
    certificate = pki.make_ca(generations=1, kind="p256").certificates[0].public_bytes(Encoding.PEM)
    error = refusal(certificate)
    assert error.code == "LIST_IS_OTHER_PEM"
    assert "openssl" not in error.remedy


def test_item_71_compressed_bodies(der: bytes) -> None:
    """gzip as a body with a lost Content-Encoding, and the other packers by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("list.crl", der)
    for body, what in (
        (gzip.compress(der), "gzip"),
        (bz2.compress(der), "bzip2"),
        (lzma.compress(der), "xz"),
        (packed.getvalue(), "a ZIP archive"),
        (b"\x28\xb5\x2f\xfd" + der, "zstd"),
    ):
        error = refusal(body)
        assert (error.code, error.got) == ("LIST_IS_COMPRESSED", what)
    assert "Content-Encoding" in refusal(gzip.compress(der)).remedy


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
        b"\r\n\t <HTML>",
        b"\xef\xbb\xbf<html lang='ja'>",
        '<?xml version="1.0"?><e>ただいまメンテナンス中です</e>'.encode(),
        "<html><title>エラー</title>".encode("cp932"),
        "<html><title>エラー</title>".encode("iso2022_jp"),
        b"<",
    ],
)
def test_item_71_a_web_page(body: bytes) -> None:
    """An error page answered with 200, in whatever encoding of Japan: the address is to be checked."""
    error = refusal(body)
    assert error.code == "LIST_IS_HTML"
    assert "address" in error.remedy


def test_item_71_json_and_text(der: bytes) -> None:
    """A problem document, a sentence, UTF-16, base64 without its lines, blanks."""
    for body in (b'{"error": "not found"}', b' \n[{"code": 1}]'):
        assert refusal(body).code == "LIST_IS_JSON"
    for body in (
        b"Not found",
        b"garbage",
        b" \r\n",
        b"\xef\xbb\xbf",
        "<html>".encode("utf-16"),
        b"\xfe\xff\x00<",
    ):
        assert refusal(body).code == "LIST_IS_TEXT"
    encoded = base64.b64encode(der)
    for body in (encoded, b"MIG" + encoded[3:], base64.b64encode(b"\x30\x84\x10" + der)):
        error = refusal(body)
        assert error.code == "LIST_IS_BASE64"
        assert "openssl base64 -d" in error.remedy
    assert refusal(b"MIT License, short").code == "LIST_IS_TEXT"
    assert refusal(b"MIB too short").code == "LIST_IS_TEXT"


def test_item_71_nothing() -> None:
    """0 octets are no list that revokes nobody."""
    error = refusal(b"")
    assert (error.code, error.got) == ("LIST_IS_EMPTY", "an empty file")


def test_item_71_der_of_something_else() -> None:
    """A certificate, a PKCS #7 file, an OCSP response: told apart before a tag is complained about."""
    certificate = pki.make_ca(generations=1, kind="p256").certificates[0].public_bytes(Encoding.DER)
    for body, what in (
        (certificate, "a certificate"),
        (seq(der_oid("1.2.840.113549.1.7.2"), tlv(0xA0, seq())), "a CMS (PKCS #7) file"),
        (seq(b"\x0a\x01\x06"), "an OCSP response"),
    ):
        error = refusal(body)
        assert (error.code, error.got) == ("LIST_IS_OTHER_DER", what)


@pytest.mark.parametrize(
    "body",
    [
        b"\x30",
        b"\x30\x00",
        b"0" * 5000,
        b"\x31\x00",
        b"\x00",
        b"{\x02\x01\x01",
        b"<\x02",
        b"Z\x01",
        b"\x80abc",
    ],
)
def test_item_71_binary_is_not_guessed_at(body: bytes) -> None:
    """Octets that are no text and no known file: the decoder says at which offset DER ends."""
    error = refusal(body)
    assert error.code.startswith("DER_")
    assert offset_of(error) >= 0
