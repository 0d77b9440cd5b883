"""`jpki`: one command line for the people who run the service.

Every command has ``--json`` (the last line of standard output is one object), ``--help`` with an
example, and the fixed exit codes of ``revocation.exits``. Heavy modules are imported inside the
commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys

import typer

from platform_api.cli import (
    authority,
    demo,
    doctor,
    institution,
    jlis,
    nightly,
    refresh,
    responder,
    responder_key,
    sandbox,
    serve,
    status,
    worker,
)
from platform_api.cli.output import fail, foreseen

app = typer.Typer(
    name="jpki",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="JPKI certificate status and four-information service: who changed, and what is valid.\n\n"
    "Exit codes: 0 done, 1 own fault, 2 usage, 3 nothing new, 4 partial, 5 refused, 6 the outside "
    "failed (J-LIS, the database, a disk or a file), 130 interrupted.",
)

demo.register(app)
serve.register(app)
responder.register(app)
responder_key.register(app)
nightly.register(app)
refresh.register(app)
worker.register(app)
sandbox.register(app)
authority.register(app)
institution.register(app)
status.register(app)
jlis.register(app)
doctor.register(app)


def main() -> None:
    """Run a command; every failure ends in one sentence with its remedy and a fixed exit code.

    An error that nobody foresaw is shown by its type only: its text could hold a person's data.
    """
    as_json = "--json" in sys.argv
    try:
        app()
    except Exception as error:
        if os.environ.get("JPKI_TRACEBACK") == "1":
            raise
        sys.exit(fail(foreseen(error), as_json=as_json))
