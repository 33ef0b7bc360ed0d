"""`tokenguard doctor`: what it sees, what it finds broken, and that it gives no password away."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

import plant
from cli.program import CLEAN, USAGE, Ended, run
from git_repository import RepositoryBuilder

BROKEN = USAGE


@pytest.fixture
def configuration(home: Path) -> Path:
    """The user's own configuration file, not written yet."""
    path = home / ".config" / "tokenguard" / "config.yaml"
    path.parent.mkdir(parents=True)
    return path


def doctor(cwd: Path, **environ: str) -> tuple[int, dict[str, list[dict[str, Any]]], dict[str, dict[str, str]]]:
    """Exit code, checks by name, settings by key."""
    ended = run("doctor", "--json", cwd=cwd, environ=environ)
    assert ended.err == ""
    document = ended.report
    assert document["ok"] == (ended.code == CLEAN)
    checks: dict[str, list[dict[str, Any]]] = {}
    for check in document["checks"]:
        checks.setdefault(check["name"], []).append(check)
        # Whatever is not as it should be says what helps.
        assert (check["health"] == "ok") == (check["remedy"] is None), check
    return ended.code, checks, {each["key"]: each for each in document["settings"]}


def broken(checks: dict[str, list[dict[str, Any]]]) -> set[str]:
    """Names of what is broken."""
    return {name for name, found in checks.items() if any(each["health"] == "broken" for each in found)}


def test_all_is_well(tmp_path: Path) -> None:
    code, checks, settings = doctor(tmp_path)
    assert (code, broken(checks)) == (CLEAN, set())
    assert {
        "tokenguard",
        "python",
        "hyperscan",
        "git",
        "your configuration",
        "rules",
        "built-in rules",
        "cache",
    } <= set(checks)
    assert "32" in checks["git"][0]["value"]
    assert checks["rules"][0]["value"].startswith(f"{len(plant.RULES)} rules, sha256:")
    assert checks["built-in rules"][0]["value"].endswith(", all proved")
    assert settings["jobs"] == {"key": "jobs", "value": "not set", "from": "default"}
    text = run("doctor", cwd=tmp_path)
    assert (text.code, text.err) == (CLEAN, "")
    assert text.out.endswith("\nall is well\n")


def test_in_a_repository(tmp_path: Path, home: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "repository")
    repository.commit({".tokenguard.yaml": "baseline: known\nignore:\n  - rule: keebai-api-keys\n    reason: x\n"})
    code, checks, settings = doctor(repository.path)
    assert (code, broken(checks)) == (CLEAN, set())
    assert {check["value"].split(",")[0] for check in checks["hook pre-commit"]} == {"missing"}
    assert checks["hook pre-commit"][0]["remedy"] == "run: tokenguard hook install pre-commit"
    assert checks["baseline"][0]["remedy"] == "make it: tokenguard baseline create"
    assert "no rule has the id 'keebai-api-keys'" in checks["ignore entry"][0]["value"]
    assert settings["baseline"]["from"] == "repository: .tokenguard.yaml:1"
    assert run("hook", "install", cwd=repository.path).code == CLEAN
    assert run("baseline", "create", cwd=repository.path).code == CLEAN
    _, checks, _ = doctor(repository.path)
    assert checks["hook pre-push"][0]["value"].startswith("installed, ")
    assert checks["baseline"][0]["value"] == "known, 0 known findings"
    assert checks["cache"][0]["value"].endswith(", private"), (home / ".cache" / "tokenguard").stat().st_mode
    (repository.path / ".git" / "hooks" / "pre-push").chmod(0o644)
    code, checks, _ = doctor(repository.path)
    assert (code, broken(checks)) == (BROKEN, {"hook pre-push"})


def test_each_value_with_its_origin_and_no_password(tmp_path: Path, configuration: Path) -> None:
    configuration.write_text("server: https://me:hunter2@tokens.example.org/x?key=hunter3\nfail_on: high\n")
    code, _, settings = doctor(tmp_path, TOKENGUARD_JOBS="3", CI="true")
    assert code == CLEAN
    assert settings["server"]["value"] == "https://…@tokens.example.org/x?…"
    assert settings["fail_on"] == {"key": "fail_on", "value": "high", "from": f"user: {configuration}:2"}
    assert settings["jobs"] == {"key": "jobs", "value": "3", "from": "environment: TOKENGUARD_JOBS"}
    assert settings["cache"] == {"key": "cache", "value": "false", "from": "default: CI is set"}
    assert "hunter" not in run("doctor", cwd=tmp_path).out


