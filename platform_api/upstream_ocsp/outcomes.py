"""How asking another responder ended: a closed set, for metrics and for the JSON answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from revocation.ocsp.upstream_word import UpstreamWord


class Outcome(StrEnum):
    """Only ``ANSWERED`` has a word."""

    #: A verified answer, perhaps one of the last minutes.
    ANSWERED = "answered"
    #: There was nothing to ask: the issuer is unknown to us, or its own dates decide.
    NOT_ASKED = "not_asked"
    #: No address of a responder is set for this CA.
    NOT_CONFIGURED = "not_configured"
    #: This request or this institution has asked as often as it may.
    OVER_BUDGET = "over_budget"
    #: The responder failed again and again and is left alone for a while.
    PAUSED = "paused"
    #: No answer in time, or none that is one.
    FAILED = "failed"
    #: An answer that proves nothing: an OCSP error, or one that did not verify.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Asked:
    """How it ended, and what was said."""

    outcome: Outcome
    word: UpstreamWord | None = None
