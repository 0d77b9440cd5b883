"""Entries before `openssl crl -text`: the third reader, in C, entry for entry."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta

from revocation.crl.decode import decode_certificate_list
from revocation.reasons import REASON_ABSENT
from tests import pki
from tests.base.eventually import HANG_S
from tests.pki import T0, entry, extension
from tests.revocation.decoding import quick_signer

#: i2a_ASN1_INTEGER writes an octet string in hexadecimal with its sign, 0 as 00.
_SERIAL = re.compile(r"Serial Number: (-?)([0-9A-F]+)\Z")
_DATE = re.compile(r"Revocation Date: (.+) GMT\Z")
_REASONS = {
    "Unspecified": 0,
    "Key Compromise": 1,
    "CA Compromise": 2,
    "Affiliation Changed": 3,
    "Superseded": 4,
    "Cessation Of Operation": 5,
    "Certificate Hold": 6,
    "Remove From CRL": 8,
    "Privilege Withdrawn": 9,
    "AA Compromise": 10,
}

Row = tuple[int, datetime, int]


def by_openssl(der: bytes) -> list[Row]:
    done = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-noout", "-text"],
        input=der,
        capture_output=True,
        check=True,
        timeout=HANG_S,
    )
    rows: list[Row] = []
    for line in map(str.strip, done.stdout.decode().splitlines()):
        if found := _SERIAL.match(line):
            number = int(found[2], 16)
            rows.append((-number if found[1] else number, T0, REASON_ABSENT))
        elif found := _DATE.match(line):
            at = datetime.strptime(found[1], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
            rows[-1] = (rows[-1][0], at, REASON_ABSENT)
        elif line in _REASONS:
            rows[-1] = (*rows[-1][:2], _REASONS[line])
    return rows


def ours(der: bytes) -> list[Row]:
    return [
        (int.from_bytes(e.serial, "big", signed=True), e.revocation_date, e.reason)
        for e in decode_certificate_list(der).entries
    ]


def test_t15_odd_serials_duplicates_and_dates_as_openssl_reads_them() -> None:
    """Zero, negative, 20 octets, a leading 00 or FF that DER wants, one twice; in one order, none dropped."""
    serials = [
        b"\x00",
        b"\x01",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\x00\x80",
        b"\x00\xff",
        b"\xff\x7f",
        b"\x80\x00",
        b"\x00\xbf\xcd",
        b"\x01" + bytes(19),
        b"\x7f" + b"\xff" * 19,
        b"\x80" + bytes(19),
        b"\x00\x80" + bytes(18),
        b"\x01",
    ]
    reasons = [None, *_REASONS.values()]
    entries = [
        entry(serial, T0 - timedelta(days=1000 * n, seconds=n), reasons[n % len(reasons)])
        for n, serial in enumerate(serials)
    ]
    entries.append(entry(77, datetime(2050, 1, 1, tzinfo=UTC), 5))
    entries.append(entry(78, T0, 4, extensions=[extension("1.2.392.200149.1", b"\x05\x00")]))
    der = pki.build_crl(quick_signer(), entries=entries)
    rows = by_openssl(der)
    assert len(rows) == len(entries)
    assert ours(der) == rows
