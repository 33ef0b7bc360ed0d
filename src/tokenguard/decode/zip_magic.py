"""The signatures that the records of a zip begin with (APPNOTE 6.3.10, section 4.3)."""

from __future__ import annotations

LOCAL_HEADER = b"PK\x03\x04"
END = b"PK\x05\x06"
END_64_LOCATOR = b"PK\x06\x07"
SPANNED = b"PK\x07\x08"
FIRST = (LOCAL_HEADER, END, SPANNED)
"""What a zip without anything in front may begin with."""
