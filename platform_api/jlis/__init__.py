"""Everything that touches J-LIS stands behind ``gateway``; ``http`` is the adapter that we ship."""
