"""``python -m benchmarks.ocsp_publish FOLDER``: a set of today's lists for each line of standard input.

A process that lives on, so that its imports are no part of what is measured beside it; it says when each set
is published.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.ocsp_product import Product

if __name__ == "__main__":
    product = Product.found(Path(sys.argv[1]))
    print("ready", flush=True)
    for again, _ in enumerate(sys.stdin, 1):
        product.issuer.again = again
        product.publish()
        print("published", flush=True)
