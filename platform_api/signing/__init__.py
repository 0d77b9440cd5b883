"""The keys that sign OCSP answers: pairs in a folder, tokens, rotation, and the alarm before one ends."""
