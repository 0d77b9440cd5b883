"""A plot of a report, drawn by hand into SVG: the same report gives the same octets, and needs no library.

One bar for each figure, on a scale where the gate is 1 and better lies to the left; hatched bars are behind
their target, so that it can be read without colours.
"""

from __future__ import annotations

import math
from typing import Any, Final
from xml.sax.saxutils import escape

from benchmarks.core import BARS

_WIDTH: Final = 960
_LABELS: Final = 300
_VALUES: Final = 130
_ROW: Final = 30
_TOP: Final = 64
_FONT: Final = 'font-family="sans-serif" font-size="13" fill="#000"'


def svg_of(report: dict[str, Any]) -> str:
    """The plot as a whole file."""
    shares = {
        name: _share(ratio, report["gates"][name], report["better"][name])
        for name, ratio in report["ratios"].items()
    }
    targets = {
        name: _share(report["targets"][name], report["gates"][name], report["better"][name])
        for name in shares
    }
    least = min([0.1, *(share for share in shares.values() if share > 0), *targets.values()])
    most = max([2.0, *shares.values()])
    low, high = math.floor(math.log10(least) * 4) / 4, math.ceil(math.log10(most) * 4) / 4
    height = _TOP + _ROW * len(shares) + 24

    def x(share: float) -> float:
        place = min(max(math.log10(max(share, 1e-9)), low), high)
        return round(_LABELS + (place - low) / (high - low) * (_WIDTH - _LABELS - _VALUES), 1)

    machine = report["machine"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img">',
        f"<title>{escape(_title(report))}</title>",
        '<defs><pattern id="behind" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/>'
        '<line x1="0" y1="0" x2="0" y2="6" stroke="#000" stroke-width="2"/></pattern></defs>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="22" {_FONT} font-weight="bold">{escape(_title(report))}</text>',
        f'<text x="12" y="42" {_FONT}>{escape(machine["cpu"])}, {machine["cores"]} cores; solid line: gate, '
        "left of it is better (log scale); dashed: target; full bar: at target</text>",
    ]
    bottom = _TOP + _ROW * len(shares)
    parts.append(
        f'<line x1="{x(1)}" y1="{_TOP - 8}" x2="{x(1)}" y2="{bottom}" stroke="#000" stroke-width="2"/>'
    )
    for row, (name, share) in enumerate(shares.items()):
        y = _TOP + row * _ROW
        value, bar = report["ratios"][name], BARS[name]
        fill = "#444" if bar.judged(value) == "at target" else "url(#behind)"
        start, end = x(0), x(share)
        parts += [
            f'<text x="{_LABELS - 8}" y="{y + 17}" text-anchor="end" {_FONT}>{escape(name)}</text>',
            f'<rect x="{start}" y="{y + 4}" width="{max(end - start, 1):.1f}" height="18" fill="{fill}" '
            'stroke="#000"/>',
            f'<line x1="{x(targets[name])}" y1="{y}" x2="{x(targets[name])}" y2="{y + 26}" stroke="#000" '
            'stroke-width="2" stroke-dasharray="4 3"/>',
            f'<text x="{_WIDTH - _VALUES + 8}" y="{y + 17}" {_FONT}>{value:.3g} '
            f"({escape(_word(bar.better))} {bar.target:g})</text>",
        ]
    parts += [f'<text x="{x(1)}" y="{bottom + 16}" text-anchor="middle" {_FONT}>gate</text>', "</svg>"]
    return "\n".join(parts) + "\n"


def _share(value: float, gate: float, better: str) -> float:
    """Of the gate: below 1 is better than it."""
    return value / gate if better == "lower" else gate / value


def _word(better: str) -> str:
    return "≤" if better == "lower" else "≥"


def _title(report: dict[str, Any]) -> str:
    machine = report["machine"]
    return f"core, {report['entries']:,} entries, {machine['at'][:10]}, commit {machine['commit']}"
