"""A secret as a type: it can be hashed and matched, and cannot be shown, stored or sent by accident."""

from __future__ import annotations

from typing import NoReturn

_FINGERPRINT_DOMAIN = b"tokenguard/1"
_EXACT_HASH_BITS = 100
"""From this many random bits on, a bare SHA-256 names a secret without giving it away."""

# Cost of the slow inner hash for guessable secrets: N=2^14, r=8, p=1 takes tens of
# milliseconds and 16 MiB, so that a committed baseline is no oracle for short secrets.
_SCRYPT = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}


class Secret:
    """The raw bytes of one secret, opaque.

    It lives in the window that it was found in and is dropped with it. Its repr is redacted and it
    cannot be pickled or copied into a dict; `reveal` is the only way to the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self.sha256())

    def __len__(self) -> int:
        return len(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def reveal(self) -> bytes:
        """The raw value. Call it only where the value is matched, hashed or sent to its issuer."""
        return self._value

    def sha256(self) -> str:
        """SHA-256 of the whole value, hex."""
        from tokenguard.model.digest import sha256  # start-up time: a clean commit holds no secret

        return sha256(self._value).hexdigest()

    def token_sha256(self, random_bits: float | None) -> str | None:
        """The exact name of a token that gives nothing away; None below 100 random bits."""
        if random_bits is None or random_bits < _EXACT_HASH_BITS:
            return None
        return self.sha256()

    def fingerprint(self, rule_id: str, random_bits: float | None) -> str:
        """32 hex characters that name this secret under this rule, the same everywhere.

        Secrets of fewer than 100 random bits (or of unknown strength) pass through scrypt first.
        """
        if random_bits is not None and random_bits >= _EXACT_HASH_BITS:
            return fingerprint_of_hash(rule_id, self.sha256())
        from hashlib import scrypt  # start-up time: no rule that is built in needs it

        return _named(rule_id, scrypt(self._value, salt=_FINGERPRINT_DOMAIN, **_SCRYPT))


def fingerprint_of_hash(rule_id: str, token_sha256: str) -> str:
    """The fingerprint of a secret of at least 100 random bits whose token hash is known."""
    return _named(rule_id, bytes.fromhex(token_sha256))


def _named(rule_id: str, inner: bytes) -> str:
    from tokenguard.model.digest import sha256

    return sha256(b"\0".join((_FINGERPRINT_DOMAIN, rule_id.encode(), inner))).hexdigest()[:32]
