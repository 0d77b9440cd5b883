"""What the changes start from: entries as J-LIS writes them, hand-made edges, the corpus in the repository.

A seed of the walk is a pair: flags (1 extensions allowed, 2 the tolerance explicit_default, 4 the tolerance
generalized_time_before_2050, 8 the reader of an indirect list) and the content octets of
revokedCertificates. A corpus file is one octet of flags and that content.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.der_writer import T0, der_int, der_oid, extension, seq, tlv
from tests.forged_lists import entry

Seed = tuple[int, bytes]

CORPUS: Final = Path(__file__).resolve().parent / "corpus" / "walk"
EXTENSIONS_ALLOWED, EXPLICIT_DEFAULT, GENERALIZED_BEFORE_2050, CERTIFICATE_ISSUERS = 1, 2, 4, 8
_ALL: Final = 15
_LONGEST: Final = 2048


def _unknown(number: int, *, critical: bool = False) -> bytes:
    return extension(f"1.2.3.{number}", b"\x05\x00", critical=critical)


def _hand_made() -> list[bytes]:
    plain = entry(5)
    reasons = [entry(number + 1, reason=number) for number in (0, 1, 3, 4, 5, 6, 8, 9, 10)]
    serials = [
        b"\x00", b"\x7f", b"\xff", b"\x80", b"\x00\x80", b"\xff\x7f", b"\x00\xff\xff\xff\xff", b"\x7f" * 20,
        b"\x01\x00\x00\x00\x00",
    ]  # fmt: skip
    wrong_serials = [b"", b"\x00\x7f", b"\xff\x80", b"\x01" * 21]
    dates = [
        b"\x17\x0d000101000000Z", b"\x17\x0d491231235959Z", b"\x17\x0d500101000000Z",
        b"\x17\x0d990228235959Z", b"\x17\x0d240229120000Z", b"\x18\x0f20500101000000Z",
        b"\x18\x0f99991231235959Z",
        b"\x18\x0f20240229000000Z", b"\x18\x0f00010101000000Z",
    ]  # fmt: skip
    wrong_dates = [
        b"\x17\x0d230229120000Z", b"\x17\x0d261301000000Z", b"\x17\x0b2611190000Z", b"\x17\x0d26111900000aZ",
        b"\x17\x112611190000+0900", b"\x18\x1120261119000000.5Z", b"\x18\x0f00000101000000Z", b"\x16\x00",
    ]  # fmt: skip
    reason = extension("2.5.29.21", der_int(1, tag=0x0A))
    odd = [
        reason,
        extension("2.5.29.21", der_int(1, tag=0x0A), critical=True),
        extension("2.5.29.21", der_int(1, tag=0x0A), explicit_false=True),
        extension("2.5.29.21", der_int(b"\x00\x80", tag=0x0A)),
        extension("2.5.29.21", der_int(b"\x00\xff", tag=0x0A)),
        extension("2.5.29.21", der_int(b"\x80", tag=0x0A)),
        extension("2.5.29.21", der_int(1)),
        extension("2.5.29.21", der_int(1, tag=0x0A) + b"\x00"),
        extension("2.5.29.23", der_oid("1.2.840.10040.2.1")),
        extension("2.5.29.23", b"\x05\x00"),
        extension("2.5.29.24", b"\x18\x0f20261119000000Z"),
        extension("2.5.29.24", b"\x17\x0d261119000000Z"),
        extension("2.5.29.24", b"\x18\x0f20261319000000Z"),
        extension("2.5.29.29", seq(b"\xa4\x00"), critical=True),
        _unknown(4),
        _unknown(4, critical=True),
        seq(tlv(0x06, b"\x80\x01"), tlv(0x04, b"")),
        seq(tlv(0x06, b"\x2a\x83"), tlv(0x04, b"")),
        seq(tlv(0x06, b""), tlv(0x04, b"")),
        seq(tlv(0x06, b"\x2a" + b"\x03" * 63), tlv(0x04, b"")),
        seq(tlv(0x06, b"\x2a" + b"\x03" * 64), tlv(0x04, b"")),
        seq(der_oid("1.2.3.4"), tlv(0x01, b"\x01"), tlv(0x04, b"")),
        seq(der_oid("1.2.3.4"), tlv(0x01, b"\xff\xff"), tlv(0x04, b"")),
        seq(der_oid("1.2.3.4"), b"\x05\x00"),
        seq(der_oid("1.2.3.4"), tlv(0x04, b""), b"\x05\x00"),
        seq(b"\x05\x00"),
        b"\x05\x00",
    ]
    return [
        plain,
        plain * 3,
        b"".join(reasons),
        entry(2**32 - 1, reason=1) + entry(2**32, reason=6) + entry(2**128 + 7, reason=4),
        entry(7, reason=1, invalidity_date=T0 - timedelta(days=400)),
        entry(8, datetime(2050, 1, 1, tzinfo=UTC), reason=0),
        entry(9, extensions=[_unknown(number) for number in range(16)]),
        entry(9, extensions=[_unknown(number) for number in range(17)]),
        entry(9, extensions=[reason, reason]),
        entry(9, extensions=[extension("1.2.3.4", b"\x04" * 200)]),
        entry(9, extensions=[extension("1.2.3.4", b"\x04" * 700)]),
        *(entry(one) for one in (*serials, *wrong_serials)),
        *(entry(3, one) for one in (*dates, *wrong_dates)),
        *(entry(4, extensions=[one]) for one in odd),
        seq(der_int(5), b"\x17\x0d261119000000Z", seq()),
        seq(der_int(5), b"\x17\x0d261119000000Z", b"\x05\x00"),
        seq(der_int(5), b"\x17\x0d261119000000Z", seq(reason), b"\x00"),
        seq(der_int(5)),
        seq(),
        b"\x31" + plain[1:],
        b"\x3f\x20\x00",
        b"\x30\x80" + plain[2:] + b"\x00\x00",
        b"\x30\x81" + plain[1:],
        b"\x30\x82\x00" + plain[1:],
        b"\x30\x88\x7f" + b"\xff" * 7,
        b"\x30\x88" + b"\xff" * 8,
        b"\x30\x89" + b"\x01" * 9,
        plain + b"\x30",
        plain + b"\x00\x00",
    ]


def hand_made() -> list[Seed]:
    return [(_ALL if number % 3 == 0 else EXTENSIONS_ALLOWED, one) for number, one in enumerate(_hand_made())]


def stored() -> list[Seed]:
    """The corpus in the repository, in the order of its names."""
    found = [path.read_bytes() for path in sorted(CORPUS.iterdir()) if path.suffix == ".seed"]
    return [(one[0], one[1:]) for one in found if 1 < len(one) <= _LONGEST + 1]


def seeds() -> list[Seed]:
    return [one for one in dict.fromkeys((*hand_made(), *stored())) if len(one[1]) <= _LONGEST]


def store(seed: Seed) -> Path:
    """One more corpus file, named for its content."""
    octets = bytes([seed[0]]) + seed[1]
    path = CORPUS / f"{sha256(octets).hexdigest()[:16]}.seed"
    path.write_bytes(octets)
    return path


def smallest_cover(found: list[Seed], reached: list[set[int]], known: set[int]) -> list[Seed]:
    """Few and small inputs that reach together what all do, beyond what is ``known``: most first."""
    left = [(seed, edges - known) for seed, edges in zip(found, reached, strict=True)]
    chosen: list[Seed] = []
    while left:
        best = max(left, key=lambda one: (len(one[1]), -len(one[0][1])))
        if not best[1]:
            break
        chosen.append(best[0])
        left = [(seed, edges - best[1]) for seed, edges in left]
    return chosen
