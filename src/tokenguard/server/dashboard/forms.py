"""What a form or the query of a page holds, read strictly and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from tokenguard.server.body import storable
from tokenguard.server.problems import invalid

BODY_LIMIT = 256 * 1024
"""Bytes: a thousand ticked boxes, or a name of ten thousand characters."""
_MOST_FIELDS = 2500


@dataclass(frozen=True, slots=True)
class Form:
    """Fields in the order in which they came; a name may stand several times (boxes that are ticked)."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def one(self, name: str, default: str = "") -> str:
        """The last value of that name, without blanks around it."""
        values = self.fields.get(name)
        return values[-1].strip() if values else default

    def all(self, name: str) -> tuple[str, ...]:
        """All values of that name."""
        return tuple(self.fields.get(name, ()))

    def has(self, name: str) -> bool:
        """Whether the field was sent."""
        return name in self.fields

    def query(self, **changes: str | None) -> str:
        """The fields as a query again, some changed (None or empty: left out), with `?` where it is not empty."""
        kept = {name: self.one(name) for name in self.fields} | changes
        text = urlencode({name: value for name, value in kept.items() if value})
        return f"?{text}" if text else ""


def parse(data: bytes) -> Form:
    """The fields of a form or query.

    Raises:
        ProblemError: 422; not UTF-8, too many fields, a text that cannot be kept.
    """
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise invalid("the form is not UTF-8") from None
    except ValueError:
        raise invalid("the form has too many fields") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    if not storable(dict(pairs)) or not storable([value for _, value in pairs]):
        raise invalid("the form holds characters that cannot be kept")
    return Form(fields)
