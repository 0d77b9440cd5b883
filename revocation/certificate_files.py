"""CA certificates and approved distribution points from the files that an operator has in hand.

A private key given by mistake is refused by the name of its file; nothing of it is shown or kept. Texts never
repeat what stands in a file: a holder's certificate given by mistake would be personal data.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key

from revocation.crl.decode import decode_certificate_list
from revocation.der import SEQUENCE, SET, DerReader
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused, OutsideFailed
from revocation.partitions import MAX_PARTITION_NUMBER

_MAX_CERTIFICATES: Final = 4 * 1024 * 1024
_MAX_LIST: Final = 512 * 1024 * 1024
_COLUMNS: Final = {"distribution_point", "label"}


class Point(NamedTuple):
    """One line of an approved partition list."""

    distribution_point: bytes
    label: str
    opened: date | None = None


def read_certificates(paths: Iterable[Path]) -> list[x509.Certificate]:
    """Every certificate of these files (PEM, one or a bundle, or DER), each once, in order."""
    found: dict[bytes, x509.Certificate] = {}
    for path in paths:
        for certificate in _certificates_in(path):
            found.setdefault(certificate.public_bytes(Encoding.DER), certificate)
    return list(found.values())


def _certificates_in(path: Path) -> list[x509.Certificate]:
    content = _read(path, _MAX_CERTIFICATES)
    _refuse_private_key(path, content)
    try:
        if b"-----BEGIN " in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        raise InputRefused(
            "CERTIFICATE_FILE_MALFORMED",
            expected=f"certificates in {path.name}, in PEM or DER",
            got="something else",
            remedy="openssl x509 -in FILE -noout must read it (a .p7b first: openssl pkcs7 -print_certs)",
        ) from None


def _refuse_private_key(path: Path, content: bytes) -> None:
    """PKCS #1, #8 and SEC 1 in PEM or DER, plain or encrypted, and PKCS #12."""
    if b"PRIVATE KEY-----" in content or _is_private_der(content):
        raise InputRefused(
            "PRIVATE_KEY_GIVEN",
            expected="certificates only",
            got=f"a private key in {path.name}; nothing of it was kept",
            remedy="give the certificate; if the key is a real one, take it off this machine",
        )


def _is_private_der(content: bytes) -> bool:
    if content[:1] != b"\x30":
        return False
    # PFX ::= SEQUENCE { version INTEGER {v3(3)}, ... (RFC 7292 section 4): its length has 1 to 5 octets.
    if b"\x02\x01\x03" in (content[at : at + 3] for at in range(2, 7)):
        return True
    try:
        load_der_private_key(content, None)
    except (ValueError, UnsupportedAlgorithm):
        return False
    except TypeError:  # encrypted: a password was wanted
        return True
    return True


def read_points(path: Path) -> list[Point]:
    """Distribution points of a CSV file, or the one that a certificate revocation list (DER) is for.

    The columns are ``distribution_point`` (base64 of the DER, or the name as RFC 4514 writes it), ``label``
    and, if wanted, ``opened`` (a day).
    """
    content = _read(path, _MAX_LIST)
    if content[:1] == b"\x30":
        return [Point(_point_of_list(path, content), path.stem)]
    _refuse_private_key(path, content)
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = set(lines.fieldnames or ())
        if not _COLUMNS <= names <= {*_COLUMNS, "opened"}:
            raise _no_points(path, "another first line")
        found = [_point_of_line(path, lines.line_num, line) for line in lines]
    except (UnicodeDecodeError, csv.Error):
        raise _no_points(path, "another file") from None
    if not 1 <= len(found) <= MAX_PARTITION_NUMBER:
        raise _no_points(path, f"{len(found)} lines")
    return found


def _point_of_list(path: Path, content: bytes) -> bytes:
    """RFC 5280 section 5.2.5. The signature is not asked: two people approve the point, not the list."""
    point = decode_certificate_list(content).issuing_distribution_point
    if point is None or len(point.full_names) != 1:
        raise InputRefused(
            "DISTRIBUTION_POINT_UNCLEAR",
            expected=f"one name in the issuingDistributionPoint of {path.name}",
            got="none" if point is None or not point.full_names else "several",
            remedy="name the point in a CSV file; a CA with one list for all is added with --undivided",
        )
    return point.full_names[0]


def _point_of_line(path: Path, number: int, line: dict[str, str | None]) -> Point:
    opened = line.get("opened") or None
    try:
        if None in line or None in line.values():
            raise ValueError
        return Point(
            distribution_point(line["distribution_point"] or ""),
            (line["label"] or "").strip(),
            None if opened is None else date.fromisoformat(opened),
        )
    except (ValueError, InputRefused):
        raise _no_points(path, f"another line {number}") from None


def distribution_point(text: str) -> bytes:
    """The DER of a distribution point: from base64, or from a name as RFC 4514 writes it (last RDN first)."""
    try:
        der = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        der = b""
    try:
        if not der:
            der = x509.Name.from_rfc4514_string(text).public_bytes()
        # A Name with at least one RDN, or another GeneralName by its context tag (RFC 5280 section 4.2.1.6).
        if not canonical_name(der) if der[0] == 0x30 else not _other_general_name(der):
            raise ValueError
    except (ValueError, InputRefused):
        raise InputRefused(
            "DISTRIBUTION_POINT_MALFORMED",
            expected='a name like "CN=Kiyose-shi CRLDP,OU=Tokyo-to,...,C=JP" (RFC 4514), or base64',
            got="another text",
            remedy="take it from a certificate or a list of that municipality: openssl crl -text",
        ) from None
    return der


def _other_general_name(der: bytes) -> bool:
    element = DerReader(der)
    tag, _, _ = element.header("GeneralName")
    element.finish("GeneralName")
    return tag & 0xC0 == 0x80


def name_text(name: bytes) -> str | None:
    """A DER Name as RFC 4514 writes it; None for one with other string types or several attributes an RDN."""
    rdns = DerReader(name).enter(SEQUENCE, "Name")
    attributes = []
    try:
        while rdns.peek() != -1:
            rdn = rdns.enter(SET, "RelativeDistinguishedName")
            attribute = rdn.enter(SEQUENCE, "AttributeTypeAndValue")
            oid = x509.ObjectIdentifier(attribute.oid("AttributeType"))
            _, start, end = attribute.header("AttributeValue")
            rdn.finish("RelativeDistinguishedName")
            attributes.append(x509.NameAttribute(oid, name[start:end].decode()))
    except (ValueError, InputRefused):
        return None
    return x509.Name(attributes).rfc4514_string()


def _no_points(path: Path, got: str) -> InputRefused:
    return InputRefused(
        "PARTITION_FILE_MALFORMED",
        expected=f"a CSV file with the columns distribution_point and label (and opened) in {path.name}",
        got=got,
        remedy="write one line for each municipality, in UTF-8; the point as base64 or as RFC 4514 has it",
    )


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise OutsideFailed(
            "FILE_UNREADABLE",
            expected=f"a readable file at {path.name or path}",
            got="a folder" if path.is_dir() else error.strerror or "an I/O error",
            remedy="name the files themselves" if path.is_dir() else "check the name and the permissions",
        ) from None
    if not 0 < len(content) <= most:
        raise InputRefused(
            "FILE_SIZE",
            expected=f"a file of 1 to {most} octets as {path.name}",
            got="an empty or a larger one",
            remedy="give the right file",
        )
    return content
