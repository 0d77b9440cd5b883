"""Published sets: signed manifests over immutable index files, and the one commit (design of publish in publish.py)."""
