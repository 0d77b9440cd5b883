"""`jpki responder`: an OCSP responder from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from platform_api.cli.output import emit

#: Names of ``responder.lists.TOLERATED``.
_TOLERATED: Final = ("critical_known_extension", "explicit_default", "missing_crl_number")


def register(app: typer.Typer) -> None:
    app.command()(responder)


def responder(
    ca: Annotated[
        list[Path], typer.Option(help="Certificate of a CA, PEM or DER; may come again (CAs, generations).")
    ],
    crl: Annotated[
        list[Path],
        typer.Option(help="A list of one of them: complete, delta, of a partition; may come again."),
    ],
    signer: Annotated[
        list[Path],
        typer.Option(
            help="The responder's certificate; may come again (other CAs, a new one beside the old)."
        ),
    ],
    signer_key: Annotated[
        list[Path],
        typer.Option(
            help="Its private key, plain PEM or DER; or NAME.pkcs11 for one on a token (TOML: module, token, "
            "pin_file, and key or id). One for each --signer, in order."
        ),
    ],
    port: Annotated[int, typer.Option(help="TCP port to listen on; 0 takes a free one.")] = 2560,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that answer as one on the same port.")
    ] = 1,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous",
            help="Everybody may ask, and every cache may keep answers (RFC 9919). Without it the responder "
            "listens on loopback alone, and answers are for the client that asked.",
        ),
    ] = False,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; only with --anonymous. Else 127.0.0.1.")
    ] = None,
    admin_port: Annotated[
        int | None,
        typer.Option(
            help="Port on loopback for /health/live, /health/ready and /metrics; 0 takes a free one."
        ),
    ] = None,
    all_lists: Annotated[
        bool,
        typer.Option(
            "--all-lists",
            help="Say that every certificate of these CAs is in the scope of a list given. Only then is one "
            "that no list names good where the lists are of distribution points or of kinds of certificates.",
        ),
    ] = False,
    newest_signs_all: Annotated[
        bool,
        typer.Option(
            "--newest-signs-all",
            help="Say that a CA's newest key signs the lists for the certificates of its older keys too.",
        ),
    ] = False,
    serial_ceiling: Annotated[
        str | None,
        typer.Option(
            metavar="HEX",
            help="Say that none of these CAs issued a serial above: the answer is then unknown, not good.",
        ),
    ] = None,
    tolerate: Annotated[
        list[str] | None,
        typer.Option(help=f"Let a quirk of the lists pass: {', '.join(_TOLERATED)}; may come again."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="Answer as of this time (2026-11-23T06:00:00Z), which stands still.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line: ready, reloaded, refused.")
    ] = False,
) -> None:
    """Answer OCSP from CA certificates and revocation lists, without a database.

    Everything is read and checked before the first answer; what cannot be taken is refused by its file and
    rule. When a file changes all is read again, within seconds; what is refused then leaves the lists in hand
    to go on until their own nextUpdate. A signer that a CA issued for OCSP signing answers for it as its
    delegate, the CA's own certificate as the CA, any other as one that clients must be given (openssl
    -VAfile). Clients POST to any path, or GET /BASE64 and /ocsp/BASE64.

    Examples:

    jpki responder --ca ca.pem --crl ca.crl --signer ocsp.pem --signer-key ocsp.key

    jpki responder --ca root.pem --ca sub.pem --crl root.crl --crl sub.crl --crl sub-delta.crl
    --signer ocsp-root.pem --signer-key ocsp-root.key --signer ocsp-sub.pem --signer-key ocsp-sub.key
    --anonymous --host 0.0.0.0 --port 80 --admin-port 9180

    openssl ocsp -issuer ca.pem -cert leaf.pem -url http://127.0.0.1:2560 -CAfile ca.pem
    """
    from platform_api.responder.given import Given
    from platform_api.responder.serve import Wanted, run
    from revocation.clock import FixedClock, SystemClock, moment_of

    _check_words(signer, signer_key, tolerate or [], host, anonymous=anonymous)
    given = Given(
        tuple(ca),
        tuple(crl),
        tuple(zip(signer, signer_key, strict=True)),
        frozenset(tolerate or ()),
        all_lists=all_lists,
        newest_signs_all=newest_signs_all,
        serial_ceiling=_ceiling(serial_ceiling),
    )
    wanted = Wanted(
        given,
        host or "127.0.0.1",
        port,
        admin_port,
        anonymous,
        SystemClock() if at is None else FixedClock(moment_of(at)),
        workers,
    )
    raise typer.Exit(run(wanted, _say_json if as_json else _say))


def _check_words(
    signers: list[Path], keys: list[Path], tolerated: list[str], host: str | None, *, anonymous: bool
) -> None:
    if len(signers) != len(keys):
        raise _misused("one --signer-key for each --signer", f"{len(keys)} for {len(signers)}")
    if unknown := [name for name in tolerated if name not in _TOLERATED]:
        raise _misused(f"--tolerate with {', '.join(_TOLERATED)}", f"{len(unknown)} other names")
    if host is not None and not anonymous:
        raise _misused("--host only with --anonymous", "--host alone")


def _ceiling(text: str | None) -> int | None:
    from revocation.errors import InputRefused
    from revocation.identity import serial_from_hex

    try:
        return None if text is None else int.from_bytes(serial_from_hex(text), "big")
    except InputRefused:
        raise _misused("--serial-ceiling as hexadecimal digits", "another text") from None


def _misused(expected: str, got: str) -> Exception:
    from revocation.exits import Misused

    return Misused("RESPONDER_ARGUMENTS", expected=expected, got=got, remedy="jpki responder --help")


def _say_json(record: dict[str, Any]) -> None:
    emit(record)
    sys.stdout.flush()


def _say(record: dict[str, Any]) -> None:
    """For people, on standard error but for the ready line."""
    if record["responder"] == "refused":
        text = f"{record['error']}: expected {record['expected']}; got {record['got']}; {record['remedy']}"
        typer.echo(f"jpki: the lists in hand go on; {text}", err=True)
        return
    if record["responder"] == "reloaded":
        typer.echo("jpki: changed files were taken", err=True)
        return
    typer.echo(f"ready on port {record['port']}")
    for one in record["cas"]:
        held = f"in force until {one['next_update']}" if one["in_force"] else "NOT in force: tryLater"
        typer.echo(
            f"  {one['ca']}: {one['lists']} lists, {one['entries']} entries, {held}; signer: {one['signer']}"
        )
        if one["unlisted"] != "good":
            typer.echo(
                f"  {one['ca']}: what these lists leave out is not answered, since they are not for all of "
                "its certificates (issuingDistributionPoint); if they are all there are, give --all-lists",
                err=True,
            )
    sys.stdout.flush()
