"""No format holds a secret, or eight characters in a row of the part of it that may not be shown."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tokenguard.model import Report, Secret
from tokenguard.report.format import Options
from tokenguard.report.registry import FORMATS

VISIBLE = 12
RUN = 8


@pytest.mark.parametrize("options", [Options(), Options(colour=True)], ids=["plain", "colour"])
@pytest.mark.parametrize("name", FORMATS)
def test_no_format_shows_a_hidden_part(
    name: str, options: Options, secret_report: tuple[Report, tuple[Secret, ...]], render: Callable[..., str]
) -> None:
    report, secrets = secret_report
    written = render(name, report, options)
    # Hashes are told apart from the secret by their length; by chance alone a run would meet one in a million times.
    text = re.sub(r"(?<![0-9a-f])(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-f])", "", written)
    for secret in secrets:
        token = secret.reveal().decode()
        assert token[:VISIBLE] in text
        hidden = token[VISIBLE:]
        assert not [start for start in range(len(hidden) - RUN + 1) if hidden[start : start + RUN] in text]
        assert hidden not in written
