"""The acts that one person proposes: ``jpki authority add``, ``tolerate``, ``open-partition`` ..."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from platform_api.faults import UsageRefused

if TYPE_CHECKING:
    from platform_api.config import Settings
    from revocation.authorities import Authorities
    from revocation.authority_acts import Act
    from revocation.authority_proposals import AuthorityActs

By = Annotated[str, typer.Option("--by", help="Who you are; another person approves.", metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.", metavar="TEXT")]
CaId = Annotated[str, typer.Argument(help="The CA, for example card-sign.", metavar="CA")]
OnDay = Annotated[
    str | None, typer.Option("--on", help="First JST day, YYYY-MM-DD; not given: today.", metavar="DAY")
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="Policy OID and its certificate kind; may be repeated.", metavar="OID=KIND"),
]
Algorithms = Annotated[
    list[str] | None,
    typer.Option("--algorithm", help="Allowed signature algorithm; may be repeated.", metavar="NAME"),
]
Ceiling = Annotated[
    str | None, typer.Option("--serial-ceiling", help="No serial number above was issued.", metavar="HEX")
]


def register(authorities: typer.Typer) -> None:
    authorities.command()(add)
    authorities.command()(tolerate)
    authorities.command("open-partition")(open_partition)
    authorities.command("close-partition")(close_partition)
    authorities.command("set")(set_policy)


def add(
    ca_id: CaId,
    files: Annotated[list[Path], typer.Argument(help="CA certificates, PEM or DER.", metavar="FILE...")],
    by: By,
    fingerprints: Annotated[
        list[str] | None,
        typer.Option(
            "--fingerprint",
            help="SHA-256 of each certificate, read elsewhere; a must in live mode.",
            metavar="HEX",
        ),
    ] = None,
    partitions: Annotated[
        list[Path] | None,
        typer.Option("--partitions", help="Approved list: CSV, or a list (CRL) itself; may be repeated."),
    ] = None,
    undivided: Annotated[bool, typer.Option("--undivided", help="One list for all.")] = False,
    kinds: Kinds = None,
    crl_signing: Annotated[
        str | None, typer.Option("--crl-signing", help="each_generation (default) or newest_for_all.")
    ] = None,
    algorithms: Algorithms = None,
    hold_releasable: Annotated[bool | None, typer.Option("--hold-releasable/--no-hold-releasable")] = None,
    purpose_limited: Annotated[bool | None, typer.Option("--purpose-limited/--no-purpose-limited")] = None,
    serial_ceiling: Ceiling = None,
    reason: Reason = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Propose a new CA, or new keys of one that is there.

    Example: jpki authority add card-sign signca02.cer signca03.cer --by Sato --partitions points.csv
    --kind 1.2.392.200149.8.5.1.1.20=card-sign --fingerprint 79679C33… --fingerprint D227F6CD…
    """
    from platform_api.authority_input import CaOptions, addition

    options = CaOptions(
        files=files,
        fingerprints=fingerprints or (),
        algorithms=algorithms or (),
        kinds=kinds or (),
        partition_files=partitions or (),
        undivided=undivided,
        crl_signing=crl_signing,
        hold_releasable=hold_releasable,
        purpose_limited=purpose_limited,
        serial_ceiling=serial_ceiling,
    )
    settings = settings_of(data)
    _propose(
        settings, lambda present, _: addition(settings, present, ca_id, options), by, reason, as_json=as_json
    )


