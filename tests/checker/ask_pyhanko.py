"""What pyhanko-certvalidator says of a world.

It goes from the anchor down and stops at the first certificate it cannot decide or that is revoked. For the
checker a revoked issuer counts most, so each certificate of the path is asked for by itself.
"""

from __future__ import annotations

import asyncio
import logging

from asn1crypto import crl, x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    PathValidationError,
    RevokedError,
)

from tests.checker.making import World
from tests.checker.verdicts import Answer, Verdict

logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


def pyhanko_says(world: World) -> Answer:
    """The coarse verdict, and the sentences it came with."""
    path = _one(world, world.certificate, revocation=False)
    if path.verdict == Verdict.PATH_INVALID:
        return path
    answers = [_one(world, der, revocation=True) for der in (world.certificate, *world.path)]
    for answer in answers:
        if answer.verdict == Verdict.REVOKED:
            return answer
    return answers[0]


def _one(world: World, der: bytes, *, revocation: bool) -> Answer:
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(anchor) for anchor in world.trust],
        other_certs=[x509.Certificate.load(other) for other in world.others],
        crls=[crl.CertificateList.load(listed) for listed in world.lists] if revocation else [],
        allow_fetching=False,
        moment=world.at,
        revocation_mode="require" if revocation else "soft-fail",
    )
    validator = CertificateValidator(x509.Certificate.load(der), validation_context=context)
    try:
        asyncio.run(validator.async_validate_path())
    except RevokedError as error:
        return Answer(Verdict.REVOKED, str(error))
    except InsufficientRevinfoError as error:
        return Answer(Verdict.NOT_DETERMINED, str(error))
    except (ExpiredError, NotYetValidError) as error:
        its_own = error.is_ee_cert and not error.is_side_validation
        return Answer(Verdict.NOT_DETERMINED if its_own else Verdict.PATH_INVALID, str(error))
    except (PathBuildingError, PathValidationError) as error:
        return Answer(Verdict.PATH_INVALID, str(error))
    return Answer(Verdict.GOOD, "")
