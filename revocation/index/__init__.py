"""The index file of one CA lineage and one set: built once, immutable, memory-mapped (FORMAT.md)."""
