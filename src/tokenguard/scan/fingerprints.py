"""Fingerprints of one run, each worked out once: for guessable secrets that takes tens of milliseconds."""

from __future__ import annotations

import os

from tokenguard.model import Rule, Secret


class Fingerprints:
    """What was worked out so far, under names that mean nothing outside this process. For several threads."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._known: dict[tuple[str, bytes], str] = {}

    def of(self, rule: Rule, secret: Secret) -> str:
        """The fingerprint of a secret under a rule."""
        from tokenguard.model.digest import sha256  # start-up time: a clean commit holds no secret

        name = rule.id, sha256(self._key + secret.reveal()).digest()
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = secret.fingerprint(rule.id, rule.random_bits)
        return known
