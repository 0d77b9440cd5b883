"""Every kind of CRL of RFC 5280, examined for one certificate: ``check(Case(...))`` gives a ``Verdict``."""

from revocation.checker.verdict import Case, Verdict, check

__all__ = ["Case", "Verdict", "check"]
