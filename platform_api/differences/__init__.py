"""Names and addresses of the Japanese resident register: normalised, compared, and the difference named.

Needs the standard library only and imports nothing else of ours, so that institutions' clients can use the
very same code (tests/differences/test_alone.py). Pure: no I/O but reading the two tables beside it, no clock.
"""

from platform_api.differences.addresses import normalised_address
from platform_api.differences.compare import differences
from platform_api.differences.model import (
    NOT_COMPUTED,
    Compared,
    Difference,
    Differences,
    Note,
    Person,
    Text,
)
from platform_api.differences.names import normalised_name
from platform_api.differences.repertoire import outside_repertoire

__all__ = [
    "NOT_COMPUTED",
    "Compared",
    "Difference",
    "Differences",
    "Note",
    "Person",
    "Text",
    "differences",
    "normalised_address",
    "normalised_name",
    "outside_repertoire",
]
