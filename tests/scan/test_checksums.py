"""A token whose checksum is wrong was never issued: no finding, as it stands or encoded, and it hides no other."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

import plant
from tokenguard.app.detector import Detector
from tokenguard.app.pipeline import BlobScanner
from tokenguard.model import Blob, Origin, RuleSet
from tokenguard.ruleset.assemble import load_builtin, of_rules
from tokenguard.ruleset.load import load_file
from tokenguard.scan.windows import MARGIN

# Its alphabet holds all that its prefix does: one token can begin inside what looks like another.
DENSE = """\
rules:
  - id: dense
    title: Dense
    severity: high
    token:
      prefix: dense_
      parts:
        - {alphabet: base64url, length: 30}
        - {checksum: crc32, length: 6}
"""
WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it stands": lambda text: text,
    "base64": base64.b64encode,
    "base64, one byte on": lambda text: base64.b64encode(b"x" + text),
    "base64, two bytes on": lambda text: base64.b64encode(b"xy" + text),
    "hex": lambda text: text.hex().encode(),
    "percent": lambda text: b"".join(b"%%%02X" % byte for byte in text),
    "percent, its underscores": lambda text: text.replace(b"_", b"%5F"),
    "escapes": lambda text: b"".join(b"\\x%02x" % byte for byte in text),
    "utf-16": lambda text: text.decode().encode("utf-16-le"),
    "base64 of base64": lambda text: base64.b64encode(base64.b64encode(text)),
}


def hashes(ruleset: RuleSet, data: bytes, window: int = 1 << 20) -> list[str | None]:
    scanned = BlobScanner(Detector(ruleset), window).scan(Blob.of(Origin("files", "a"), data))
    assert scanned.skipped == ()
    return [match.token_sha256 for match in scanned.matches]


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def spoilt(token: str) -> str:
    """The token with one other character in its hidden part."""
    at = 13 + secrets.randbelow(len(token) - 13)
    return token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1 :]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_only_the_right_checksum_is_a_finding(wrapping: str, fresh_token: Callable[[str], str]) -> None:
    token = fresh_token(plant.TOKENGUARD)
    wrap = WRAPPINGS[wrapping]
    assert hashes(load_builtin(), b"key: " + wrap(token.encode()) + b"\n") == [sha256(token)]
    assert hashes(load_builtin(), b"key: " + wrap(spoilt(token).encode()) + b"\n") == []


def test_one_that_is_wrong_does_not_hide_one_that_begins_inside_it(tmp_path: Path) -> None:
    path = tmp_path / "dense.yaml"
    path.write_text(DENSE)
    ruleset = of_rules(load_file(path))
    body = "dense_" + "A" * 30
    token = body + plant.checksum(body)
    text = f"dense_{'-' * 7}{token}"  # the first 42 characters have the shape too
    for repeated in (1, 2, 50):
        data = (text + "\n").encode() * repeated
        assert hashes(ruleset, data) == [sha256(token)] * repeated


def test_many_wrong_ones_in_a_row_hide_nothing(fresh_token: Callable[[str], str]) -> None:
    tokens = [fresh_token(plant.TOKENGUARD) for _ in range(40)]
    mixed = [each for token in tokens for each in (spoilt(token), token, spoilt(token))]
    for between in ("\n", "-", "_", "_tgd_"):
        found = hashes(load_builtin(), between.join(mixed).encode(), window=2 * MARGIN + 4096)
        assert found == [sha256(token) for token in tokens]
