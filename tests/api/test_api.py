"""The Python API: what it finds, what decides a result and what does not, and that the document is right."""

from __future__ import annotations

import gzip
import io
import os
import re
import secrets
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import plant
from git_repository import RepositoryBuilder
from tokenguard.api import scan_bytes, scan_paths, scan_repository
from tokenguard.errors import GitError, NotARepositoryError, RuleError, TokenguardError, UsageError
from tokenguard.model import Report, State, SuppressedBy

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "python-api.md"
OWN_RULE = "rules:\n  - id: own\n    title: Own\n    severity: low\n    pattern: 'own_[0-9a-f]{8}'\n"


def found(report: Report) -> set[tuple[str, str, int]]:
    """Rule, path and line of everything found."""
    return {(each.rule_id, place.path, place.line) for each in report.findings for place in each.locations}


def test_bytes() -> None:
    token = plant.token(plant.KEEBAI).encode()
    for data in (b"a\n" + token, bytearray(b"a\n" + token), memoryview(b"a\n" + token)):
        report = scan_bytes(data, "x.env")
        assert found(report) == {(plant.KEEBAI, "x.env", 2)}
        assert (report.state, report.coverage.bytes) == (State.COMPLETE, len(data))
        assert token.decode() not in repr(report)
    (finding,) = scan_bytes(gzip.compress(token)).findings
    assert finding.locations[0].via == ("gzip",)
    assert scan_bytes(b"").findings == ()


def test_paths(tmp_path: Path) -> None:
    for name in ("a.env", "b.env"):
        (tmp_path / name).write_text(plant.token(plant.BINBOI_LIVE))
    one = str(tmp_path / "a.env")
    assert found(scan_paths(one)) == found(scan_paths(Path(one))) == {(plant.BINBOI_LIVE, one, 1)}
    assert found(scan_paths([tmp_path / "a.env", tmp_path / "b.env"])) == found(scan_paths(tmp_path, jobs=1))
    assert scan_paths(tmp_path, max_size=10).state is State.INCOMPLETE


def test_repository(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "repository")
    commit = repository.commit({"a.env": plant.token(plant.KEEBAI)})
    repository.commit({"a.env": None})
    report = scan_repository(repository.path)
    (place,) = report.findings[0].locations
    assert (place.path, place.commit, place.author) == ("a.env", commit, "Test Author <test@example.org>")
    assert report.coverage.commits == 2


def test_rules_and_only(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN_RULE)
    data = f"{plant.token(plant.KEEBAI)}\nown_{secrets.token_hex(4)}\n".encode()
    rules = [tmp_path / "own.yaml"]
    assert {rule for rule, _, _ in found(scan_bytes(data, rules=rules))} == {plant.KEEBAI, "own"}
    assert {rule for rule, _, _ in found(scan_bytes(data, rules=rules, only=["own"]))} == {"own"}
    assert found(scan_bytes(data, only=[plant.BINBOI_LIVE])) == set()


def test_nothing_but_arguments_decides(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = RepositoryBuilder(tmp_path / "repository")
    ignoring = f"ignore:\n  - rule: {plant.KEEBAI}\n    reason: hide it\n"
    repository.commit({"a.env": plant.token(plant.KEEBAI), ".tokenguard.yaml": ignoring})
    (home / ".config" / "tokenguard").mkdir(parents=True)
    (home / ".config" / "tokenguard" / "config.yaml").write_text("not: valid")
    monkeypatch.setenv("TOKENGUARD_JOBS", "many")
    monkeypatch.chdir(repository.path)
    for _ in range(2):
        assert len(scan_repository().findings) == len(scan_paths(".").findings) == 1
    assert not (home / ".cache").exists()


def test_inline_allowances_hold() -> None:
    report = scan_bytes(f"{plant.token(plant.KEEBAI)} # tokenguard:allow {plant.KEEBAI} a sample\n".encode())
    assert (report.findings, [each.by for each in report.suppressed]) == ((), [SuppressedBy.INLINE])


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no rule is called 'none'"):
        scan_bytes(b"", only=["none"])
    with pytest.raises(UsageError, match="no such file or folder"):
        scan_paths(tmp_path / "missing")
    with pytest.raises(UsageError, match="no such file or folder"):
        scan_paths("a\0b")
    with pytest.raises(NotARepositoryError):
        scan_repository(tmp_path)
    (tmp_path / "own.yaml").write_text("rules:\n  - id: Own\n")
    with pytest.raises(RuleError) as raised:
        scan_bytes(b"", rules=[tmp_path / "own.yaml"])
    assert len(raised.value.faults) > 1
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git was not found on PATH") as missing:
        scan_repository(tmp_path)
    assert isinstance(missing.value, TokenguardError)
    assert missing.value.remedy


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text(plant.token(plant.KEEBAI))
    scan_paths([tmp_path], max_size=1)
    assert capfd.readouterr() == ("", "")


def test_the_document_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = plant.token(plant.KEEBAI)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.env").write_text(token)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    out = io.StringIO()
    with redirect_stdout(out):
        for block in blocks:
            exec(compile(block, str(DOCUMENT), "exec"), names)  # noqa: S102 - our own document
    assert out.getvalue().startswith(f"{os.path.join('conf', 'a.env')}:1: {plant.KEEBAI} kbai_pk_")
    assert '"version": "2.1.0"' in out.getvalue()
    assert token not in out.getvalue()


def test_the_document_names_what_there_is() -> None:
    text = DOCUMENT.read_text()
    for name in re.findall(r"^\| `([a-z]+)`", text, re.MULTILINE):
        assert name in Report.__dataclass_fields__, name
    for name in re.findall(r"^\| `([A-Z]\w+)`", text, re.MULTILINE):
        assert hasattr(__import__("tokenguard.errors").errors, name), name
