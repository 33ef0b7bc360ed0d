"""Everything at once: no place and no wrapping keeps a token from being found, and no report gives one away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from proofs import torture
from proofs.scanning import Planted, scan_folder, scan_git, sha256, tokenguard, written
from proofs.wrapped import FORMS, NO_TOKEN
from tokenguard.model import State
from tokenguard.report.registry import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from git_repository import RepositoryBuilder
    from tokenguard.model import Report

Built = tuple["RepositoryBuilder", Planted]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return torture.build(tmp_path_factory.mktemp("torture"))


@pytest.fixture(scope="module")
def report(built: Built) -> Report:
    return scan_git(built[0].path)


def test_everything_is_found(built: Built, report: Report) -> None:
    _, planted = built
    assert planted.not_found(report) == []
    assert planted.unplanted(report) == []


def test_everything_was_read(report: Report) -> None:
    assert report.skipped == ()
    assert report.errors == ()
    assert report.state is State.COMPLETE


def test_in_a_long_history_a_blob_has_one_of_its_places(
    built: Built, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, planted = built
    monkeypatch.setattr("tokenguard.git.history._SHORT", 0)
    long = scan_git(repository.path)
    assert (planted.not_found(long), planted.unplanted(long), long.state) == ([], [], State.COMPLETE)
    places = {finding.fingerprint: set(finding.locations) for finding in report.findings}
    assert {finding.fingerprint for finding in long.findings} == places.keys()
    assert [finding for finding in long.findings if not set(finding.locations) <= places[finding.fingerprint]] == []


def test_published_samples_are_counted(report: Report) -> None:
    assert report.coverage.samples == len(torture.SAMPLES)


def test_no_report_gives_a_token_away(built: Built, report: Report) -> None:
    _, planted = built
    outputs = written(report)
    assert set(FORMATS) <= outputs.keys()
    assert {name: shown for name, text in outputs.items() if (shown := planted.shown_in(text))} == {}


def test_so_it_is_on_the_command_line(built: Built, tmp_path: Path) -> None:
    repository, planted = built
    files = {name: tmp_path / f"report.{name}" for name in FORMATS}
    wanted = [f"--format={name}={path}" for name, path in files.items()]
    done = tokenguard("scan", "git", str(repository.path), *wanted, "--format=text", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    found = {finding["token_sha256"] for finding in json.loads(files["json"].read_bytes())["findings"]}
    assert [place for place, token in planted.tokens.items() if sha256(token) not in found] == []
    texts = [done.stdout, done.stderr, *(path.read_bytes() for path in files.values())]
    assert [place for text in texts for place in planted.shown_in(text.decode())] == []


@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_a_plain_file(form: str, tmp_path: Path) -> None:
    planted = Planted()
    (tmp_path / "file").write_bytes(FORMS[form](planted(form).encode()))
    report = scan_folder(tmp_path)
    assert planted.not_found(report) == []
    assert planted.unplanted(report) == []
    assert report.state is State.COMPLETE


@pytest.mark.parametrize("rule", ["binboi-access-token", "binboi-live-token", "keebai-api-key"])
@pytest.mark.parametrize("form", NO_TOKEN)
def test_what_is_close_to_a_token_is_none(form: str, rule: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(NO_TOKEN[form](Planted()(form, rule).encode()))
    assert scan_folder(tmp_path).findings == ()
