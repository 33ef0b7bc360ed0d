"""docs/configuration.md and docs/ignoring.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokenguard.app import baseline
from tokenguard.config.file import parse
from tokenguard.config.keys import KEYS
from tokenguard.config.path_glob import PathGlob
from tokenguard.config.settings import Layer
from tokenguard.errors import ConfigError

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
IGNORING = (DOCS / "ignoring.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return [block for found, block in BLOCK.findall(text) if found == language]


def test_the_table_of_keys_is_the_table_of_keys() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\w, ]+) \| (?:`(\w+)`.*)?\|$", CONFIGURATION, re.MULTILINE)
    assert rows == [
        (key.name, "repository, you" if key.in_repository else "you", key.variable if key.read else "") for key in KEYS
    ]


@pytest.mark.parametrize("text", [*blocks(CONFIGURATION, "yaml"), *blocks(IGNORING, "yaml")])
def test_the_examples_are_accepted_where_they_stand(text: str) -> None:
    layer = Layer.REPOSITORY if text.startswith("# .tokenguard.yaml") else Layer.USER
    found = parse(text.encode(), "example", layer)
    assert found.values or found.ignore


def test_the_message_is_the_message() -> None:
    (message,) = blocks(CONFIGURATION, "text")
    with pytest.raises(ConfigError) as caught:
        parse(b"\n\nignroe: x\n", ".tokenguard.yaml")
    assert str(caught.value) == message.strip()


def test_the_patterns_of_the_table_are_patterns() -> None:
    table = IGNORING.partition("### Paths")[2].partition("\n## ")[0]
    patterns = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(patterns) == 10
    covered = {pattern: PathGlob.parse(pattern) for pattern in patterns}
    assert [
        path for path in ("conf/a.env", "conf/x/a.env", "conf/x/y/a.env") if covered["conf/**/a.env"].matches(path)
    ] == [
        "conf/a.env",
        "conf/x/a.env",
        "conf/x/y/a.env",
    ]


def test_the_baseline_is_a_baseline() -> None:
    (text,) = (block for block in blocks(IGNORING, "text") if block.startswith("tokenguard-baseline"))
    assert baseline.render(baseline.parse(text.encode(), "example")) == text
