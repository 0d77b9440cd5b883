"""Published sets: signed manifests over immutable index files, and the one commit (``publish.py``)."""
