"""`scan --verify --revoke` and `tokenguard revoke`, as a user runs them: on a store, a server, a provider's API."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import plant
from cli.program import CLEAN, COMMAND, FOUND, INCOMPLETE, USAGE, Ended, assert_hidden, hidden, run
from cli.served import served, text_of
from git_repository import RepositoryBuilder
from respond.providers import Binboi
from respond.simulated_store import SimulatedStore
from respond.web import Reply, Web, reply, serving
from tokenguard.model.audit import AuditFilter
from tokenguard.model.token import NewToken

KEEBAI = "keebai-api-key"
BINBOI = "binboi-access-token"
DEAD, ALIVE, UNREACHED = 0, 1, 3

Fresh = Callable[[str], str]


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def minted(cwd: Path, family: str = KEEBAI, name: str = "leaky") -> str:
    ended = run("token", "create", name, "--family", family, cwd=cwd)
    assert ended.code == 0, ended.err
    return ended.out.strip()


def status(cwd: Path, token: str) -> str:
    """What a scan of the token says of it."""
    ended = run("scan", "stdin", "--verify", "--format", "json", cwd=cwd, stdin=token.encode())
    found: str = ended.report["findings"][0]["status"]
    return found


def results(ended: Ended) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ended.out)["results"]
    return found


def written(home: Path) -> str:
    """Every byte that the program keeps for itself."""
    files = [path for path in (home / ".local").rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("latin-1") for path in files)


# The embedded store.


def test_from_a_leak_to_a_dead_token(tmp_path: Path, home: Path) -> None:
    tokens = {family: minted(tmp_path, family) for family in (KEEBAI, BINBOI, "tokenguard-access-token")}
    builder = RepositoryBuilder(tmp_path / "app")
    builder.commit({"a.env": "\n".join(tokens.values())})
    builder.commit({"a.env": None})
    (home / ".bash_history").write_text(f"export KEY={tokens[KEEBAI]}\n")

    seen = run("scan", "git", "app", "--verify", "--format", "json", cwd=tmp_path)
    assert seen.code == FOUND
    assert {each["status"] for each in seen.report["findings"]} == {"active"}

    dry = run("scan", "git", "app", "--revoke", "--format", "json", cwd=tmp_path)
    assert dry.code == FOUND
    assert dry.report["revocations"] == []
    assert dry.err.count("would be revoked at store: ") == 3
    assert "dry run: 3 of 3 would be revoked; to do so add --yes" in dry.err
    assert status(tmp_path, tokens[KEEBAI]) == "active"

    shell = run("scan", "shell", "--revoke", "--yes", "--format", "json", cwd=tmp_path)
    assert shell.code == FOUND
    assert [each["outcome"] for each in shell.report["revocations"]] == ["revoked"]
    assert [each["status"] for each in shell.report["findings"]] == ["revoked"]

    done = run("scan", "git", "app", "--revoke", "--yes", "--format", "json", cwd=tmp_path)
    assert done.code == FOUND
    assert sorted(each["outcome"] for each in done.report["revocations"]) == ["already_revoked", "revoked", "revoked"]
    assert {each["issuer"] for each in done.report["revocations"]} == {"store"}
    after = run("scan", "git", "app", "--verify", "--format", "text", cwd=tmp_path)
    assert after.out.count(", revoked, fingerprint") == 3
    for token in tokens.values():
        for ended in (seen, dry, shell, done, after):
            assert token not in ended.out + ended.err
        assert token not in written(home)


WAYS: dict[str, Callable[[str], tuple[list[str], bytes]]] = {
    "prefix": lambda token: ([token[:12]], b""),
    "hash": lambda token: (["--hash", sha256(token).upper()], b""),
    "standard input": lambda token: (["--token-stdin"], f" {token}\n".encode()),
    "report": lambda _: (["--report", "report.json"], b""),
    "report in lines": lambda _: (["--report", "report.jsonl"], b""),
    "report on standard input": lambda _: (["--report", "-"], b"report.json"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_name_a_token(way: str, tmp_path: Path, home: Path) -> None:
    token = minted(tmp_path)
    formats = ("--format", "json=report.json", "--format", "jsonl=report.jsonl")
    assert run("scan", "stdin", *formats, cwd=tmp_path, stdin=token.encode()).code == FOUND
    arguments, stdin = WAYS[way](token)
    stdin = (tmp_path / stdin.decode()).read_bytes() if stdin.startswith(b"report") else stdin

    dry = run("revoke", *arguments, cwd=tmp_path, stdin=stdin)
    assert dry.code == ALIVE
    assert dry.err == ""
    assert "would be revoked" in dry.out
    assert status(tmp_path, token) == "active"
    assert not (home / ".local" / "state").exists()

    done = run("revoke", *arguments, "--yes", "--reason", "seen in a ticket", "--json", cwd=tmp_path, stdin=stdin)
    assert done.code == DEAD
    (result,) = results(done)
    assert (result["outcome"], result["issuer"]) == ("revoked", "store")
    assert result["record"]["revoke_reason"] == "seen in a ticket"
    assert status(tmp_path, token) == "revoked"

    again = run("revoke", *arguments, cwd=tmp_path, stdin=stdin)
    assert again.code == DEAD
    assert "already revoked" in again.out
    for ended in (dry, done, again):
        assert_hidden(token, replace(ended, out=ended.out.replace(sha256(token), "")))
    assert token not in written(home)


def test_by_id(tmp_path: Path) -> None:
    token = minted(tmp_path)
    found = run("revoke", token[:12], "--json", cwd=tmp_path)
    token_id = results(found)[0]["record"]["id"]
    for arguments in (["--id", token_id], [token_id]):
        assert run("revoke", *arguments, "--yes", cwd=tmp_path).code == DEAD
    assert status(tmp_path, token) == "revoked"


@pytest.mark.parametrize(
    "arguments", [["binboi_pat_00000000"], ["--hash", "0" * 64], ["--id", "tok_000000000000000000000000"]]
)
def test_a_token_that_the_store_never_saw(arguments: list[str], tmp_path: Path) -> None:
    minted(tmp_path)
    ended = run("revoke", *arguments, "--yes", cwd=tmp_path)
    assert ended.code == ALIVE
    assert "not found" in ended.out
    assert run("revoke", "--resume", cwd=tmp_path).out == "nothing to revoke\n"


def test_a_whole_token_in_place_of_its_prefix(tmp_path: Path, home: Path, fresh_token: Fresh) -> None:
    token = fresh_token(KEEBAI)
    history = home / ".zsh_history"
    history.write_text(f": 1790000000:0;ls\n: 1790000001:0;tokenguard revoke {token}\n")
    ended = run("revoke", token, "--yes", cwd=tmp_path)
    assert ended.code == USAGE
    assert f"{token[:12]}…: a whole token where its prefix belongs; it now lies in {history}:2" in ended.err
    assert_hidden(token, ended)
    cut = run("revoke", token[:-1], cwd=tmp_path)
    assert cut.code == USAGE
    assert_hidden(token, cut)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to revoke"),
        (["binboi_pat_00000000", "--resume"], "PREFIX and --resume"),
        (["--hash", "00"], "--hash: not a SHA-256"),
        (["--id", "binboi_pat_00000000"], "--id: not the id"),
        (["--token-stdin"], "standard input: there is no token"),
        (["--resume", "--by-prefix"], "--by-prefix belongs to --report"),
        (["--hash", "0" * 64, "--all-matching"], "--all-matching belongs to PREFIX"),
        (["--resume", "--seen", "a ticket"], "--seen belongs to PREFIX, --id, --hash, --token-stdin"),
        (["--report", "none.json"], "none.json: cannot be read (No such file or directory)"),
        (["--report", "."], ".: cannot be read (Is a directory)"),
        (["--report", "-", "--token", "-"], "two things from standard input"),
        (["binboi_pat_00000000", "--reason", "x" * 501], "--reason: longer than 500"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    minted(tmp_path)
    ended = run("revoke", *arguments, "--yes", cwd=tmp_path)
    assert ended.code == USAGE
    assert ended.message.startswith(message)


def test_without_a_store_nobody_is_asked(tmp_path: Path, home: Path, fresh_token: Fresh) -> None:
    token = fresh_token(KEEBAI)
    ended = run("revoke", token[:12], "--yes", cwd=tmp_path)
    assert (ended.code, "there is no token store here" in ended.message) == (USAGE, True)
    seen = run("scan", "stdin", "--verify", "--format", "json", cwd=tmp_path, stdin=token.encode())
    assert seen.code == FOUND
    assert seen.report["findings"][0]["status"] == "unknown"
    assert "no issuer for keebai-api-key" in seen.err
    done = run("scan", "stdin", "--revoke", "--yes", "--format", "json", cwd=tmp_path, stdin=token.encode())
    assert done.code == INCOMPLETE
    assert done.report["revocations"] == []
    assert not (home / ".local").exists() or token not in written(home)


@pytest.mark.parametrize("option", ["--yes", "--policy=p.yaml"])
def test_half_a_wish_is_an_error(option: str, tmp_path: Path) -> None:
    ended = run("scan", "files", option, cwd=tmp_path)
    assert ended.code == USAGE
    assert "without --revoke" in ended.message


def test_a_policy_leaves_some_to_people(tmp_path: Path) -> None:
    tokens = [minted(tmp_path, name=name) for name in ("a", "b")]
    (tmp_path / "src" / "tests").mkdir(parents=True)
    (tmp_path / "src" / "a.env").write_text(tokens[0])
    (tmp_path / "src" / "tests" / "b.env").write_text(tokens[1])
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules:\n  - {path: 'src/tests/**', action: notify}\n")
    scan = ("scan", "files", "src", "--revoke", "--policy", policy, "--format", "json")
    ended = run(*scan, "--yes", "-o", "report.json", cwd=tmp_path)
    assert ended.code == FOUND
    assert "1 of the findings left to people by the policy" in ended.err
    assert [status(tmp_path, token) for token in tokens] == ["revoked", "active"]
    left = run("revoke", "--report", "report.json", "--policy", policy, "--yes", cwd=tmp_path)
    assert left.code == DEAD
    assert "1 not asked about: left to people by the policy" in left.out
    policy.write_text("rules:\n  - {path: 'src/tests/**', action: nothing}\n")
    wrong = run(*scan, cwd=tmp_path)
    assert wrong.code == USAGE
    assert wrong.message.startswith(f"{policy}:2: action: 'nothing' is neither")
    assert wrong.out == ""


# A report is not trusted.


def finding(token: str, **more: object) -> dict[str, object]:
    """As the schema has it."""
    place = {"source": "files", "path": "a", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "via": []}
    return {
        "rule_id": KEEBAI,
        "prefix": token[:12],
        "token_sha256": sha256(token),
        "fingerprint": "0" * 32,
        "locations": [place],
        **more,
    }


def report(*findings: object, **more: object) -> str:
    return json.dumps({"schema": "tokenguard/report/1", "findings": findings, **more})


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_report_without_a_finding_leaves_nothing_to_do(name: str, tmp_path: Path) -> None:
    assert run("scan", "stdin", "--format", f"{name}=report", cwd=tmp_path, stdin=b"clean").code == CLEAN
    ended = run("revoke", "--report", "report", "--yes", cwd=tmp_path)
    assert (ended.code, ended.out) == (DEAD, "nothing to revoke\n")


def test_a_prefix_of_a_report_counts_only_when_it_is_let(tmp_path: Path) -> None:
    """Somebody else's report could name anybody's token by it."""
    token = minted(tmp_path)
    (tmp_path / "r.json").write_text(report(finding(token, token_sha256=None)))
    ended = run("revoke", "--report", "r.json", "--yes", cwd=tmp_path)
    assert ended.code == UNREACHED
    assert "pending: needs the token" in ended.out
    assert status(tmp_path, token) == "active"
    let = run("revoke", "--report", "r.json", "--by-prefix", "--yes", cwd=tmp_path)
    assert let.code == DEAD
    assert status(tmp_path, token) == "revoked"


def test_a_false_prefix_beside_a_hash_names_nobody(tmp_path: Path, fresh_token: Fresh) -> None:
    token = minted(tmp_path)
    (tmp_path / "r.json").write_text(report(finding(token, token_sha256=sha256(fresh_token(KEEBAI)))))
    ended = run("revoke", "--report", "r.json", "--by-prefix", "--yes", cwd=tmp_path)
    assert ended.code == ALIVE
    assert "not found" in ended.out
    assert status(tmp_path, token) == "active"


def test_a_report_that_holds_a_token_gives_it_to_nobody(tmp_path: Path, home: Path) -> None:
    token, other = minted(tmp_path), minted(tmp_path, name="other")
    place = {"source": other, "path": f"/x/{other}", "commit": other, "line": 1, "via": [other]}
    (tmp_path / "r.json").write_text(
        report(finding(token, prefix=token, redacted=token, title=other, locations=[place]))
    )
    ended = run("revoke", "--report", "r.json", "--by-prefix", "--yes", "--json", cwd=tmp_path)
    assert ended.code == DEAD
    assert token not in ended.out + ended.err + written(home)
    assert other not in ended.out + ended.err + written(home)


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "not UTF-8": b"\xff\xfe{}",
    "another document": b"[]",
    "another schema": b'{"schema": "x", "findings": []}',
    "deep": b"[" * 100_000,
    "a huge number": b'{"schema": ' + b"9" * 10_000 + b"}",
    "no findings": b'{"schema": "tokenguard/report/1", "findings": {}}',
    "a finding that is none": report("x").encode(),
    "control characters": report(finding("x" * 12, rule_id="\x1b[31m\n")).encode(),
    "a long rule": report(finding("x" * 12, rule_id="a" * 1000)).encode(),
    "a short hash": report(finding("x" * 12, token_sha256="ab")).encode(),  # noqa: S106 - no password
    "places that are none": report(finding("x" * 12, locations=[{"path": 7}])).encode(),
    "a path beyond measure": report(finding("x" * 12, locations=[{"path": "x" * 20_000}])).encode(),
    "a place before the first": report(finding("x" * 12, locations=[{"path": "x", "line": -1}])).encode(),
    "false quoting": report(finding("x" * 12, locations=[{"path": '"\\x'}])).encode(),
    "lines that end too soon": b'{"type": "finding"}\n{"type": "finding"}\n',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_report_is_one_line(kind: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(HOSTILE[kind])
    ended = run("revoke", "--report", "r.json", "--yes", cwd=tmp_path)
    assert ended.code == USAGE
    assert ended.message.startswith("r.json: ")
    assert len(ended.message) < 200
    assert ended.message.isprintable()
    assert ended.out == ""


# A real server.


def test_at_a_server(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not respond kills nobody's token but his own; the admin does, and the server knows that."""
    with served(tmp_path) as server:
        server.service.create_user(email="bob@example.org", name="Bob", role="developer")
        mine = server.service.create_token(NewToken("leaky", family=KEEBAI)).token
        assert mine is not None
        token = text_of(mine)
        monkeypatch.setenv("TOKENGUARD_SERVER", server.url)
        scan = ("scan", "stdin", "--name", "a.log", "--format", "json")
        monkeypatch.setenv("TOKENGUARD_TOKEN", server.token_of("bob@example.org", "developer.manage_tokens"))
        tried = run(*scan, "--verify", "--revoke", "--yes", cwd=tmp_path, stdin=token.encode())
        assert tried.code == FOUND
        assert [each["outcome"] for each in tried.report["revocations"]] in (["not_found"], ["refused"])

        monkeypatch.setenv("TOKENGUARD_TOKEN", server.admin)
        assert status(tmp_path, token) == "active"
        done = run(*scan, "--revoke", "--yes", cwd=tmp_path, stdin=token.encode())
        assert [each["outcome"] for each in done.report["revocations"]] == ["revoked"]
        assert status(tmp_path, token) == "revoked"
        found = results(run("revoke", "--hash", sha256(token), "--json", cwd=tmp_path))
        (killed,) = server.service.audit(AuditFilter(token=found[0]["record"]["id"], limit=1)).events
        assert killed.action == "token.revoked", killed

        for number, where in enumerate(("https://help.example.org/tickets/4711", "a screenshot of Ada's")):
            named = server.service.create_token(NewToken(f"seen {number}", family=BINBOI)).record
            assert run("revoke", named.prefix, "--yes", "--seen", where, cwd=tmp_path).code == DEAD
            (leak,) = server.service.leaks(token=named.id).leaks
            assert [seen.place.url or seen.place.path for seen in leak.sightings] == [where]
            history = run("token", "history", named.id, cwd=tmp_path).out
            assert where in history
            assert "leaked: named by whoever saw it" in history
    assert token not in written(home)


