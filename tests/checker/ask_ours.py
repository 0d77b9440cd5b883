"""What our checker says of a world."""

from __future__ import annotations

from revocation.checker import Case, check
from tests.checker.making import World
from tests.checker.verdicts import Answer, Verdict

COARSE = {
    "good": Verdict.GOOD,
    "revoked": Verdict.REVOKED,
    "issuer-revoked": Verdict.REVOKED,
    "expired-cert": Verdict.NOT_DETERMINED,
    "malformed": Verdict.NOT_DETERMINED,
    "unknown": Verdict.NOT_DETERMINED,
    "path-invalid": Verdict.PATH_INVALID,
}


def checker_says(world: World) -> Answer:
    """The coarse verdict, with its reason and rule."""
    verdict = check(
        Case(
            trust=list(world.trust),
            intermediates=list(world.others),
            lists=list(world.lists),
            certificate=world.certificate,
            at=world.at,
        )
    )
    return Answer(COARSE[verdict.status], f"{verdict.status}, {verdict.reason}: {verdict.why}")
