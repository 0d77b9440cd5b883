"""CA certificates and distribution points from files: every right form is read, every wrong one is named."""

from __future__ import annotations

import base64
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from revocation.certificate_files import (
    Point,
    distribution_point,
    name_text,
    read_certificates,
    read_points,
)
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused, OutsideFailed
from tests import pki
from tests.revocation.acting import REAL_DN, small_ca

CERTIFICATES = small_ca(3).certificates
PEMS = [certificate.public_bytes(Encoding.PEM) for certificate in CERTIFICATES]
POINT_TEXT = (
    "CN=City-1 CRLDP,OU=Tokyo-to,OU=CRL Distribution Points,OU=JPKI for digital signature,O=JPKI-TEST,C=JP"
)


def _file(folder: Path, content: bytes, name: str = "given.file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _refused(path: Path, points: bool = False) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        read_points(path) if points else read_certificates([path])
    assert refused.value.remedy
    return refused.value


def test_pem_der_and_bundles_are_read(tmp_path: Path) -> None:
    """One or several, with text around, CRLF; the same certificate twice counts once."""
    der = _file(tmp_path, CERTIFICATES[0].public_bytes(Encoding.DER), "a.cer")
    bundle = _file(tmp_path, b"subject=/C=JP\r\n" + b"\n".join(PEMS[:2]).replace(b"\n", b"\r\n"), "b.pem")
    one = _file(tmp_path, PEMS[2], "c.pem")
    assert read_certificates([der, bundle, one]) == CERTIFICATES


def _private_keys() -> list[bytes]:
    ca = small_ca()
    key, rsa = ca.generations[0].private, pki.key("rsa")
    secret = BestAvailableEncryption(b"secret")
    return [
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        rsa.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret),
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, secret),
        rsa.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        PEMS[0] + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        pkcs12.serialize_key_and_certificates(b"ca", key, CERTIFICATES[0], None, secret),
    ]


@pytest.mark.parametrize("form", range(9))
def test_a_private_key_is_refused_by_the_name_of_its_file(tmp_path: Path, form: int) -> None:
    """PKCS #1, #8, SEC 1, OpenSSH, PKCS #12, plain or encrypted, also beside a certificate: nothing of it is
    repeated.
    """
    content = _private_keys()[form]
    refused = _refused(_file(tmp_path, content, "ca-secret.pem"))
    assert refused.code == "PRIVATE_KEY_GIVEN"
    assert "ca-secret.pem" in refused.got
    lines = [line for line in content.splitlines() if len(line) > 20 and not line.startswith(b"-----")]
    assert not any(line.decode("latin-1") in str(refused) for line in lines)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"hello", "CERTIFICATE_FILE_MALFORMED"),
        (PEMS[0][:300], "CERTIFICATE_FILE_MALFORMED"),
        (PEMS[0].replace(b"CERTIFICATE", b"X509 CRL"), "CERTIFICATE_FILE_MALFORMED"),
        (CERTIFICATES[0].public_bytes(Encoding.DER)[:-1], "CERTIFICATE_FILE_MALFORMED"),
        (CERTIFICATES[0].public_bytes(Encoding.DER) + b"\0", "CERTIFICATE_FILE_MALFORMED"),
        (b"", "FILE_SIZE"),
        (b"x" * (4 * 1024 * 1024 + 1), "FILE_SIZE"),
    ],
)
def test_what_is_no_certificate_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    """By the name of the file, with what OpenSSL command would show it."""
    refused = _refused(_file(tmp_path, content))
    assert refused.code == code
    assert "given.file" in refused.expected


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The outside failed; the name is told, the folder is not."""
    with pytest.raises(OutsideFailed) as failed:
        read_certificates([tmp_path / "none.pem"])
    assert failed.value.code == "FILE_UNREADABLE"
    assert str(tmp_path) not in str(failed.value)


def test_a_csv_file_is_an_approved_list(tmp_path: Path) -> None:
    """Names as RFC 4514 has them, or base64; a byte order mark, a day of opening, commas in quotes."""
    point = base64.b64encode(pki.point(2)).decode()
    lines = (f'"{POINT_TEXT}",清瀬市,', f'{point},"Nishi, Tokyo",2027-04-01', "")
    text = "\r\n".join(("\ufeffdistribution_point,label,opened", *lines))
    first, second = read_points(_file(tmp_path, text.encode(), "points.csv"))
    assert same_name(first.distribution_point, pki.point(1))
    assert (first.label, first.opened) == ("清瀬市", None)
    assert second == Point(pki.point(2), "Nishi, Tokyo", date(2027, 4, 1))


def test_a_written_name_has_the_octets_that_j_lis_writes() -> None:
    """C is a PrintableString, the rest UTF8String, the country first: octet for octet the point of a list."""
    assert distribution_point(POINT_TEXT) == pki.point(1)
    assert name_text(pki.point(1)) == POINT_TEXT
    assert distribution_point(base64.b64encode(b"\x86\x03abc").decode()) == b"\x86\x03abc"
    assert name_text(pki.seq(pki.tlv(0x31, b""))) is None


def test_a_list_names_its_own_point(tmp_path: Path) -> None:
    """RFC 5280 section 5.2.5: the new municipality's list is what the operator has in hand."""
    ca = small_ca()
    der = pki.build_crl(ca.generations[1], dn=ca.subject, distribution_point=pki.point(7))
    assert read_points(_file(tmp_path, der, "131016.crl")) == [Point(pki.point(7), "131016")]
    undivided = _refused(_file(tmp_path, pki.build_crl(ca.generations[1], dn=ca.subject)), points=True)
    assert undivided.code == "DISTRIBUTION_POINT_UNCLEAR"


@pytest.mark.parametrize(
    "text",
    [
        "point,label\na,b\n",
        "distribution_point,label,extra\na,b,c\n",
        "distribution_point,label\n",
        f'distribution_point,label\n"{POINT_TEXT}"\n',
        f'distribution_point,label\n"{POINT_TEXT}",a,b\n',
        "distribution_point,label\n,a\n",
        "distribution_point,label\nnot a name,a\n",
        f'distribution_point,label,opened\n"{POINT_TEXT}",a,tomorrow\n',
        f'distribution_point,label\n"{POINT_TEXT}"x,a\n',
        "distribution_point,label\nMAA=,a\n",
        "distribution_point,label\nAgEB,a\n",
        "distribution_point,label\nhere,a\n",
        "distribution_point,label\nhgNhYmMA,a\n",
    ],
)
def test_a_csv_file_with_a_wrong_line_is_refused_whole(tmp_path: Path, text: str) -> None:
    """The line is numbered and not repeated; an empty name and another DER element are no points."""
    refused = _refused(_file(tmp_path, text.encode(), "points.csv"), points=True)
    assert refused.code == "PARTITION_FILE_MALFORMED"
    assert "Tokyo" not in refused.got


def test_another_file_is_no_csv(tmp_path: Path) -> None:
    """Octets that are no UTF-8; and a private key is one here too."""
    assert _refused(_file(tmp_path, b"\xff\xfe"), points=True).code == "PARTITION_FILE_MALFORMED"
    assert _refused(_file(tmp_path, _private_keys()[0]), points=True).code == "PRIVATE_KEY_GIVEN"
    assert REAL_DN[1] == ("O", "JPKI")
