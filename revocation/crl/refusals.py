"""The compiled walk refuses by number; here is the sentence for each number."""

from __future__ import annotations

from typing import Final, NamedTuple

from revocation.der import DerReader, refused
from revocation.errors import InputRefused


class _Sentence(NamedTuple):
    code: str
    what: str
    expected: str
    got: str
    remedy: str = ""


_INDIRECT_REMEDY: Final = "fetch the list that the CA itself issues for this scope"
_TIME_REMEDY: Final = "fetch it again, or switch on the tolerance generalized_time_before_2050 for this CA"
_DEFAULT_REMEDY: Final = "fetch it again, or switch on the tolerance explicit_default for this CA"

_ELEMENT: Final = "an element of revokedCertificates"
_EXTENSION: Final = "crlEntryExtensions"

#: By the numbers R_... of _walk.pyx; ``{got}`` is the number that the walk found, ``{oid}`` the extension.
_SENTENCES: Final[dict[int, _Sentence]] = {
    1: _Sentence("DER_TRUNCATED", _ELEMENT, "content inside its parent", "{got} octets left"),
    2: _Sentence("DER_TAG", _ELEMENT, "a one-octet tag", "tag octet 0x{got:02x}"),
    3: _Sentence("DER_LENGTH", _ELEMENT, "a definite length", "the indefinite form 0x80"),
    4: _Sentence("DER_LENGTH", _ELEMENT, "the shortest form of the length", "0x{got:02x}"),
    5: _Sentence("DER_TAG", "an entry of revokedCertificates", "tag 0x30", "tag 0x{got:02x}"),
    6: _Sentence("DER_TAG", "userCertificate", "tag 0x02 (INTEGER)", "tag 0x{got:02x}"),
    7: _Sentence("DER_SERIAL", "userCertificate", "1 to 20 octets (RFC 5280 4.1.2.2)", "{got} octets"),
    8: _Sentence("DER_SERIAL", "userCertificate", "the fewest octets (X.690 8.3.2)", "a leading 0x{got:02x}"),
    9: _Sentence("DER_TAG", "revocationDate", "UTCTime or GeneralizedTime", "tag 0x{got:02x}"),
    10: _Sentence("DER_TIME", "revocationDate", "[YY]YYMMDDHHMMSSZ", "another form, {got} octets"),
    11: _Sentence("DER_TIME", "revocationDate", "a date and time that exist", "one that does not"),
    12: _Sentence(
        "DER_TIME",
        "revocationDate",
        "UTCTime for a year before 2050 (RFC 5280 section 5.1.2.6)",
        "GeneralizedTime",
        _TIME_REMEDY,
    ),
    13: _Sentence("DER_TAG", _EXTENSION, "tag 0x30", "tag 0x{got:02x}"),
    14: _Sentence("DER_EXTENSIONS", _EXTENSION, "at least one extension, or none of it", "an empty SEQUENCE"),
    15: _Sentence("DER_EXTENSIONS", _EXTENSION, "at most {got} extensions in one entry", "more"),
    16: _Sentence("DER_VERSION", _EXTENSION, "version v2 (RFC 5280 5.1.2.1)", "extensions in a v1 list"),
    17: _Sentence("DER_TRAILING", _ELEMENT, "nothing after it", "{got} octets"),
    18: _Sentence("DER_TAG", "Extension of an entry", "tag 0x30", "tag 0x{got:02x}"),
    19: _Sentence("DER_TAG", "extnID of an entry", "tag 0x06", "tag 0x{got:02x}"),
    20: _Sentence("DER_OID", "extnID of an entry", "a complete OBJECT IDENTIFIER", "{got} octets"),
    21: _Sentence("DER_BOOLEAN", "critical of an entry", "one octet 0x00 or 0xff", "another BOOLEAN"),
    22: _Sentence(
        "DER_EXPLICIT_DEFAULT",
        "critical of an entry extension",
        "FALSE left out, as DER wants a DEFAULT",
        "an explicit FALSE",
        _DEFAULT_REMEDY,
    ),
    23: _Sentence("DER_TAG", "extnValue of an entry", "tag 0x04 (OCTET STRING)", "tag 0x{got:02x}"),
    24: _Sentence("DER_DUPLICATE_EXTENSION", _EXTENSION, "each extension once (RFC 5280 4.2)", "{oid} twice"),
    25: _Sentence(
        "UNKNOWN_CRITICAL_EXTENSION",
        _EXTENSION,
        "no critical extension that we do not process (RFC 5280 section 5.3)",
        "{oid}",
        "ask the CA what the extension means; until then this list decides no status",
    ),
    26: _Sentence(
        "INDIRECT_NOT_SUPPORTED",
        _EXTENSION,
        "entries of the list's own issuer",
        "certificateIssuer (RFC 5280 section 5.3.3)",
        _INDIRECT_REMEDY,
    ),
    27: _Sentence("DER_REASON", "reasonCode", "ENUMERATED (RFC 5280 section 5.3.1)", "tag 0x{got:02x}"),
    28: _Sentence("DER_REASON", "reasonCode", "a minimal value of 0 to 254", "another value, {got} octets"),
    29: _Sentence("DER_TIME", "invalidityDate", "GeneralizedTime YYYYMMDDHHMMSSZ", "something else"),
    30: _Sentence("DER_HOLD_INSTRUCTION", "holdInstructionCode", "one OBJECT IDENTIFIER", "tag 0x{got:02x}"),
}


def walk_refused(
    data: bytes | memoryview, number: int, offset: int, got: int, oid_length: int
) -> InputRefused:
    """The refusal for what the walk found; an entry is named by its offset only, never by its serial."""
    sentence = _SENTENCES[number]
    oid = ""
    if oid_length:
        # Rebuild the element around the content octets that the walk pointed at; they are well formed.
        oid = DerReader(bytes([0x06, oid_length]) + bytes(data[offset : offset + oid_length])).oid("extnID")
    values = {"got": got, "oid": oid}
    return refused(
        sentence.code,
        sentence.what,
        offset,
        sentence.expected.format(**values),
        sentence.got.format(**values),
        remedy=sentence.remedy,
    )