def test_a_token_in_the_configuration_is_not_shown(tmp_path: Path, configuration: Path) -> None:
    token = plant.token(plant.KEEBAI)
    configuration.write_text(f"server: https://tokens.example.org/{token}\n")
    assert token not in run("doctor", cwd=tmp_path).out
    assert token not in run("doctor", "--json", cwd=tmp_path).out


def test_git_missing_and_too_old(tmp_path: Path) -> None:
    code, checks, _ = doctor(tmp_path, PATH=str(tmp_path))
    assert (code, broken(checks)) == (BROKEN, {"git"})
    assert checks["git"][0]["remedy"] == "install git 2.32 or newer"
    (tmp_path / "git").write_text("#!/bin/sh\necho git version 2.20.1\n")
    (tmp_path / "git").chmod(0o755)
    code, checks, _ = doctor(tmp_path, PATH=str(tmp_path))
    assert (code, checks["git"][0]["value"]) == (BROKEN, "git 2.20.1 is too old")


def test_a_wrong_configuration(tmp_path: Path, configuration: Path) -> None:
    configuration.write_text("fail-on: high\n")
    code, checks, settings = doctor(tmp_path)
    assert (code, broken(checks), settings) == (BROKEN, {"configuration"}, {})
    assert checks["configuration"][0]["remedy"] == "did you mean fail_on?"
    configuration.write_text("rules: [own.yaml]\nbaseline: known\n")
    (configuration.parent / "own.yaml").write_text(
        "rules:\n  - id: Own\n    title: x\n    severity: low\n    pattern: a\n"
    )
    code, checks, _ = doctor(tmp_path)
    assert (code, broken(checks)) == (BROKEN, {"rules", "baseline"})
    assert any("own.yaml:2" in check["value"] for check in checks["rules"])


def test_a_variable_that_means_nothing(tmp_path: Path) -> None:
    code, checks, _ = doctor(tmp_path, TOKENGUARD_JOB="3")
    assert code == CLEAN
    assert "TOKENGUARD_JOB means nothing here; did you mean TOKENGUARD_JOBS?" in checks["environment"][0]["value"]


def test_a_cache_that_others_can_write(tmp_path: Path, home: Path) -> None:
    cache = home / ".cache" / "tokenguard"
    cache.mkdir(parents=True)
    for mode, health in ((0o777, "broken"), (0o755, "note"), (0o700, "ok")):
        cache.chmod(mode)
        _, checks, _ = doctor(tmp_path)
        assert checks["cache"][0]["health"] == health
    (cache / "x").write_bytes(bytes(1500))
    _, checks, _ = doctor(tmp_path)
    assert checks["cache"][0]["value"] == f"{cache}, 1 file, 1.5 kB, private"


def test_a_store_with_its_pepper_and_without(tmp_path: Path, home: Path) -> None:
    assert doctor(tmp_path)[1]["token store"][0]["value"] == "none here yet"
    assert run("token", "create", "of the shop", cwd=tmp_path).code == CLEAN
    data = home / ".local" / "share" / "tokenguard"
    code, checks, _ = doctor(tmp_path)
    assert (code, checks["token store"][0]["health"]) == (CLEAN, "ok")
    assert str(data / "store.db") in checks["token store"][0]["value"]
    pepper = data / "pepper"
    pepper.chmod(0o644)
    code, checks, _ = doctor(tmp_path)
    assert (code, broken(checks)) == (BROKEN, {"token store"})
    assert "others may read" in checks["token store"][0]["value"]
    pepper.unlink()
    code, checks, _ = doctor(tmp_path)
    assert (code, broken(checks)) == (BROKEN, {"token store"})
    assert checks["notifications"][0]["health"] == "ok"


def test_a_pepper_that_keyed_nothing_here(tmp_path: Path) -> None:
    assert run("token", "create", "of the shop", cwd=tmp_path).code == CLEAN
    code, checks, _ = doctor(tmp_path, TOKENGUARD_PEPPER=secrets.token_hex(32))
    assert (code, broken(checks)) == (BROKEN, {"token store"})
    assert "under a pepper that cannot be read" in checks["token store"][0]["value"]


def test_a_store_that_is_named_has_to_open(tmp_path: Path) -> None:
    for place in ("postgresql:user:word@host/name", "mysql://host/name", "postgresql://127.0.0.1:1/name"):
        code, checks, _ = doctor(tmp_path, TOKENGUARD_STORE_URL=place)
        assert (code, broken(checks)) == (BROKEN, {"token store"})
        assert "word" not in str(checks)


def test_json_is_json(tmp_path: Path) -> None:
    ended: Ended = run("doctor", "--json", cwd=tmp_path)
    assert set(json.loads(ended.out)) == {"ok", "checks", "settings"}
