"""tokenguard: mint, leak, find, revoke, prove."""

__version__ = "0.1.0"
