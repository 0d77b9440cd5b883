"""`jpki nightly`: one night, for cron or a systemd timer."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async

#: What to do about a refused or missing list, by the beginning of its code; the first that fits.
REMEDIES: Final = (
    ("FETCH_", "J-LIS or the line to it: run the night again later"),
    ("LIST_NOT_OFFERED", "ask J-LIS whether the partition was closed or merged"),
    ("SIGNATURE_", "ask J-LIS; until then the list of before serves on"),
    ("CRL_NUMBER_", "an older or doubled list: ask J-LIS, and look at what stands between"),
    ("THIS_UPDATE_", "check this machine's clock, then ask J-LIS"),
    ("NEXT_UPDATE_", "a stale list: run the night again when J-LIS has signed a new one"),
    ("LIST_IS_", "something else than a list came: check its address, then ask J-LIS"),
    ("SCOPE_", "a list of another partition or key: check its address, then ask J-LIS"),
    ("SIGNER_", "look at the CA's certificates: jpki authority check"),
    ("ALGORITHM_", "ask J-LIS what it signs with; compare: jpki authority show"),
    ("", "look at the list: python -m revocation decode FILE"),
)


def register(app: typer.Typer) -> None:
    app.command()(nightly)


Wait = Annotated[
    float | None,
    typer.Option(help="Seconds to ask again for missing lists before publishing without them (live: 600)."),
]
Poll = Annotated[float | None, typer.Option(help="Seconds between two rounds of asking (30).")]
Late = Annotated[
    float | None,
    typer.Option(help="Seconds to go on asking after the publish; each late list is published again (0)."),
]
Rebuild = Annotated[
    bool,
    typer.Option(
        "--rebuild-lost-sets",
        help="Published sets are lost and no backup has them: build anew above them. Recorded, with --by.",
    ),
]
By = Annotated[str | None, typer.Option(help="Who decides it; kept in the database.")]


def nightly(
    data: Data = DEFAULT_DATA,
    lists_wait_s: Wait = None,
    lists_poll_s: Poll = None,
    lists_late_s: Late = None,
    rebuild_lost_sets: Rebuild = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Fetch today's lists, publish the set, find the changed customers, announce them.

    Safe to run again at any time: a finished night answers 3 (nothing new), a broken one goes on, and lists
    that came late are taken in and published. The waits may also stand in JPKI_LISTS_WAIT_S,
    JPKI_LISTS_POLL_S, JPKI_LISTS_LATE_S or in jpki.toml (lists_wait_s ...); in sandbox mode there are none.
    Example: jpki nightly --data jpki-data --lists-wait-s 600 --lists-late-s 7200 --json
    """
    from platform_api.config import load_settings
    from platform_api.nightly import run_night

    if rebuild_lost_sets != (by is not None and bool(by.strip())):
        raise typer.BadParameter("--rebuild-lost-sets and --by NAME go together")
    settings = load_settings(
        data_dir=data, lists_wait_s=lists_wait_s, lists_poll_s=lists_poll_s, lists_late_s=lists_late_s
    )
    out = console(as_json=as_json)
    with out.status("the night begins") as line:
        report = run_async(run_night(settings, progress=line.update, rebuild_by=by))
    if as_json:
        emit(report.as_json())
    else:
        show(out, report.as_json())
    raise typer.Exit(report.exit_code)


def show(out: Console, night: dict[str, Any]) -> None:
    """What a person wants to know of a night, on one screen also with 1,900 lists."""
    table = Table(title=f"night: {night['outcome']}", show_header=False)
    reasons = ", ".join(f"{name} {count}" for name, count in night["new_revocations"].items())
    customers = sum(night["changed_customers"].values())
    for name, value in (
        ("set", night["set_seq"] or "none"),
        ("lists", f"{night['lists_accepted']} accepted of {night['lists_expected']}, "
                  f"{night['lists_carried']} carried over, {night['lists_absent']} absent"),
        ("asked", f"{night['rounds']} times"),
        ("published", ", ".join(_set_in_words(one) for one in night["sets"]) or "nothing"),
        ("entries", night["entries"]),
        ("new revocations", reasons or "none"),
        ("changed customers", f"{customers} at {len(night['changed_customers'])} institutions"),
        ("events", night["events"]),
        ("seconds", night["seconds"]),
    ):  # fmt: skip
        table.add_row(name, str(value))
    out.print(table)
    if night["rebuilt_from"]:
        out.print(f"[red]sets below {night['rebuilt_from']} are lost[/red]; {night['unexplained']} "
                  "certificates told as revoked or on hold are unknown to the new set: look at them",
                  soft_wrap=True)  # fmt: skip
    if night["database_away"]:
        out.print(f"[red]{night['database_away']}[/red]: judged by the marks of the manifest chain alone")
    if night["problem"]:
        out.print(f"[red]{night['problem']}[/red]: {remedy_of(night['problem'])}")
    for code, count in Counter(one["code"] for one in night["refusals"]).most_common():
        example = next(one["list"] for one in night["refusals"] if one["code"] == code)
        out.print(f"[red]{count} x {code}[/red] ({example} ...): {remedy_of(code)}", soft_wrap=True)


def _set_in_words(one: dict[str, Any]) -> str:
    lists = f"set {one['set_seq']} with {one['new_lists']} new lists"
    missing = f", {one['missing_lists']} missing" if one["missing_lists"] else ""
    return f"{lists}{missing}{' (late)' if one['late'] else ''}"


def remedy_of(code: str) -> str:
    """The first thing to do about a code."""
    return next(text for beginning, text in REMEDIES if code.startswith(beginning))
