"""A report for people: as a table in the terminal, and as one in Markdown for the README."""

from __future__ import annotations

import re
from typing import Any, Final

from benchmarks.core import BARS
from revocation.errors import OwnFault

#: What is measured, and against what, in the words of the README.
WORDS: Final = {
    "ingest_steady_vs_sha256": (
        "a night, every check on, in a process that lives on",
        "`openssl dgst -sha256` of the list",
    ),
    "ingest_fresh_vs_sha256": ("the same as the first thing that a process does", "the same"),
    "rss_short_bytes_per_entry": ("peak memory of that process above 64 MB", "octets an entry"),
    "rss_mixed_bytes_per_entry": ("the same, 30 % of the serials long", "octets an entry"),
    "index_short_bytes_per_entry": ("index file", "octets an entry"),
    "index_mixed_bytes_per_entry": ("index file, 30 % of the serials long", "octets an entry"),
    "index_partitioned_bytes_per_entry": ("index file of 1,900 lists", "octets an entry"),
    "decode_vs_sha256": (
        "the walk over the entries, every bound checked",
        "SHA-256 of the list, same thread",
    ),
    "ingest_speedup_vs_cryptography": ("a night", "cryptography: load, serial, date, reason"),
    "lookup_hit_vs_dict": ("`Index.get`, random order, listed", "`dict.get`"),
    "lookup_miss_vs_dict": ("`Index.get`, random order, not listed", "`dict.get`"),
    "batch_speedup_vs_searchsorted": ("`Index.get_many` of 1 M uint64", "`numpy.searchsorted`"),
    "batch_mkeys_per_s": ("the same", "million keys a second"),
    "diff_vs_memcpy": ("difference of two days", "a copy of 9 octets an entry"),
    "day_1900_lists_vs_sha256": (
        "a day of 1,900 lists, from folder to commit",
        "`openssl dgst -sha256` on one core",
    ),
}


def table_of(report: dict[str, Any]) -> str:
    """The report, one figure a line."""
    lines = [
        f"{'core, ' + format(report['entries'], ',') + ' entries':36}{'':>9}{'gate':>8}{'target':>8}  spread"
    ]
    for name, ratio in report["ratios"].items():
        gate, target = report["gates"][name], report["targets"][name]
        spread, verdict = report["spread"][name], BARS[name].judged(ratio)
        lines.append(f"{name:36}{ratio:>9.2f}{gate:>8}{target:>8}{spread:>8.0%}  {verdict}")
    for name, row in report["machine"].get("read_whole", {}).items():
        lines.append(f"  {name:34}{row['ratio']:>9.2f}{'':16}{row['spread']:>8.0%}  every list read whole")
    for name, row in report["machine"]["neighbours"].items():
        lines.append(f"  {name:20}{row['ns']:>12,.1f} ns an entry ({row['entries']:,}): {row['what']}")
    return "\n".join(lines)


_RESULTS: Final = re.compile(r"(<!-- results: [^\n]*-->\n).*?(<!-- end of results -->)", re.DOTALL)


def filled(text: str, tables: str) -> str:
    """The README with other tables between its two marks."""
    made, count = _RESULTS.subn(lambda found: f"{found[1]}{tables}\n{found[2]}", text)
    if count != 1:
        raise OwnFault(
            "README_MARKS",
            expected="one pair of marks around the results in benchmarks/README.md",
            got=str(count),
            remedy="put them back: <!-- results: ... --> and <!-- end of results -->",
        )
    return made


def markdown_of(report: dict[str, Any]) -> str:
    """The README's tables."""
    machine = report["machine"]
    sha = "with" if machine["sha_instructions"] else "without"
    lines = [
        f"{report['entries']:,} entries, {machine['pairs']} pairs, {machine['at'][:10]}, "
        f"commit {machine['commit']}: "
        f"{machine['cores']} cores of {machine['cpu']} ({sha} SHA instructions), {machine['system']}, "
        f"Python {machine['python']}, {machine['openssl_command']}, cryptography {machine['cryptography']}, "
        f"numpy {machine['numpy']}.",
        "",
        "| figure | ours | neighbour or unit | workload | figure | spread | gate | target | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, ratio in report["ratios"].items():
        bar = BARS[name]
        times = " ×" if bar.better == "higher" and "mkeys" not in name else ""
        ours, neighbour = WORDS[name]
        lines.append(
            f"| `{name}` | {ours} | {neighbour} | {machine['workloads'][name]}, {machine['sizes'][name]:,} "
            f"| **{ratio:.3g}**{times} | {report['spread'][name]:.0%} | {bar.gate:g} | {bar.target:g} "
            f"| {bar.judged(ratio)} |"
        )
    if machine.get("read_whole"):
        lines += ["", "| every list read whole, as on a first night | figure | spread |", "|---|---|---|"]
        lines += [
            f"| `{name}` | {row['ratio']:.3g} | {row['spread']:.0%} |"
            for name, row in machine["read_whole"].items()
        ]
    if machine["neighbours"]:
        lines += ["", "| other ways, once | entries | ns an entry | |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | {row['entries']:,} | {row['ns']:,.0f} | {row['what']} |"
            for name, row in machine["neighbours"].items()
        ]
    return "\n".join(lines)