# A server that fails.


@pytest.fixture
def store() -> SimulatedStore:
    return SimulatedStore(())


@pytest.fixture
def web(store: SimulatedStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with serving(store.answer) as running:
        monkeypatch.setenv("TOKENGUARD_SERVER", running.url)
        monkeypatch.setenv("TOKENGUARD_TOKEN", store.bearer)
        yield running


def test_what_a_server_does_not_answer_is_finished_later(
    web: Web, store: SimulatedStore, tmp_path: Path, fresh_token: Fresh
) -> None:
    token = fresh_token(KEEBAI)
    store.live.add(sha256(token))
    name = web.url.removeprefix("http://")
    store.faults = ["500"] * 20
    (tmp_path / "a.env").write_text(token)
    first = run("scan", "files", "a.env", "--revoke", "--yes", "--format", "json", cwd=tmp_path)
    assert first.code == INCOMPLETE
    assert [(each["issuer"], each["outcome"]) for each in first.report["revocations"]] == [(name, "unreachable")]
    assert "finish it with: tokenguard revoke --resume" in first.err
    assert first.report["findings"][0]["status"] == "unverified"
    assert f"1 pending at {name}" in run("doctor", cwd=tmp_path).out

    second = run("revoke", "--resume", cwd=tmp_path)
    assert second.code == UNREACHED
    assert "0 of 1 dead; 1 pending" in second.out

    store.faults = []
    third = run("revoke", "--resume", "--json", cwd=tmp_path)
    assert third.code == DEAD
    assert [each["outcome"] for each in results(third)] == ["already_revoked"]
    assert "none pending" in run("doctor", cwd=tmp_path).out
    assert store.killed == {sha256(token): 1}


def test_a_verification_without_an_answer_is_not_finished(
    web: Web, tmp_path: Path, fresh_token: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan for some of the rules only, with issuers for others, too."""
    config = tmp_path / "config.yaml"
    config.write_text(f"issuers:\n  {BINBOI}: provider\n")
    monkeypatch.setenv("TOKENGUARD_CONFIG", str(config))
    web.answer = lambda _: Reply(reset=True)
    scan = ("scan", "stdin", "--only", KEEBAI, "--verify", "--format", "json")
    ended = run(*scan, cwd=tmp_path, stdin=fresh_token(KEEBAI).encode())
    assert ended.code == INCOMPLETE
    assert ended.report["state"] == "complete"
    assert ended.report["findings"][0]["status"] == "unverified"
    assert f"not verified: {web.url.removeprefix('http://')} did not answer" in ended.err


def test_issuers_are_read_before_anything_is_scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("issuers:\n  no-such-rule: store\n")
    monkeypatch.setenv("TOKENGUARD_CONFIG", str(config))
    ended = run("scan", "files", "--verify", cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith(f"{config}:2: issuers: there is no rule no-such-rule")


def test_an_issuer_that_is_not_configured_any_more(
    web: Web, store: SimulatedStore, tmp_path: Path, fresh_token: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = fresh_token(KEEBAI)
    store.faults = ["503"] * 20
    assert run("revoke", "--hash", sha256(token), "--yes", cwd=tmp_path).code == UNREACHED
    monkeypatch.delenv("TOKENGUARD_SERVER")
    ended = run("revoke", "--resume", cwd=tmp_path)
    assert ended.code == UNREACHED
    assert f"no issuer is called {web.url.removeprefix('http://')} here" in ended.out


def test_an_ambiguous_prefix_lists_and_kills_none(web: Web, tmp_path: Path) -> None:
    owner = {"id": "usr_1", "name": "Ada", "email": "ada@example.org"}
    records = [
        {"id": f"tok_{n}", "family": KEEBAI, "name": f"ci {n}\x1b[31m", "prefix": "kbai_pk_a1b2", "owner": owner,
         "scopes": [], "status": "active", "created_at": "2026-03-30T21:55:00Z"}
        for n in range(2)
    ]  # fmt: skip

    def answer(asked: Any) -> Reply:
        if asked.json().get("all_matching"):
            return reply({"results": [{"target_index": 0, "outcome": "revoked", "token": records[0]}]})
        assert asked.json()["targets"] == [{"prefix": "kbai_pk_a1b2", "family": KEEBAI}]
        return reply({"results": [{"target_index": 0, "outcome": "ambiguous", "candidates": records}]})

    web.answer = answer
    ended = run("revoke", "kbai_pk_a1b2", "--yes", cwd=tmp_path)
    assert ended.code == ALIVE
    assert "name one with --id, or all of them with --all-matching" in ended.out
    for n in range(2):
        assert f"tok_{n}" in ended.out
    assert "created 2026-03-30T21:55:00Z, last used never" in ended.out
    assert "\x1b" not in ended.out
    assert run("revoke", "kbai_pk_a1b2", "--all-matching", "--yes", cwd=tmp_path).code == DEAD


@pytest.mark.parametrize("name", ["text", "json", "jsonl", "sarif", "gitlab", "csv", "junit", "github", "markdown"])
def test_every_format_tells_what_became_of_it(
    name: str, web: Web, store: SimulatedStore, tmp_path: Path, fresh_token: Fresh
) -> None:
    token = fresh_token(KEEBAI)
    store.live.add(sha256(token))
    ended = run("scan", "stdin", "--revoke", "--yes", "--format", name, cwd=tmp_path, stdin=token.encode())
    assert ended.code == FOUND
    assert "revoked" in ended.out
    assert web.url.removeprefix("http://") in ended.out.replace("%3A", ":")
    assert not hidden(token).search(ended.out.replace(sha256(token), ""))


# A provider's API, which wants the value.


@pytest.fixture
def binboi() -> Binboi:
    return Binboi()


@pytest.fixture
def provider(binboi: Binboi, home: Path) -> Iterator[Web]:
    with serving(binboi) as running:
        folder = home / ".config" / "tokenguard"
        folder.mkdir(parents=True)
        entry = f"{{api: provider, url: '{running.url}'}}"
        (folder / "config.yaml").write_text(f"issuers:\n  {BINBOI}: {entry}\n")
        yield running


def test_a_value_is_read_again_from_where_it_was_found(
    provider: Web, binboi: Binboi, tmp_path: Path, home: Path
) -> None:
    token = binboi.issue(BINBOI)
    builder = RepositoryBuilder(tmp_path / "app")
    builder.commit({"conf/a.env": f"token = {token}\n"})
    builder.commit({"conf/a.env": None})
    seen = run("scan", "git", "app", "--verify", "--format", "json", "-o", "report.json", cwd=tmp_path)
    assert seen.code == FOUND
    assert json.loads((tmp_path / "report.json").read_text())["findings"][0]["status"] == "active"

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    lost = run("revoke", "--report", "../report.json", "--yes", cwd=elsewhere)
    assert lost.code == UNREACHED
    assert "pending: needs the token" in lost.out
    assert binboi.live(token)

    done = run("revoke", "--report", "../report.json", "--root", "../app", "--yes", cwd=elsewhere)
    assert (done.code, binboi.live(token)) == (DEAD, False), done.out
    assert run("revoke", "--resume", cwd=tmp_path).out == "nothing to revoke\n"
    assert token not in written(home) + done.out + done.err + lost.out
    assert all(token not in asked.path for asked in provider.asked)


@pytest.mark.usefixtures("provider")
def test_a_token_that_is_gone_stays_pending_until_it_is_given(binboi: Binboi, tmp_path: Path, home: Path) -> None:
    token = binboi.issue(BINBOI)
    leak = tmp_path / "a.env"
    leak.write_text(token)
    binboi.fault = reply({"error": "later"}, 503)
    first = run("scan", "files", "a.env", "--revoke", "--yes", cwd=tmp_path)
    assert first.code == INCOMPLETE
    assert token not in written(home)
    binboi.fault = None
    leak.unlink()
    gone = run("revoke", "--resume", cwd=home)
    assert gone.code == UNREACHED
    assert "pending: needs the token" in gone.out
    assert binboi.live(token)
    given = run("revoke", "--token-stdin", "--yes", cwd=home, stdin=token.encode())
    assert (given.code, binboi.live(token)) == (DEAD, False)
    assert run("revoke", "--resume", cwd=home).code == DEAD


@pytest.mark.usefixtures("provider")
def test_it_is_finished_from_another_folder(binboi: Binboi, tmp_path: Path, home: Path) -> None:
    token = binboi.issue(BINBOI)
    (tmp_path / "a.env").write_text(token)
    binboi.fault = reply({"error": "later"}, 503)
    assert run("scan", "files", "--revoke", "--yes", cwd=tmp_path).code == INCOMPLETE
    binboi.fault = None
    assert run("revoke", "--resume", cwd=home).code == DEAD
    assert not binboi.live(token)


@pytest.mark.usefixtures("provider")
def test_a_pushed_token_dies_in_the_hook(binboi: Binboi, tmp_path: Path) -> None:
    """What is pushed lies in a quarantine: the hook can still read it there."""
    token = binboi.issue(BINBOI)
    server = RepositoryBuilder(tmp_path / "server.git", bare=True)
    hook = server.path / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\nexec {' '.join(COMMAND)} scan receive --revoke --yes\n")
    hook.chmod(0o755)
    builder = RepositoryBuilder(tmp_path / "app")
    builder.commit({"a.env": token})
    pushed = subprocess.run(
        ["git", "push", str(server.path), "main"], cwd=builder.path, capture_output=True, text=True, check=False
    )
    assert pushed.returncode != 0
    assert "Revocations (1)" in pushed.stderr, pushed.stderr
    assert not binboi.live(token)


@pytest.mark.usefixtures("provider")
def test_what_nobody_can_finish_is_given_up_by_its_number(binboi: Binboi, tmp_path: Path, home: Path) -> None:
    for name in ("a.env", "b.env"):
        (tmp_path / name).write_text(binboi.issue(BINBOI))
    binboi.fault = reply({"error": "later"}, 503)
    assert run("scan", "files", ".", "--revoke", "--yes", cwd=tmp_path).code == INCOMPLETE
    binboi.fault = None
    for name in ("a.env", "b.env"):
        (tmp_path / name).unlink()
    pending = results(run("revoke", "--resume", "--json", cwd=home))
    numbers = [each["number"] for each in pending]
    assert f"needs the token (number {numbers[0]})" in run("revoke", "--resume", cwd=home).out
    for options, why in (
        (("--dismiss", str(numbers[0])), "--dismiss: why?"),
        (("--dismiss", "77", "--reason", "x"), "no pending revocation has the number 77; pending are: "),
        (("--dismiss", str(numbers[0]), "--dismiss", "77", "--reason", "x"), "has the number 77"),
        (("--dismiss", str(numbers[0]), "--resume", "--reason", "x"), "--resume and --dismiss"),
    ):
        refused = run("revoke", *options, cwd=home)
        assert refused.code == USAGE
        assert why in refused.message
    secret = plant.token(BINBOI)
    done = run("revoke", "--dismiss", str(numbers[0]), "--reason", f"its account is closed, {secret}", cwd=home)
    assert done.code == DEAD
    assert done.out == f"{numbers[0]}: {pending[0]['token']} at {pending[0]['issuer']}: dismissed; it may live on\n"
    assert [each["number"] for each in results(run("revoke", "--resume", "--json", cwd=home))] == numbers[1:]
    assert secret not in written(home)
    with closing(sqlite3.connect(home / ".local" / "state" / "tokenguard" / "revocations.db")) as journal:
        (outcome, note), *_ = journal.execute("SELECT outcome, note FROM revocations WHERE number = ?", numbers[:1])
    assert outcome == "dismissed"
    assert re.fullmatch(r"dismissed by \w+: its account is closed, .*…", note)
    assert run("revoke", "--dismiss", str(numbers[1]), "--reason", "likewise", "--json", cwd=home).report == {
        "dismissed": [{"number": numbers[1], "token": pending[1]["token"], "issuer": pending[1]["issuer"]}]
    }
    assert run("revoke", "--resume", cwd=home).out == "nothing to revoke\n"
