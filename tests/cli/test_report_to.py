"""`scan … --report-to URL`: findings become leaks of a token store, and the scan's own report is never lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.program import CLEAN, FOUND, INCOMPLETE, USAGE, Ended, assert_hidden, run
from cli.served import Served, served, text_of
from git_repository import RepositoryBuilder
from respond.web import Reply, reply, serving
from tokenguard.model.leak import LeakRecord
from tokenguard.model.token import NewToken

KEEBAI = "keebai-api-key"
Fresh = Callable[[str], str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "server"
    folder.mkdir()
    with served(folder) as running:
        yield running


@pytest.fixture
def reporter(server: Served) -> str:
    """The token of a CI job: it may hand in leaks, and nothing else."""
    server.service.create_role(name="ci", permissions=["leaks:report"])
    server.service.create_user(email="ci@example.org", name="CI", role="ci")
    return server.token_of("ci@example.org", "leaks:report")


def scan(folder: Path, url: str, token: str | None, *more: str, environ: dict[str, str] | None = None) -> Ended:
    said = {"TOKENGUARD_TOKEN": token} if token else {}
    return run(
        "scan", "files", str(folder), "--report-to", url, *more, cwd=folder.parent, environ=said | (environ or {})
    )


def leaky(server: Served, folder: Path, name: str = "app.env") -> str:
    """A file with a token of the store."""
    made = server.service.create_token(NewToken("leaky", family=KEEBAI))
    assert made.token is not None
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"KEY={text_of(made.token)}\n")
    return text_of(made.token)


def leaks(server: Served) -> list[LeakRecord]:
    return list(server.service.leaks().leaks)


def test_a_finding_is_a_leak_of_its_token(server: Served, reporter: str, tmp_path: Path) -> None:
    token = leaky(server, tmp_path / "code")
    ended = scan(tmp_path / "code", server.url, reporter, "--format", "json")
    assert (ended.code, ended.err) == (FOUND, f"reported to {server.url.partition('://')[2]}: 1 leak\n")
    assert len(ended.report["findings"]) == 1
    (leak,) = leaks(server)
    assert leak.token is not None
    assert token.startswith(leak.token.prefix)
    assert leak.token.status.value == "active", "a report never revokes"
    assert leak.sightings[0].place.path.endswith("app.env")


def test_the_same_leak_twice_is_one_with_two_sightings(server: Served, reporter: str, tmp_path: Path) -> None:
    leaky(server, tmp_path / "code")
    scan(tmp_path / "code", server.url, reporter)
    scan(tmp_path / "code", server.url, reporter)
    (leak,) = leaks(server)
    assert len(leak.sightings) == 2


def test_a_leak_that_comes_back_opens_again_and_its_uses_are_counted(
    server: Served, reporter: str, tmp_path: Path
) -> None:
    leaky(server, tmp_path / "code")
    scan(tmp_path / "code", server.url, reporter)
    (leak,) = leaks(server)
    server.service.resolve_leak(leak.id, "taken out of the file")
    scan(tmp_path / "code", server.url, reporter)
    (leak,) = leaks(server)
    assert (leak.state, leak.resolution, leak.uses_since) == ("open", None, 0)


def test_one_leak_from_two_reporters(server: Served, reporter: str, tmp_path: Path) -> None:
    leaky(server, tmp_path / "code")
    scan(tmp_path / "code", server.url, reporter)
    scan(tmp_path / "code", server.url, server.admin)
    (leak,) = leaks(server)
    assert len({sighting.reported_by for sighting in leak.sightings}) == 2


def test_nothing_is_sent_without_findings_or_without_being_asked(server: Served, reporter: str, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "clean.txt").write_text("nothing\n")
    with serving(lambda _: reply({}, 500)) as web:
        ended = scan(tmp_path / "code", web.url, reporter)
        assert (ended.code, ended.err) == (CLEAN, "")
        leaky(server, tmp_path / "code")
        assert run("scan", "files", "code", cwd=tmp_path, environ={"TOKENGUARD_TOKEN": reporter}).code == FOUND
        assert web.asked == []


def test_what_is_sent_says_where_and_nothing_more(tmp_path: Path, fresh_token: Fresh) -> None:
    token = fresh_token(KEEBAI)
    repository = RepositoryBuilder(tmp_path / "repository")
    commit = repository.commit({"src/key.txt": f"{token}\n"})
    environ = {
        "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://git.example.org", "GITHUB_REPOSITORY": "o/r",
        "TOKENGUARD_TOKEN": "t" * 40,
    }  # fmt: skip
    answer = {"leaks": [{"id": "leak_1", "matched": "none"}]}
    with serving(lambda _: reply(answer, 202)) as web:
        ended = run("scan", "git", repository.path, "--report-to", web.url, cwd=tmp_path, environ=environ)
        assert ended.code == FOUND
        (asked,) = web.asked
    assert token[-8:].encode() not in asked.body
    (finding,) = asked.json()["findings"]
    assert set(finding) == {"rule_id", "prefix", "token_sha256", "fingerprint", "locations"}
    links = {place.get("url") for place in finding["locations"]}
    assert f"https://git.example.org/o/r/blob/{commit}/src/key.txt" in links


@pytest.mark.parametrize("how", ["down", "fault", "refused", "no rights", "page"])
def test_a_failure_is_one_line_and_the_report_is_written(server: Served, tmp_path: Path, how: str) -> None:
    token = leaky(server, tmp_path / "code")
    answers = {"fault": reply({}, 422), "page": Reply(200, b"<html>"), "down": Reply(reset=True)}
    credential = "x" * 50 if how == "refused" else server.token_of("admin@example.org", "audit.read")
    with serving(lambda _: answers[how]) as web:
        url = web.url if how in answers else server.url
        ended = scan(tmp_path / "code", url, credential, "--format", "json=report.json")
    assert ended.code == INCOMPLETE
    assert ended.message.startswith("not reported: ")
    assert_hidden(token, ended)
    assert credential not in ended.err
    assert json.loads((tmp_path / "report.json").read_text())["findings"]


def test_what_cannot_be_right_is_said_before_the_scan(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    no_token = scan(tmp_path / "code", "https://store.example.org", None)
    assert no_token.code == USAGE
    assert "TOKENGUARD_TOKEN" in no_token.message
    for url in ("http://store.example.org", "store", "https://user:word@store.example.org", ""):
        ended = scan(tmp_path / "code", url, "t" * 40)
        assert ended.code == USAGE, url
        assert "word@" not in ended.message
