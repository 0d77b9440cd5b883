"""Small index files for the tests of the reader: what they say, and their octets, written the slow way."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.revocation.stranger import Mixing, octets
from tests.revocation.written_index import Gone, Listed, is_short, row, write_index

MIXING_KEY = bytes((37 * at + 11) % 256 for at in range(40))
LINEAGE = ("card-sign", "ab" * 32)
#: (partition, reason, flags, date high)
CODES = [
    (partition, reason, flags, high)
    for partition in (1, 2, 700)
    for reason, flags in ((3, 0), (6, 0), (255, 1), (1, 0))
    for high in (0, -1, 3)
]
#: Where searches begin and end: keys 0 and 2**32 - 1, and the serials beside every border of a class.
ENDS = [
    *(Mixing(MIXING_KEY).short_serial(key) for key in (0, 1, (1 << 32) - 2, (1 << 32) - 1)),
    *(side + step for side in (0, 127, 128) for step in (-1, 0, 1)),
    *((1 << bits) + step for bits in (31, 32, 63, 64, 95) for step in (-1, 0, 1)),
    *((1 << 159) - 1, -(1 << 159), -(1 << 127), -1, -128, -129, -(1 << 63)),
]
serials = st.one_of(
    st.sampled_from(ENDS),
    st.integers(0, 400),
    st.integers(0, (1 << 32) - 1),
    st.integers(1, 20).flatmap(
        lambda size: st.binary(min_size=size, max_size=size).map(
            lambda data: int.from_bytes(data, "big", signed=True)
        )
    ),
)
dates = st.sampled_from([0, 1, 1_795_046_400, (1 << 32) - 1]) | st.integers(0, (1 << 32) - 1)


@dataclass(frozen=True)
class World:
    """What a file says. ``listed`` and ``gone`` are by serial; dates are their lower halves."""

    listed: Listed
    gone: Gone = field(default_factory=dict)
    many: tuple[tuple[int, int, int], ...] = ()
    codes: tuple[tuple[int, int, int, int], ...] = tuple(CODES)
    home_lines: int = 1
    code_octets: int = 1
    mixing_key: bytes = MIXING_KEY

    def file(self) -> bytes:
        short = any(is_short(serial) for serial in self.listed)
        numbers = sorted({partition for partition, *_ in self.codes})
        return write_index(
            LINEAGE,
            self.mixing_key,
            self.codes,
            [row(number, entries=len(self.listed)) for number in numbers],
            self.listed,
            self.gone,
            self.many,
            self.home_lines if short else 0,
            code_octets=self.code_octets,
        )

    def meaning(self, date: int, code: int) -> tuple[int, int, int]:
        """(date, reason, partition), as a look-up answers."""
        partition, reason, _, high = self.codes[code]
        return high * 2**32 + date, reason, partition

    def says(self) -> dict[bytes, tuple[int, int, int]]:
        """Of what is listed."""
        return {octets(serial): self.meaning(*said) for serial, said in self.listed.items()}

    def said(self) -> dict[bytes, tuple[int, int, int, int, int]]:
        """Of what is gone, with its flags and the last set that listed it behind."""
        return {
            octets(serial): (*self.meaning(date, code), last, flags)
            for serial, (date, code, flags, last) in self.gone.items()
        }


def entries(most: int) -> st.SearchStrategy[dict[int, tuple[int, int]]]:
    return st.dictionaries(serials, st.tuples(dates, st.integers(0, len(CODES) - 1)), max_size=most)


@st.composite
def worlds(draw: st.DrawFn, most: int = 60) -> World:
    """Few home lines, so that lines overflow into the next ones and behind the last."""
    listed = draw(entries(most))
    left = draw(
        st.dictionaries(
            serials,
            st.tuples(dates, st.integers(0, len(CODES) - 1), st.integers(0, 1), st.integers(1, 99)),
            max_size=most // 2,
        )
    )
    several = draw(st.sets(st.sampled_from(sorted(listed)), max_size=4)) if listed else set()
    return World(
        listed,
        {serial: said for serial, said in left.items() if serial not in listed},
        tuple((serial, listed[serial][0], code) for serial in several for code in (0, 12, 25)),
        home_lines=draw(st.integers(1, 14)),
        code_octets=draw(st.sampled_from([1, 2, 4])),
    )
