"""What is large: one line of 500 MB, 100 MB of look-alikes. In bounded memory and time, and all of it found."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import plant
from git_repository import RepositoryBuilder
from proofs.scanning import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.soak

_LINE = 500 << 20
_MEGABYTE = 1 << 20
_PEAK = 200
"""Megabytes of our own process, whatever it reads."""

_MEASURED = """
import atexit, os, re, sys
from tokenguard.cli.main import main
def peak():
    print("peak", re.search(r"VmHWM:\\\\s*(\\\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
atexit.register(peak)
at_once = os._exit  # some commands end so, and run nothing that was registered
def ended(code):
    peak()
    at_once(code)
os._exit = ended
main()
""".replace("\\\\", "\\")


class Measured:
    """A scan that was watched."""

    def __init__(self, *arguments: str, cwd: Path, stdin: Path | None = None) -> None:
        started = time.monotonic()
        with (stdin or cwd / os.devnull).open("rb") as given:
            done = subprocess.run(
                [sys.executable, "-c", _MEASURED, "scan", *arguments, "--format=json", "--no-cache"],
                cwd=cwd, stdin=given, capture_output=True, check=False,
            )  # fmt: skip
        self.seconds = time.monotonic() - started
        self.code = done.returncode
        self.report = json.loads(done.stdout)
        self.peak = int(done.stderr.split()[-1]) / 1024 if sys.platform == "linux" else 0.0
        """Megabytes."""

    @property
    def found(self) -> set[str]:
        return {finding["token_sha256"] for finding in self.report["findings"]}


def _line(path: Path, tokens: Iterable[str]) -> None:
    """One line with a token near its start, in its middle, and at its very end."""
    # A letter or digit directly behind a token would make it none.
    chunk = b"'no secret'; 0123456789abcdef, " * 35_000
    with path.open("wb") as file:
        for token in tokens:
            start = file.tell()
            while file.tell() - start < _LINE // 3:
                file.write(chunk)
            file.write(token.encode())


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("source", ["files", "stdin", "git"])
def test_one_line_of_500_megabytes(tmp_path: Path, source: str) -> None:
    tokens = [plant.token(rule) for rule in plant.RULES]
    made = RepositoryBuilder(tmp_path / "made")
    _line(made.path / "line", tokens)
    if source == "git":
        made.run("-c", "core.compression=1", "add", "line")
        (made.path / "line").unlink()
    arguments = {"files": ["files", "line"], "stdin": ["stdin"], "git": ["git", "."]}[source]
    scan = Measured(*arguments, cwd=made.path, stdin=made.path / "line" if source == "stdin" else None)
    assert scan.code == 1
    assert scan.report["state"] == "complete"
    assert scan.found == set(map(sha256, tokens))
    columns = [place["column"] for finding in scan.report["findings"] for place in finding["locations"]]
    assert all(place > _LINE // 3 for place in columns)
    assert scan.peak < _PEAK


def _text(path: Path, lines: list[bytes]) -> None:
    """100 MB of these lines, in no order."""
    draw = random.Random(7)  # noqa: S311 - an order, no secret
    with path.open("wb") as file:
        while file.tell() < 100 * _MEGABYTE:
            file.write(b"\n".join(draw.choices(lines, k=20_000)))


def test_100_megabytes_of_look_alikes(tmp_path: Path) -> None:
    """At most five times as long as 100 MB of text, best of three each."""
    words = (
        "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "42", "wizards", "cast",
        "spells", "at", "https://example.org/x?y=z",
    )  # fmt: skip
    draw = random.Random(3)  # noqa: S311 - words, no secrets
    _text(tmp_path / "text", [" ".join(draw.choices(words, k=12)).encode() for _ in range(5000)])
    alike = []
    for number in range(5000):
        token = plant.token(plant.RULES[number % 3])
        alike += [f"{token}a", token[:-1], token.upper(), f"{token[:20]}…", token.replace("_", "-"), token[:30] * 3]
    _text(tmp_path / "alike", [text.encode() for text in alike])
    tokens = [plant.token(plant.KEEBAI) for _ in range(3000)]
    with (tmp_path / "alike").open("ab") as file:
        file.write("\n".join(["", *tokens]).encode())
    (tmp_path / "empty").write_bytes(b"")
    start = min(Measured("files", "empty", cwd=tmp_path).seconds for _ in range(3))
    plain = min(Measured("files", "text", cwd=tmp_path).seconds for _ in range(3))
    scans = [Measured("files", "alike", cwd=tmp_path) for _ in range(3)]
    assert scans[0].found == set(map(sha256, tokens))
    assert scans[0].report["state"] == "complete"
    assert min(scan.seconds for scan in scans) <= 5 * max(plain, start)


def test_more_tokens_than_are_kept(tmp_path: Path) -> None:
    """A file of nothing but tokens is told to hold more than was kept of it."""
    with (tmp_path / "tokens").open("w") as file:
        file.writelines(f"{plant.token(plant.KEEBAI)}\n" for _ in range(200_000))
    scan = Measured("files", "tokens", cwd=tmp_path)
    assert scan.code == 3
    assert len(scan.found) == 10_000
    assert "more than 10,000 matches" in scan.report["skipped"][0]["why"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_hundred_thousand_objects(tmp_path: Path, jobs: str) -> None:
    """Every hundredth with a token; all found, in memory that does not follow their sizes."""
    made = RepositoryBuilder(tmp_path / "made", bare=True)
    tokens = []
    stream = bytearray()
    for number in range(100_000):
        content = b"%d\n" % number * (number % 97 + 1)
        if number % 100 == 0:
            tokens.append(plant.token(plant.RULES[number // 100 % 3]))
            content += tokens[-1].encode()
        stream += b"blob\ndata %d\n%b\n" % (len(content), content)
    made.run("fast-import", "--quiet", stdin=bytes(stream))
    scan = Measured("git", ".", "--jobs", jobs, cwd=made.path)
    assert scan.report["state"] == "complete"
    assert scan.found == set(map(sha256, tokens))
    assert scan.peak < _PEAK
