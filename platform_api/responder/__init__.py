"""``jpki responder``: a stand-alone OCSP responder from files, without a database.

``given`` says which files; ``lists`` takes them by the rules of acceptance; ``scopes`` says whether they
speak for every certificate of their CA; ``merged`` brings a scope's lists together; ``world`` makes of all
that authorities and a snapshot, which the ordinary responder answers from; ``follow`` does it again when a
file changes; ``serve`` listens, with ``routes`` for clients and ``admin`` for operators. Of several workers
``supervisor`` alone reads files: worlds are ``handed`` to each ``worker``, their sets in a ``room`` for all.
"""
