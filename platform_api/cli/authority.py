"""`jpki authority`: the CAs that we accept. Looking is free; every change takes two people.

One person proposes (``add``, ``tolerate``, ``open-partition`` ...), another one approves. Names are what the
operators of this host say they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from platform_api.cli import authority_changes
from platform_api.cli.authority_changes import By, Reason, acts_of, now_of, settings_of
from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit
from revocation.errors import InputRefused
from revocation.exits import Exit

if TYPE_CHECKING:
    from platform_api.config import Settings
    from revocation.authorities import Authorities

authorities = typer.Typer(no_args_is_help=True, help="The accepted CAs; every change takes two people.")

Id = Annotated[str, typer.Argument(help="Of jpki authority proposals.", metavar="ID")]


def register(app: typer.Typer) -> None:
    authority_changes.register(authorities)
    app.add_typer(authorities, name="authority")


@authorities.command()
def proposals(
    proposal_id: Annotated[
        str | None, typer.Argument(help="One proposal, or the beginning of its id.", metavar="[ID]")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Show the proposals that wait for a second person, whole. Exit code 3: none; 5: a damaged one.

    Example: jpki authority proposals --data jpki-data
    """
    from platform_api.cli.authority_views import damaged_record, proposal_record, show_proposals

    acts = acts_of(settings_of(data))
    found, damaged = acts.listed() if proposal_id is None else ([acts.find(proposal_id)], [])
    present = acts.present()
    records = [proposal_record(one, present) for one in found]
    bad = [damaged_record(name, error) for name, error in damaged]
    if as_json:
        emit({"proposals": records, "damaged": bad})
    else:
        show_proposals(console(as_json=False), records, bad)
    if bad:
        raise typer.Exit(Exit.REFUSED)
    raise typer.Exit(Exit.DONE if records else Exit.NOTHING_NEW)


@authorities.command()
def approve(proposal_id: Id, by: By, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Approve a proposal of somebody else: it takes force at once, or on the day that it names.

    It is shown whole before. Exit code 3: it was approved before.
    Example: jpki authority approve 3f0a9b1c2d4e5f60 --by Suzuki
    """
    from platform_api.authority_rules import require_real
    from platform_api.cli.authority_views import act_record, proposal_record, show_proposals

    settings = settings_of(data)
    acts = acts_of(settings)
    try:
        proposal = acts.find(proposal_id)
    except InputRefused as refusal:
        if refusal.code != "PROPOSAL_UNKNOWN":
            raise
        # It may have been approved before: that is for ``approve`` to find.
    else:
        # Shown and committed is one content: from here on its whole hash is the id.
        proposal_id = proposal.proposal_id
        show_proposals(console(as_json=as_json), [proposal_record(proposal, acts.present())])
    approval = acts.approve(
        proposal_id, by=by, now=now_of(settings), rule=require_real if settings.mode == "live" else None
    )
    record = act_record(approval.act) | {"already": approval.already}
    if as_json:
        emit(record)
    else:
        what = "was approved before" if approval.already else "approved"
        console(as_json=False).print(f"version {record['version']}: {what}: {escape(record['summary'])}")
    raise typer.Exit(Exit.NOTHING_NEW if approval.already else Exit.DONE)


@authorities.command()
def reject(
    proposal_id: Id, by: By, reason: Reason = "", data: Data = DEFAULT_DATA, as_json: AsJson = False
) -> None:
    """Put a proposal away; who proposed it may too.

    Example: jpki authority reject 3f0a9b1c2d4e5f60 --by Suzuki --reason "wrong municipality"
    """
    from platform_api.cli.authority_views import proposal_record

    settings = settings_of(data)
    acts = acts_of(settings)
    proposal = acts.reject(proposal_id, by=by, reason=reason, now=now_of(settings))
    record = proposal_record(proposal, acts.present()) | {"rejected": True}
    if as_json:
        emit(record)
    else:
        console(as_json=False).print(f"rejected: {escape(record['summary'])}")


@authorities.command()
def show(
    ca_id: Annotated[str | None, typer.Argument(help="One CA; not given: all.", metavar="[CA]")] = None,
    partitions: Annotated[bool, typer.Option("--partitions", help="Every partition by number.")] = False,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Show the accepted CAs, their keys, partitions and policy, and the acts that made them.

    Example: jpki authority show card-sign --partitions --json
    """
    from platform_api.cli.authority_views import all_records, show_authorities
    from revocation.clock import jst_day

    settings = settings_of(data)
    present = _present(settings)
    chosen = [authority for authority in present if ca_id in (None, authority.ca_id)]
    if ca_id is not None and not chosen:
        raise InputRefused(
            "CA_UNKNOWN",
            expected=f"one of {', '.join(authority.ca_id for authority in present) or 'no CA yet'}",
            got="another ca_id",
            remedy="see jpki authority show",
        )
    record = all_records(present, chosen, jst_day(now_of(settings)), partitions=partitions)
    if as_json:
        emit(record)
    else:
        show_authorities(console(as_json=False), record)


@authorities.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="CA certificates that you may add.", metavar="[FILE...]"),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Check the accepted CAs; with files, tell what adding them would do. Changes nothing.

    Exit code 0: all right; 4: warnings; 5: errors. Example: jpki authority check signca03.cer --json
    """
    from platform_api.authority_check import examine_in, worst, worst_of_files, would_add
    from platform_api.cli.authority_views import finding_record, show_certificates, show_findings

    settings = settings_of(data)
    now = now_of(settings)
    out = console(as_json=as_json)
    record: dict[str, Any]
    if files:
        certificates = would_add(settings, acts_of(settings).present(), files, now)
        record = {"certificates": certificates}
        code = worst_of_files(certificates)
        if not as_json:
            show_certificates(out, certificates)
    else:
        found = examine_in(settings.mode, _present(settings), now)
        record = {"findings": [finding_record(one) for one in found]}
        code = worst(found)
        if not as_json and found:
            show_findings(out, record["findings"])
        elif not as_json:
            out.print("all right")
    if as_json:
        emit(record | {"exit_code": int(code)})
    raise typer.Exit(code)


def _present(settings: Settings) -> Authorities:
    from platform_api.authority_input import authorities_missing
    from revocation.authorities import Authorities

    if not settings.authorities_file.exists():
        raise authorities_missing(settings)
    return Authorities.load(settings.authorities_file)
