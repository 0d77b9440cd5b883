"""Many cases, one JSON object a line: read, judged, answered in the same order.

A line in: ``{"id":…,"trust":[…],"intermediates":[…],"crls":[…],"cert":…,"at":…}``, with paths of files. A
line out: ``{"id":…,"status":…,"reason":…,"why":…}``. A line that is no case is answered too, with status null
and an error: nothing is left out, so line n of the output is about line n of the input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from revocation.checker.files import Files
from revocation.checker.verdict import Case, Verdict, check
from revocation.clock import moment_of
from revocation.errors import InputRefused, OwnFault, RevocationError
from revocation.exits import error_record, exit_code_of

_MOST_OCTETS: Final = 16 * 1024 * 1024
_EXAMPLE: Final = (
    'write {"id":1,"trust":["ca.pem"],"crls":["ca.crl"],"cert":"leaf.pem","at":"2026-11-30T00:00:00Z"}'
)


@dataclass(frozen=True, slots=True)
class NamedCase:
    """A case whose certificates and lists are still files."""

    trust: tuple[str, ...]
    intermediates: tuple[str, ...]
    lists: tuple[str, ...]
    certificate: str
    at: datetime
    tolerances: frozenset[str] = frozenset()

    def read(self, files: Files) -> Case:
        """The case itself. Of a certificate file with several the first is asked, the rest may be of use."""
        certificate, *chain = files.certificates(self.certificate)
        return Case(
            trust=[der for name in self.trust for der in files.certificates(name)],
            intermediates=[*(der for name in self.intermediates for der in files.certificates(name)), *chain],
            lists=[held for name in self.lists for held in files.lists(name, self.tolerances)],
            certificate=certificate,
            at=self.at,
            tolerances=self.tolerances,
        )


def answers(
    lines: Iterable[bytes], files: Files, now: datetime, tolerated: AbstractSet[str] = frozenset()
) -> Iterator[dict[str, Any]]:
    """One answer for each line that is not empty.

    ``now`` is asked about where a line says no time; ``tolerated`` is added to what a line tolerates.
    """
    for line in lines:
        if line.strip():
            yield answer(line, files, now, tolerated)


def answer(
    line: bytes, files: Files, now: datetime, tolerated: AbstractSet[str] = frozenset()
) -> dict[str, Any]:
    """The answer to one line; an error of any kind is an answer as well."""
    try:
        row = _row(line)
        case = named_case(row, now, tolerated).read(files)
        return {"id": row.get("id"), **verdict_record(check(case))}
    except RevocationError as error:
        return _without_status(line, error)
    except Exception as error:
        # A fault of ours costs one line, and not all that come after it.
        fault = OwnFault(
            "CHECK_FAILED",
            expected="a verdict on every case",
            got=type(error).__name__,
            remedy="report this as a bug, with the files of the case",
        )
        return _without_status(line, fault)


def _without_status(line: bytes, error: RevocationError) -> dict[str, Any]:
    return {
        "id": identifier(line),
        "status": None,
        "reason": None,
        "why": str(error),
        "error": error_record(error, exit_code_of(error)),
    }


def identifier(line: bytes) -> object:
    """The id of a line; None where it has none, or is no case."""
    try:
        found: object = _row(line).get("id")
    except InputRefused:
        return None
    return found


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """What is said of a case, in the order of the output's keys."""
    return {"status": verdict.status, "reason": verdict.reason, "why": verdict.why}


def _row(line: bytes) -> dict[str, Any]:
    if len(line) > _MOST_OCTETS:
        raise _no_case(f"at most {_MOST_OCTETS} octets a line", "more")
    try:
        row = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _no_case("a JSON object on each line", "something else") from None
    if not isinstance(row, dict):
        raise _no_case("a JSON object on each line", "other JSON")
    return row


def named_case(row: dict[str, Any], now: datetime, tolerated: AbstractSet[str] = frozenset()) -> NamedCase:
    """The case of one line; keys that it does not know (a note, what is expected) are left alone."""

    def names(key: str) -> tuple[str, ...]:
        value = row.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise _no_case(f"a list of file names as {key}", "something else")
        return tuple(value)

    certificate = row.get("cert")
    if not isinstance(certificate, str):
        raise _no_case("a file name as cert", "none" if certificate is None else "something else")
    if "trust" not in row:
        raise _no_case("a list of file names as trust", "none")
    return NamedCase(
        trust=names("trust"),
        intermediates=names("intermediates"),
        lists=names("crls"),
        certificate=certificate,
        at=now if row.get("at") is None else moment_of(row["at"]),
        tolerances=frozenset(names("tolerances")) | tolerated,
    )


def _no_constant(text: str) -> None:
    """NaN and the infinities are no JSON (RFC 8259 section 6), and could not be written out again as such."""
    raise ValueError(text)


def _no_case(expected: str, got: str) -> InputRefused:
    return InputRefused("CASE_MALFORMED", expected=expected, got=got, remedy=_EXAMPLE)
