"""``python -m benchmarks.ocsp_publish FOLDER``: one set more of today's lists."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.ocsp_product import Product

if __name__ == "__main__":
    Product.found(Path(sys.argv[1])).publish()
