"""Configuration files, real ones: what each key becomes, and the one line that each mistake gets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from tokenguard.config.file import inside, parse, read, read_inside
from tokenguard.config.ignore import Ignore
from tokenguard.config.path_glob import PathGlob
from tokenguard.config.places import user_file
from tokenguard.config.settings import FileSettings, Layer, Provenance, Setting
from tokenguard.config.strict_yaml import MAX_BYTES, MappingNode, Node, ScalarNode, SequenceNode, compose
from tokenguard.errors import ConfigError, TokenguardError
from tokenguard.model import Severity

NAME = ".tokenguard.yaml"
HEX = "0123456789abcdef" * 2


def fault(text: str | bytes, layer: Layer = Layer.REPOSITORY) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse(data, NAME, layer)
    message = str(caught.value)
    assert message.startswith(NAME + ":")
    assert message.isprintable()
    return message


def values(text: str, layer: Layer = Layer.REPOSITORY, folder: Path | None = None) -> dict[str, object]:
    return {each.key: each.value for each in parse(text.encode(), NAME, layer, folder).values}


def test_a_repositorys_file() -> None:
    text = f"""\
# What this repository knows about itself
baseline: .tokenguard-baseline
rules: [ci/rules.yaml, ./more.yaml]
ignore:
  - path: tests/fixtures/**
    rule: keebai-api-key
    reason: |
      made up for
      the parser
    expires: 2027-01-31
  - fingerprint: {HEX}
    reason: "revoked: see the runbook"
"""
    found = parse(text.encode(), NAME)
    assert found.ignore == (
        Ignore("made up for the parser", PathGlob.parse("tests/fixtures/**"), "keebai-api-key", expires="2027-01-31"),
        Ignore("revoked: see the runbook", fingerprint=HEX),
    )
    assert [each.where for each in found.ignore] == [f"{NAME}:5", f"{NAME}:11"]
    assert found.values == (
        Setting("baseline", ".tokenguard-baseline", Provenance(Layer.REPOSITORY, f"{NAME}:2")),
        Setting("rules", ("ci/rules.yaml", "more.yaml"), Provenance(Layer.REPOSITORY, f"{NAME}:3")),
    )


def test_a_users_file(home: Path) -> None:
    text = """\
fail_on: High
jobs: 2
max_size: 10M
strict_allow: yes
"""
    assert "neither true nor false" in fault(text, Layer.USER)
    text = text.replace("yes", "true") + "respect_gitignore: 'false'\ncache: False\n"
    found = values(
        text + "baseline: known\nrules: ~/rules\nserver: https://u:p@store.example/x", Layer.USER, home / "c"
    )
    assert found == {
        "fail_on": Severity.HIGH,
        "jobs": 2,
        "max_size": 10 << 20,
        "strict_allow": True,
        "respect_gitignore": False,
        "cache": False,
        "baseline": home / "c" / "known",
        "rules": (home / "rules",),
        "server": "https://u:p@store.example/x",
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n", "~\n"])
def test_a_file_that_says_nothing(text: str) -> None:
    assert parse(text.encode(), NAME) == FileSettings(NAME)


def test_fingerprints_and_dates_are_text_and_not_what_yaml_makes_of_them() -> None:
    digits = "1" * 32
    exponent = "1e" + "0" * 30
    text = f"ignore:\n- {{fingerprint: {digits}, reason: 1}}\n- {{fingerprint: {exponent}, reason: yes}}\n"
    assert [(each.fingerprint, each.reason) for each in parse(text.encode(), NAME).ignore] == [
        (digits, "1"),
        (exponent, "yes"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ignored:\n- x\n", "1: unknown key 'ignored'; did you mean ignore?"),
        ("\nbaselin: x\n", "2: unknown key 'baselin'; did you mean baseline?"),
        ("zzz: x\n", "1: unknown key 'zzz'; known are baseline, cache, fail_on,"),
        ("ignore: x\n", "1: ignore: expected a list"),
        ("ignore:\n", "1: ignore: expected a list"),
        ("- x\n", "1: expected keys with values"),
        ("just text\n", "1: expected keys with values"),
        ("ignore:\n- x\n", "2: an ignore entry without keys"),
        ("ignore:\n- reason: r\n", "2: an ignore entry that names nothing; give at least one of path, rule, finger"),
        ("ignore:\n- path: a\n", "2: an ignore entry without a reason"),
        ("ignore:\n- path: a\n  reason:\n", "3: reason: without a value"),
        ("ignore:\n- path: a\n  reason: ''\n", "3: reason: without a value"),
        ("ignore:\n- path: a\n  reason: '  '\n", "3: reason: without a value"),
        ("ignore:\n- path: a\n  reason: null\n", "3: reason: without a value"),
        ("ignore:\n- path: a\n  reason: [a]\n", "3: reason: expected one value"),
        ("ignore:\n- path: a\n  reasons: a\n", "3: unknown key 'reasons' in an ignore entry; did you mean reason?"),
        ("ignore:\n- path: '!a'\n  reason: r\n", "2: path: a negated pattern"),
        ("ignore:\n- path: [a, b]\n  reason: r\n", "2: path: expected one value"),
        ("ignore:\n- rule: 'a b'\n  reason: r\n", "2: rule: not the id of a rule"),
        (f"ignore:\n- fingerprint: {HEX.upper()}\n  reason: r\n", "2: fingerprint: not 32 lowercase hex digits"),
        ("ignore:\n- fingerprint: abc\n  reason: r\n", "2: fingerprint: not 32"),
        ("ignore:\n- path: a\n  reason: r\n  expires: 20270131\n", "4: expires: not a date such as 2027-01-31"),
        ("ignore:\n- path: a\n  reason: r\n  expires: 2027-02-30\n", "4: expires: not a date"),
        ("ignore:\n- path: a\n  reason: r\n  expires: soon\n", "4: expires: not a date"),
        (f"ignore:\n- path: a\n  reason: {'r' * 501}\n", "3: reason: longer than 500"),
        ("ignore:\n" + "- {path: a, reason: r}\n" * 1001, "2: ignore: more than 1000 entries; use a baseline"),
        ("baseline: ../x\n", "1: baseline: a path that leaves the repository"),
        ("baseline: a/../../x\n", "1: baseline: a path that leaves"),
        ("baseline: /etc/passwd\n", "1: baseline: not a relative path"),
        ("baseline: .\n", "1: baseline: not a relative path"),
        ("baseline: C:\\x\n", "1: baseline: not a relative path"),
        ("rules:\n- a.yaml\n- ../b.yaml\n", "3: rules: a path that leaves"),
        ("rules: {a: b}\n", "1: rules: expected one value"),
        ("baseline: a\nbaseline: b\n", "2: the key 'baseline' a second time; the first is at .tokenguard.yaml:1"),
        ("baseline: &a x\n", "1: an anchor or alias"),
        ("ignore: &a\n- *a\n", "1: an anchor or alias"),
        ("baseline: *a\n", "1: an anchor or alias"),
        ("baseline: !!python/object/apply:os.system [id]\n", "1: a tag"),
        ("baseline: !x y\n", "1: a tag"),
        ("? [a]\n: b\n", "1: a key that is not plain text"),
        ("a: b\n---\nc: d\n", "2: a second document"),
        ("baseline: [\n", "2: not YAML"),
        ("baseline: 'x\n", "2: not YAML"),
        ("\tbaseline: x\n", "1: not YAML"),
        ("a: b: c\n", "1: not YAML"),
        ("baseline: x\n\x07: y\n", "2: not YAML: a control character"),
        ("a: " + "[" * 30 + "]" * 30 + "\n", "1: nested deeper than 16 levels"),
        ("a:\n" + "".join("  " * depth + "- \n" for depth in range(40)), "nested deeper than 16 levels"),
        (b"baseline: x\n\xff: y\n", "2: not UTF-8"),
        (b"\xff\xfeb\0", "1: not UTF-8"),
        (b"#" * (MAX_BYTES + 1), " larger than 1048576 bytes"),
    ],
)
def test_each_mistake_in_one_line_that_names_file_and_line(text: str | bytes, expected: str) -> None:
    assert expected in fault(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jobs: 0\n", "jobs: '0' is not a number of threads from 1 to 256"),
        ("jobs: many\n", "jobs: 'many' is not"),
        ("jobs: 257\n", "jobs: '257'"),
        ("jobs: [1]\n", "jobs: expected one value"),
        ("max_size: 0\n", "max_size: '0' is not a size"),
        ("max_size: 1.5G\n", "max_size: '1.5G' is not a size"),
        ("max_size: -1\n", "max_size: '-1'"),
        ("fail_on: hihg\n", "fail_on: 'hihg' is not one of info, low, medium, high, critical"),
        ("cache: 2\n", "cache: '2' is neither"),
        ("server: ftp://x\n", "server: not a URL"),
        ("issuers: [a]\n", "issuers: expected keys"),
    ],
)
def test_values_that_are_not_understood(text: str, expected: str) -> None:
    assert expected in fault(text, Layer.USER)


@pytest.mark.parametrize(
    "key", ["fail_on", "jobs", "max_size", "strict_allow", "respect_gitignore", "cache", "server", "issuers"]
)
def test_a_repository_may_not_steer_its_own_scan(key: str) -> None:
    message = fault(f"{key}: info\n")
    assert f"a repository's own file may not say {key}; use your own configuration" in message
    assert (f"TOKENGUARD_{key.upper()}" in message) == (key != "issuers")


@pytest.mark.parametrize("rule_id", plant.RULES)
def test_no_message_repeats_a_token(rule_id: str) -> None:
    token = plant.token(rule_id)
    hidden = token[len(plant.visible_prefix(token)) :]
    for text in (
        f"{token}: x\n",
        f"ignore:\n- {token}: x\n",
        f"ignore:\n- {{rule: '{token} x', reason: r}}\n",
        f"ignore:\n- {{fingerprint: {token}, reason: r}}\n",
        f"ignore:\n- {{path: '!{token}', reason: r}}\n",
        f"ignore:\n- {{path: a, reason: r, expires: {token}}}\n",
        f"baseline: /{token}\n",
        f"{token}: x\n{token}: y\n",
        f"a: *{token}\n",
        f"a: !{token} b\n",
        f"a: %{token}\n",
        f"a: '{token}\n",
        f"{token}",
    ):
        message = fault(text)
        assert not any(hidden[at : at + 8] in message for at in range(len(hidden) - 7)), text.replace(token, "TOKEN")
    for key in ("jobs", "max_size", "fail_on", "cache", "server", "issuers"):
        assert hidden[:8] not in fault(f"{key}: {token}\n", Layer.USER)


def test_a_hostile_file_costs_no_time() -> None:
    started = time.process_time()
    fault(b"[" * MAX_BYTES)
    fault(b"a: " + b"{a: " * (MAX_BYTES // 5))
    fault(b"- " * (MAX_BYTES // 2))
    fault(b"".join(b"k%d: x\n" % number for number in range(80_000)))
    assert time.process_time() - started < 5


plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


@given(st.binary(max_size=300) | plain.map(str.encode))
def test_any_bytes_are_settings_or_one_clear_error(data: bytes) -> None:
    for layer in (Layer.REPOSITORY, Layer.USER):
        try:
            parse(data, NAME, layer)
        except TokenguardError as error:
            clear = isinstance(error, ConfigError) and str(error).isprintable()
            assert clear


def unfolded(node: Node | None) -> object:
    match node:
        case ScalarNode():
            return node.text
        case SequenceNode():
            return [unfolded(item) for item in node.items]
        case MappingNode():
            return {key.text: unfolded(value) for key, value in node.entries}
        case None:
            return None


@given(
    st.dictionaries(
        plain,
        st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner), max_leaves=8),
    )
)
def test_what_yaml_writes_is_read_back_as_text(document: dict[str, object]) -> None:
    import yaml

    text = yaml.safe_dump(document, default_style='"', allow_unicode=True, width=10_000)
    assert unfolded(compose(text.encode(), NAME)) == document


def test_reading_from_disk(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert read(path, Layer.REPOSITORY) is None
    assert read(tmp_path / "no" / NAME, Layer.USER) is None
    path.write_bytes(b"\xef\xbb\xbfbaseline: b\r\n")
    found = read(path, Layer.REPOSITORY, NAME)
    assert found is not None
    assert [each.value for each in found.values] == ["b"]
    (tmp_path / "file").write_text("")
    assert read(tmp_path / "file" / NAME, Layer.USER) is None


def test_a_repositorys_file_is_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "id_ed25519"
    secret.write_text("PRIVATE")
    link = tmp_path / NAME
    link.symlink_to(secret)
    with pytest.raises(ConfigError, match="a symbolic link"):
        read(link, Layer.REPOSITORY)
    with pytest.raises(ConfigError, match="expected keys"):
        read(link, Layer.USER)
    link.unlink()
    link.mkdir()
    with pytest.raises(ConfigError, match=r"not a regular file|cannot be read"):
        read(link, Layer.REPOSITORY)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path / "pipe", Layer.USER)
    (tmp_path / "large").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than"):
        read(tmp_path / "large", Layer.USER)


@pytest.mark.usefixtures("ordinary_user")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text("baseline: b")
    path.chmod(0)
    with pytest.raises(ConfigError, match=r"cannot be read \(Permission denied\)"):
        read(path, Layer.USER)


def test_what_a_repository_names_stays_inside_it(tmp_path: Path) -> None:
    top = tmp_path / "repository"
    (top / "ci").mkdir(parents=True)
    (top / "ci" / "rules.yaml").write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("x")
    (top / "out").symlink_to(tmp_path / "outside")
    (top / "also").symlink_to(top / "ci")
    (top / "file").symlink_to(tmp_path / "outside" / "file")
    assert read_inside(top, inside("./ci//rules.yaml"), 10) == b"x"
    assert read_inside(top, "also/rules.yaml", 10) == b"x"
    assert read_inside(top, "ci/none", 10) is None
    with pytest.raises(ConfigError, match="outside the repository"):
        read_inside(top, "out/file", 10)
    with pytest.raises(ConfigError, match="symbolic link"):
        read_inside(top, "file", 10)


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"HOME": "/h"}, "linux", "/h/.config/tokenguard/config.yaml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "darwin", "/x/tokenguard/config.yaml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "x"}, "linux", "/h/.config/tokenguard/config.yaml"),
        ({"HOME": "/h", "TOKENGUARD_CONFIG": "mine.yaml"}, "linux", "mine.yaml"),
        ({"APPDATA": "/r", "HOME": "/h"}, "win32", "/r/tokenguard/config.yaml"),
        ({"HOME": "/h"}, "win32", None),
        ({}, "linux", None),
    ],
)
def test_where_the_users_file_is(environ: dict[str, str], platform: str, expected: str | None) -> None:
    assert user_file(environ, platform) == (Path(expected) if expected else None)


def test_without_a_file_no_yaml_is_imported(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from tokenguard.config.file import read
from tokenguard.config.places import user_file
from tokenguard.config.resolve import resolve
from tokenguard.config.settings import Layer
repository, user = read(Path(".tokenguard.yaml"), Layer.REPOSITORY), read(user_file(os.environ, "linux"), Layer.USER)
resolve(environ=os.environ, repository=repository, user=user, flags={})
print(sorted({"yaml", "datetime", "difflib", "tempfile", "json"} & set(sys.modules)))
"""
    source = Path(sys.modules["tokenguard"].__file__ or "").parents[1]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(source), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
