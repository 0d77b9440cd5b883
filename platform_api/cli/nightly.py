"""`jpki nightly`: one night, for cron or a systemd timer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, counted, emit, run_async


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
    JPKI_LISTS_POLL_S, JPKI_LISTS_LATE_S or in jpki.toml (lists_wait_s ...); none by default in sandbox
    mode. Exit code 0: complete; 3: nothing new; 4: some lists are missing; 5: refused; 6: the outside failed
    (J-LIS, the database, a disk or a file).
    Example: jpki nightly --data jpki-data --lists-wait-s 600 --lists-late-s 7200 --json
    """
    from platform_api.config import load_settings
    from platform_api.nightly import run_night
    from revocation.recorded_acts import operator_name

    if rebuild_lost_sets != (by is not None and bool(by.strip())):
        raise typer.BadParameter("--rebuild-lost-sets and --by NAME go together")
    by = None if by is None else operator_name(by)
    settings = load_settings(
        data_dir=data, lists_wait_s=lists_wait_s, lists_poll_s=lists_poll_s, lists_late_s=lists_late_s
    )
    out = console(as_json=as_json)
    with out.status("the night begins") as line:
        report = run_async(run_night(settings, progress=line.update, rebuild_by=by), as_json=as_json)
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
        ("asked", counted(night["rounds"], "time")),
        ("published", ", ".join(_set_in_words(one) for one in night["sets"]) or "nothing"),
        ("entries", night["entries"]),
        ("new revocations", reasons or "none"),
        ("changed customers", f"{customers} at {counted(len(night['changed_customers']), 'institution')}"),
        ("events", night["events"]),
        ("seconds", night["seconds"]),
    ):  # fmt: skip
        table.add_row(name, str(value))
    out.print(table)
    if night["rebuilt_from"]:
        out.print(f"[red]sets below {night['rebuilt_from']} are lost[/red]: every list is taken anew")
    for one in night["detection_faults"]:
        out.print(f"[red]{one['code']}[/red]: set {one['set_seq']} cannot be opened; the one after it was "
                  "compared with what was told: look at the disk", soft_wrap=True)  # fmt: skip
    if night["unexplained"]:
        out.print(f"{night['unexplained']} of the certificates told as revoked or on hold are unknown to the "
                  "new set; what was told stays. Whose they are is sealed: let the institutions check their "
                  "customers on hold or ended (POST /v1/certificates:check)", soft_wrap=True)  # fmt: skip
    if night["database_away"]:
        out.print(f"[red]{night['database_away']}[/red]: judged by the marks of the manifest chain alone")
    if night["problem"]:
        out.print(f"[red]no CA could be asked for its lists: {night['problem']}[/red]")
    for line in _refusals_in_words(night["refusals"]):
        out.print(line, soft_wrap=True)


def _refusals_in_words(refusals: list[dict[str, Any]]) -> Iterator[str]:
    """Each code once, the commonest first: how many lists of which keys, and what the first error said."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in refusals:
        groups.setdefault(one["code"], []).append(one)
    for code, group in sorted(groups.items(), key=lambda item: -sum(one["count"] for one in item[1])):
        first = group[0]
        whose = ", ".join(
            f"{one['ca']}: all its lists" if one["key"] is None
            else f"{one['ca']} key {one['key']}: {counted(one['count'], 'list')}"
            for one in group
        )  # fmt: skip
        text = f"expected {first['expected']}; got {first['got']}; {first['remedy']}"
        alone = len(group) == first["count"] == 1
        yield f"[red]{code}[/red] ({escape(whose)}) {'' if alone else 'the first: '}{escape(text)}"
        if first["file"]:
            yield f"  one such file: python -m revocation decode {escape(shlex.quote(first['file']))}"
    if any(one["key"] is not None for one in refusals):
        yield "which lists: python -m revocation freshness DATA/snapshots --authorities DATA/authorities.json"


def _set_in_words(one: dict[str, Any]) -> str:
    lists = f"set {one['set_seq']} with {counted(one['new_lists'], 'new list')}"
    missing = f", {one['missing_lists']} missing" if one["missing_lists"] else ""
    return f"{lists}{missing}{' (late)' if one['late'] else ''}"
