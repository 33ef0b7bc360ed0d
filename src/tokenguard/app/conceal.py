"""Texts that are shown, without the secrets in them, also where these are written in another way.

A path can hold a token with its underscores percent-encoded: the rest of it stands there in plain sight. Everything
that shows what somebody else wrote goes through here: reports, messages, tables, the baseline.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from tokenguard.app.detector import Detector
from tokenguard.app.encoded import Decoder
from tokenguard.app.hits import batches
from tokenguard.model import RuleSet
from tokenguard.report.escape import octets
from tokenguard.scan.redact import Redactor, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenguard.app.encoded import Spot
    from tokenguard.scan.engine import Scratch


class Concealer:
    """Takes the secrets of a rule set out of texts. For several threads.

    The detector of a scan serves if there is one; else one is made at the first text, of the rules that have encoded
    forms: two hundred others would compile for a second.
    """

    def __init__(self, ruleset: RuleSet, detector: Detector | None = None) -> None:
        self._ruleset = ruleset
        self._given = detector
        self._redactor = Redactor(ruleset)
        self._lock = threading.Lock()

    @cached_property
    def _detector(self) -> Detector:
        if self._given is not None:
            return self._given
        described = tuple(rule for rule in self._ruleset.rules if rule.token is not None)
        whole = described == self._ruleset.rules
        return Detector(self._ruleset if whole else RuleSet(described, f"described in {self._ruleset.digest}"))

    @cached_property
    def _scratch(self) -> Scratch:
        return self._detector.scratch()

    def clean(self, text: str) -> str:
        """`text` with each secret in it replaced by its redacted form."""
        text = self._redactor.clean(text)
        data = octets(text)
        with self._lock:
            spots = list(self._spots(data)) if self._scratch.any_hit(memoryview(data)) else []
        return _without(data, spots) if spots else text

    def guard(self, text: str) -> str:
        """As `clean`, and what only begins like a secret is cut behind its visible prefix: `Redactor.guard`."""
        return self._redactor.guard(self.clean(text))

    def _spots(self, data: bytes) -> Iterator[Spot]:
        decoder, view = Decoder(self._detector, self._scratch), memoryview(data)
        for hits in batches(view, self._scratch.literal_hits, self._detector.longest_literal, 0, len(data)):
            for hit in hits:
                yield from decoder.secrets(data, hit.index, hit.end)


def _without(data: bytes, spots: list[Spot]) -> str:
    # From the end, so that what comes before stays where it is; readings of one stretch overlap.
    end = len(data)
    for spot in sorted(spots, key=lambda spot: (spot.end, -spot.start), reverse=True):
        if spot.start < end:
            shown = redacted(spot.found.rule, spot.found.secret).encode()
            data = data[: spot.start] + shown + data[min(spot.end, end) :]
            end = spot.start
    return data.decode("utf-8", "surrogateescape")
