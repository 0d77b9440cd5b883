"""``python -m platform_api.cli``: the same as ``jpki``."""

from platform_api.cli import main

main()