def tolerate(
    ca_id: CaId,
    tolerance: Annotated[str, typer.Argument(help="A quirk by name; a refused list's remedy names it.")],
    switch: Annotated[str, typer.Argument(help="on or off.", metavar="on|off")],
    by: By,
    reason: Reason = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Propose to let a quirk of a CA's lists pass, or no longer.

    Example: jpki authority tolerate card-sign missing_crl_number on --by Sato --reason "J-LIS, ticket 12"
    """
    from platform_api.authority_input import tolerance as act

    _propose(settings_of(data), lambda *_: act(ca_id, tolerance, switch), by, reason, as_json=as_json)


def open_partition(
    ca_id: CaId,
    by: By,
    files: Annotated[
        list[Path] | None, typer.Argument(help="CSV, or the new lists (CRL) themselves.", metavar="[FILE...]")
    ] = None,
    point: Annotated[
        str | None,
        typer.Option("--point", help="Distribution point, as in RFC 4514 or base64.", metavar="NAME"),
    ] = None,
    label: Annotated[str, typer.Option("--label", help="What people call it; with --point.")] = "",
    number: Annotated[
        int | None, typer.Option("--number", help="A closed partition, to open it again.", metavar="N")
    ] = None,
    on_day: OnDay = None,
    reason: Reason = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Propose to expect the lists of new distribution points, from a day on.

    Example: jpki authority open-partition card-sign --on 2027-04-01 --label "Shin-shi" --by Sato
    --point "CN=Shin-shi CRLDP,OU=Tokyo-to,OU=CRL Distribution Points,OU=JPKI for digital signature,
    O=JPKI,C=JP"
    """
    from platform_api.authority_input import named_point, opening, points_from
    from revocation.authority_acts import ReopenPartition

    if sum((bool(files), point is not None, number is not None)) != 1:
        raise _one_of("FILE..., --point or --number")

    def act(_: Authorities, now: datetime) -> Act:
        if number is not None:
            return ReopenPartition(ca_id=ca_id, number=number)
        points = points_from(files or ()) if point is None else [named_point(point, label)]
        return opening(ca_id, points, day=_day(on_day, now))

    _propose(settings_of(data), act, by, reason, as_json=as_json)


def close_partition(
    ca_id: CaId,
    numbers: Annotated[list[int], typer.Argument(help="Of show CA --partitions.", metavar="NUMBER...")],
    by: By,
    successor: Annotated[
        int | None,
        typer.Option("--successor", help="Whose list speaks for them then.", metavar="N"),
    ] = None,
    none_left: Annotated[
        bool, typer.Option("--none-left", help="No valid certificate of them is left; nobody takes over.")
    ] = False,
    on_day: OnDay = None,
    reason: Reason = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Propose to expect lists of these partitions no more, from a day on; what they revoked stays revoked.

    Example: jpki authority close-partition card-sign 17 18 --successor 1742 --on 2027-04-01 --by Sato
    """
    from revocation.authority_acts import ClosePartitions

    if (successor is None) is not none_left:
        raise _one_of("--successor N (a merger) or --none-left (no valid certificate of them is left)")

    def act(_: Authorities, now: datetime) -> Act:
        return ClosePartitions(
            ca_id=ca_id,
            numbers=numbers,
            closed=_day(on_day, now),
            successor=successor,
            none_left=none_left,
        )

    _propose(settings_of(data), act, by, reason, as_json=as_json)


def set_policy(
    ca_id: CaId,
    by: By,
    serial_ceiling: Ceiling = None,
    hold_releasable: Annotated[bool | None, typer.Option("--hold-releasable/--no-hold-releasable")] = None,
    purpose_limited: Annotated[bool | None, typer.Option("--purpose-limited/--no-purpose-limited")] = None,
    algorithms: Algorithms = None,
    kinds: Kinds = None,
    reason: Reason = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Propose what we know of a CA: ceiling, holds, purpose, allowed algorithms (all), more kinds.

    Example: jpki authority set card-sign --serial-ceiling 7000000 --by Sato
    """
    from platform_api.authority_input import policy

    _propose(
        settings_of(data),
        lambda *_: policy(
            ca_id,
            serial_ceiling=serial_ceiling,
            hold_releasable=hold_releasable,
            purpose_limited=purpose_limited,
            algorithms=algorithms or (),
            kinds=kinds or (),
        ),
        by,
        reason,
        as_json=as_json,
    )


def _propose(
    settings: Settings,
    make: Callable[[Authorities, datetime], Act],
    by: str,
    reason: str,
    *,
    as_json: bool,
) -> None:
    from platform_api.cli.authority_views import proposal_record, show_proposals

    acts, now = acts_of(settings), now_of(settings)
    present = acts.present()
    record = proposal_record(acts.propose(make(present, now), by=by, reason=reason, now=now), present)
    if as_json:
        emit(record)
        return
    out = console(as_json=False)
    out.print("proposed:")
    show_proposals(out, [record])
    out.print(
        f"another person approves it: jpki authority approve {record['proposal_id']} --by NAME",
        soft_wrap=True,
    )


def settings_of(data: Path) -> Settings:
    from platform_api.config import load_settings

    return load_settings(data_dir=data)


def acts_of(settings: Settings) -> AuthorityActs:
    from revocation.authority_proposals import AuthorityActs

    return AuthorityActs(settings.authorities_file)


def now_of(settings: Settings) -> datetime:
    from platform_api.cli.status import time_of_day

    return run_async(time_of_day(settings.sandbox_url))[0]


def _day(given: str | None, now: datetime) -> date:
    from revocation.clock import jst_day

    try:
        return jst_day(now) if given is None else date.fromisoformat(given)
    except ValueError:
        raise UsageRefused(
            "DAY_MALFORMED",
            expected="a day as YYYY-MM-DD",
            got="another text",
            remedy="for example 2027-04-01",
        ) from None


def _one_of(what: str) -> UsageRefused:
    return UsageRefused(
        "OPTIONS_UNCLEAR", expected=f"one of {what}", got="none or several", remedy="see --help"
    )
