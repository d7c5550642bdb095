"""
A small certificate authority, for the members of a network by certificate.
"""

from .authority import (
    AUTHORITY_DAYS,
    CERTIFICATE_DAYS,
    REVOCATION_DAYS,
    Authority,
    newKey,
    pemOf,
    pemOfKey,
)
from .folder import AuthorityFolder

__all__ = [
    "AUTHORITY_DAYS",
    "CERTIFICATE_DAYS",
    "REVOCATION_DAYS",
    "Authority",
    "AuthorityFolder",
    "newKey",
    "pemOf",
    "pemOfKey",
]
