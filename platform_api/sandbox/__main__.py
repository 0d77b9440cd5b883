"""``python -m platform_api.sandbox``: the sandbox alone, for those who do not want the whole command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from platform_api.sandbox.main import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m platform_api.sandbox", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where this sandbox keeps its world")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free port")
    parser.add_argument("--seed", type=int, help="of a new sandbox; default 1")
    parser.add_argument("--residents", type=int, help="of a new sandbox; default 2000")
    parser.add_argument(
        "--phone-shares-ca", action="store_true", default=None, help="phones below the card's CAs"
    )
    parser.add_argument("--card-algorithm", choices=["rsa", "p384"], help="of the card CAs' newest key")
    parser.add_argument("--kinds", help="of certificates, separated by commas; default all four")
    parser.add_argument("--auto", action="store_true", help="publish a list set every 24 hours by itself")
    chosen = parser.parse_args()
    return run(
        chosen.folder,
        host=chosen.host,
        port=chosen.port,
        seed=chosen.seed,
        residents=chosen.residents,
        phone_shares_ca=chosen.phone_shares_ca,
        card_algorithm=chosen.card_algorithm,
        kinds=chosen.kinds,
        auto=chosen.auto,
    )


if __name__ == "__main__":
    sys.exit(main())
