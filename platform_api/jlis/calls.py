"""The calls that we make to J-LIS: what each is for, where it goes, and what sending it twice does.

A retry is harmless where the call asks and changes nothing, or where J-LIS knows what is sent again by the
number inside. Where neither is sure, the call is sent again only if it surely was not done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

JSON: Final = "application/json"


class Kind(StrEnum):
    """What fails together and rests together: one breaker each (lists: none), one rule of service hours."""

    LISTS = "lists"
    CONSENTS = "consents"
    WITHDRAWALS = "withdrawals"
    LINKAGE = "linkage"
    FOUR_INFORMATION = "four_information"
    OCSP = "ocsp"


class Twice(StrEnum):
    """What sending it twice does."""

    #: It only asks.
    NOTHING = "nothing"
    #: It is kept once, by the application number inside (``jlis_resubmit`` says whether that holds).
    KNOWN_AGAIN = "known_again"


@dataclass(frozen=True, slots=True)
class Call:
    """One call; ``path`` may take a CA's id at its end."""

    name: str
    kind: Kind
    method: str
    path: str
    twice: Twice
    why_harmless: str
    media_type: str = JSON
    answer_type: str = JSON
    #: Its answers are lists, with the larger cap.
    long_answer: bool = False


AUTHORITIES: Final = Call(
    "authorities",
    Kind.LISTS,
    "GET",
    "/jlis/v1/authorities",
    Twice.NOTHING,
    "it reads what is public",
    long_answer=True,
)
PARTITIONS: Final = Call(
    "partitions",
    Kind.LISTS,
    "GET",
    "/jlis/v1/crls/",
    Twice.NOTHING,
    "it reads today's addresses of lists",
    long_answer=True,
)
SUBMIT_CONSENT: Final = Call(
    "submit_consent",
    Kind.CONSENTS,
    "POST",
    "/jlis/v1/consents",
    Twice.KNOWN_AGAIN,
    "the same application, known by its number, makes no second consent",
)
CONSENT_STATE: Final = Call(
    "consent_state",
    Kind.CONSENTS,
    "POST",
    "/jlis/v1/consents:get",
    Twice.NOTHING,
    "it reads the state of one consent",
)
WITHDRAW_CONSENT: Final = Call(
    "withdraw_consent",
    Kind.CONSENTS,
    "POST",
    "/jlis/v1/consents:withdraw",
    Twice.KNOWN_AGAIN,
    "a consent that is withdrawn stays withdrawn, since the first time",
)
POLL_WITHDRAWALS: Final = Call(
    "poll_withdrawals",
    Kind.WITHDRAWALS,
    "POST",
    "/jlis/v1/withdrawals:poll",
    Twice.NOTHING,
    "it reads on from a cursor that we keep; reading takes nothing away at J-LIS",
    long_answer=True,
)
QUERY_LINKAGE: Final = Call(
    "query_linkage",
    Kind.LINKAGE,
    "POST",
    "/jlis/v1/linkage:query",
    Twice.NOTHING,
    "it asks for a number; J-LIS may record both questions",
)
QUERY_FOUR_INFORMATION: Final = Call(
    "query_four_information",
    Kind.FOUR_INFORMATION,
    "POST",
    "/jlis/v1/four-information:query",
    Twice.NOTHING,
    "it asks; an answer that was lost may be charged, but the items are wanted and are asked for again "
    "anyway, now or later",
)
ASK_OCSP: Final = Call(
    "ask_ocsp",
    Kind.OCSP,
    "POST",
    "/jlis/v1/ocsp/",
    Twice.NOTHING,
    "it asks for a status",
    media_type="application/ocsp-request",
    answer_type="application/ocsp-response",
)

CALLS: Final = (
    AUTHORITIES,
    PARTITIONS,
    SUBMIT_CONSENT,
    CONSENT_STATE,
    WITHDRAW_CONSENT,
    POLL_WITHDRAWALS,
    QUERY_LINKAGE,
    QUERY_FOUR_INFORMATION,
    ASK_OCSP,
)
