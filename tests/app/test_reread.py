"""A location gives its secret again, whatever it is wrapped in; and nothing where the token is gone."""

from __future__ import annotations

import base64
import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from git_repository import RepositoryBuilder
from tokenguard.api import scan_bytes, scan_paths, scan_repository
from tokenguard.app.perform import perform
from tokenguard.app.reread import Rereader
from tokenguard.app.shell import scan_shell
from tokenguard.app.sight import of_user
from tokenguard.config.settings import Settings
from tokenguard.model import Finding, Location, Report
from tokenguard.ruleset.assemble import load_builtin

KEEBAI = "keebai-api-key"

Fresh = Callable[[str], str]


@pytest.fixture
def rereader() -> Rereader:
    return Rereader(load_builtin(), os.environ)


def again(rereader: Rereader, finding: Finding, root: Path, places: tuple[Location, ...] | None = None) -> str | None:
    chosen = finding.locations if places is None else places
    secret = rereader.secret(finding.fingerprint, finding.token_sha256, str(root), chosen)
    return None if secret is None else secret.reveal().decode()


def each_place(rereader: Rereader, report: Report, root: Path) -> dict[tuple[str, str], str | None]:
    """What every single place of every finding gives."""
    return {
        (place.path, " ".join(place.via)): again(rereader, finding, root, (place,))
        for finding in report.findings
        for place in finding.locations
    }


def zipped(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("conf/a.env", text)
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("inner.zip")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


WRAPPED: dict[str, Callable[[str], bytes]] = {
    "plain": lambda token: f"key = {token}\n".encode(),
    "base64": lambda token: base64.b64encode(f"key={token}".encode()),
    "utf-16": lambda token: f"key={token}".encode("utf-16"),
    "gzip": lambda token: gzip.compress(token.encode()),
    "zip": zipped,
    "tar.gz of zip": lambda token: tarred(zipped(base64.b64encode(token.encode()).decode())),
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_a_file(
    wrapping: str, tmp_path: Path, fresh_token: Fresh, rereader: Rereader, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = fresh_token(KEEBAI)
    monkeypatch.chdir(tmp_path)
    Path("a.bin").write_bytes(WRAPPED[wrapping](token))
    (finding,) = scan_paths(".").findings
    monkeypatch.chdir("/")  # wherever the process stands by then
    assert again(rereader, finding, tmp_path) == token


def test_the_one_of_many_that_is_meant(tmp_path: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    tokens = {fresh_token(KEEBAI) for _ in range(30)}
    (tmp_path / "a").write_text("\n".join(tokens))
    findings = scan_paths(tmp_path).findings
    assert {again(rereader, finding, Path("/")) for finding in findings} == tokens


def test_a_link_and_a_name(tmp_path: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    linked, named = fresh_token(KEEBAI), fresh_token(KEEBAI)
    (tmp_path / "link").symlink_to(f"/nowhere/{linked}")
    (tmp_path / f"x-{named}.txt").write_text("")
    found = each_place(rereader, scan_paths(tmp_path), Path("/"))
    assert set(found.values()) == {linked, named}


def test_a_token_that_is_gone(tmp_path: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    path = tmp_path / "a"
    path.write_text(fresh_token(KEEBAI))
    (finding,) = scan_paths(tmp_path).findings
    path.write_text(fresh_token(KEEBAI))
    assert again(rereader, finding, tmp_path) is None
    path.unlink()
    assert again(rereader, finding, tmp_path) is None
    os.mkfifo(path)
    assert again(rereader, finding, tmp_path) is None


def test_a_place_that_is_gone_leaves_the_others(tmp_path: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    token = fresh_token(KEEBAI)
    for name in "ab":
        (tmp_path / name).write_text(token)
    (finding,) = scan_paths(tmp_path).findings
    (tmp_path / "a").unlink()
    assert again(rereader, finding, tmp_path) == token


def test_a_hash_that_does_not_fit(tmp_path: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    (tmp_path / "a").write_text(fresh_token(KEEBAI))
    (finding,) = scan_paths(tmp_path).findings
    assert rereader.secret(finding.fingerprint, "0" * 64, "/", finding.locations) is None


def test_what_can_be_read_only_once(fresh_token: Fresh, rereader: Rereader, tmp_path: Path) -> None:
    (finding,) = scan_bytes(fresh_token(KEEBAI).encode()).findings
    assert again(rereader, finding, tmp_path) is None


def test_every_place_of_a_repository(tmp_path: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    """Objects that nothing reaches, messages, people, tags, refs, names, git's own files, repositories inside."""
    tokens = [fresh_token(KEEBAI) for _ in range(9)]
    builder = RepositoryBuilder(tmp_path / "top")
    builder.commit({"a.env": tokens[0].encode(), "deep/er/b.zip": zipped(tokens[1])})
    builder.commit({"a.env": None, "deep/er/b.zip": None}, f"message {tokens[2]}")
    builder.run("tag", "-a", "-m", f"tag {tokens[3]}", "v1")
    builder.run("branch", f"branch-{tokens[4]}")
    builder.object("blob", tokens[5].encode())
    (builder.path / ".git" / "description").write_text(tokens[6])
    inner = RepositoryBuilder(builder.path / "inner" / "one")
    inner.commit({"c.env": tokens[7]})
    inner.commit({"c.env": None, f"n-{tokens[8]}/d": "x"})
    report = scan_repository(builder.path)
    found = each_place(rereader, report, builder.path)
    # The names in an index are told without the repository that it belongs to; an object holds each of them, too.
    assert {place for place, token in found.items() if token is None} <= {("file name", "")}
    by_finding = {again(rereader, finding, builder.path) for finding in report.findings}
    assert by_finding == set(tokens)


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_bare_repository(object_format: str, tmp_path: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    token = fresh_token(KEEBAI)
    bare = RepositoryBuilder(tmp_path / "bare.git", object_format=object_format, bare=True)
    bare.object("blob", token.encode())
    (finding,) = scan_repository(bare.path).findings
    assert again(rereader, finding, bare.path) == token


def test_a_shell_history(home: Path, fresh_token: Fresh, rereader: Rereader) -> None:
    """Also one whose shell writes it encoded: zsh doubles some bytes, fish escapes line feeds."""
    tokens = [fresh_token(KEEBAI) for _ in range(2)]
    (home / ".zsh_history").write_bytes(f": 1790000000:0;export KEY='é{tokens[0]}'\n".encode())
    fish = home / ".local" / "share" / "fish"
    fish.mkdir(parents=True)
    (fish / "fish_history").write_text(f"- cmd: echo a\\n{tokens[1]}\n  when: 1790000000\n")
    report = perform(
        of_user(os.environ), Settings(jobs=1), load_builtin(), lambda session: scan_shell(session, home, os.environ)
    ).report
    found = each_place(rereader, report, Path("/nowhere"))
    assert set(found.values()) == set(tokens)


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "\0", "a\nb", "/dev/zero", "x" * 100_000, "", ".git/../.git/config"]
)
def test_a_hostile_path_is_no_place(path: str, tmp_path: Path, rereader: Rereader) -> None:
    for source in ("files", "git", "shell", "?"):
        for blob in (None, "--help", "0" * 40):
            place = Location(source, path, 1, 1, 1, 2, blob=blob, commit="--output=x")
            assert rereader.secret("0" * 32, None, str(tmp_path), (place,)) is None
    assert list(tmp_path.iterdir()) == []
