"""New secrets only: what counts as added by a commit, a range, a push, and what was there before."""

from __future__ import annotations

import base64
import gzip
import os
from typing import TYPE_CHECKING

import pytest

import plant
from git_repository import RepositoryBuilder
from proofs.damage import git_that_fails
from tokenguard.app.changes import scan_changes
from tokenguard.app.collect import Collector
from tokenguard.app.detector import Detector
from tokenguard.app.session import Session
from tokenguard.git.changes import commits, push, receive
from tokenguard.git.index_changes import staged, whole_index
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git
from tokenguard.ruleset.assemble import load_builtin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tokenguard.git.change_set import ChangeSet
    from tokenguard.model import Location

LINES = "".join(f"line {number}\n" for number in range(40))
ZERO = "0" * 40


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(load_builtin())


class Scanner:
    """Scans one repository; what it found is told by visible prefix and place."""

    def __init__(self, detector: Detector, repository: RepositoryBuilder) -> None:
        self.repository = repository
        self.git = Git(locate(repository.path))
        self._detector = detector
        self.collector = Collector(detector)

    def scan(self, changed: ChangeSet) -> list[tuple[str, str]]:
        """Visible prefix and path of every place, of this scan alone."""
        self.collector = Collector(self._detector)
        scan_changes(Session(self._detector, self.collector), self.git, changed)
        return sorted((prefix, place.path) for prefix, place in self.places())

    def places(self) -> Iterable[tuple[str, Location]]:
        return [(each.prefix, place) for each in self.collector.findings() for place in each.locations]

    def staged(self) -> list[tuple[str, str]]:
        return self.scan(staged(self.git))

    def commits(self, *ranges: str) -> list[tuple[str, str]]:
        return self.scan(commits(self.git, ranges))


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "repository")


@pytest.fixture
def scanner(detector: Detector, repository: RepositoryBuilder) -> Scanner:
    return Scanner(detector, repository)


def token() -> str:
    return plant.token(plant.BINBOI_ACCESS)


def shown(value: str, *paths: str) -> list[tuple[str, str]]:
    return sorted((plant.visible_prefix(value), path) for path in paths)


def test_a_staged_secret_in_a_new_file(repository: RepositoryBuilder, scanner: Scanner) -> None:
    repository.commit({"a": LINES})
    value = token()
    repository.add({"conf/.env": f"TOKEN={value}\n", "b": LINES})
    assert scanner.staged() == shown(value, "conf/.env")
    [(_, place)] = scanner.places()
    assert (place.source, place.line, place.column, place.end_column) == ("staged", 1, 7, 63)
    assert (place.blob, place.commit, place.author) == (repository.oid(":conf/.env"), None, None)
    assert scanner.collector.coverage().blobs == 2
    assert scanner.collector.coverage().commits == 0


def test_before_the_first_commit(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    repository.add({"a": value})
    assert scanner.staged() == shown(value, "a")


def test_an_old_secret_stays_quiet_wherever_its_line_moves(repository: RepositoryBuilder, scanner: Scanner) -> None:
    old, new = token(), token()
    repository.commit({"a": f"{old}\n{LINES}"})
    repository.add({"a": f"above\n{LINES}{old}\n"})
    assert scanner.staged() == []
    assert scanner.collector.coverage().blobs == 1
    repository.add({"a": f"{LINES}{old}\n{new}\n"})
    assert scanner.staged() == shown(new, "a")


def test_a_second_copy_in_the_same_file_is_not_new(repository: RepositoryBuilder, scanner: Scanner) -> None:
    old = token()
    repository.commit({"a": f"{old}\n"})
    repository.add({"a": f"{old}\n{old}\n"})
    assert scanner.staged() == []


def test_an_old_secret_that_is_wrapped_anew_is_not_new(repository: RepositoryBuilder, scanner: Scanner) -> None:
    old = token()
    repository.commit({"a": f"{LINES}{old}\n"})
    repository.add({"a": f"{LINES}{base64.b64encode(old.encode()).decode()}\n"})
    assert scanner.staged() == []


def test_a_copy_into_a_new_file_fires(repository: RepositoryBuilder, scanner: Scanner) -> None:
    old = token()
    repository.commit({"a": f"{old}\n{LINES}"})
    repository.add({"copy": f"{old}\n{LINES}"})
    assert scanner.staged() == shown(old, "copy")


def test_a_rename_with_an_edit(repository: RepositoryBuilder, scanner: Scanner) -> None:
    old, new = token(), token()
    repository.commit({"a": f"{old}\n{LINES}"})
    repository.add({"a": None, "b": f"{old}\n{LINES}{new}\n"})
    assert scanner.staged() == shown(new, "b")
    commit = repository.commit()
    assert scanner.commits("HEAD^!") == shown(new, "b")
    [(_, place)] = scanner.places()
    assert (place.commit, place.author, place.line) == (commit, "Test Author <test@example.org>", 42)
    assert place.date == repository.run(
        "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%ad", environ={"TZ": "UTC"}
    )


def test_changes_without_content_read_nothing(repository: RepositoryBuilder, scanner: Scanner) -> None:
    repository.commit({"a": f"{token()}\n{LINES}"})
    repository.run("mv", "a", "b")
    repository.run("update-index", "--chmod=+x", "b")
    assert scanner.staged() == []
    assert scanner.collector.coverage().blobs == 0


def test_a_symlink_can_hold_a_secret(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    repository.commit({"a": "1"})
    (repository.path / "a").unlink()
    (repository.path / "a").symlink_to(f"https://host/?token={value}")
    repository.add({})
    assert scanner.staged() == shown(value, "a")


def test_the_same_blob_at_many_paths_is_read_once(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    repository.commit({"old": value})
    repository.add({"x": f"{value}\n", "y": f"{value}\n", "old": f"{value}\n"})
    # `old` had it before, the other two did not.
    assert scanner.staged() == shown(value, "x", "y")
    assert scanner.collector.coverage().blobs == 1


def test_what_a_later_commit_removes_again_is_found(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    base = repository.commit({"a": LINES})
    adds = repository.commit({"a": f"{LINES}{value}\n"})
    repository.commit({"a": LINES})
    assert scanner.commits(f"{base}..HEAD") == shown(value, "a")
    [(_, place)] = scanner.places()
    assert place.commit == adds
    assert scanner.commits("HEAD^!") == []
    assert scanner.collector.coverage().commits == 1


def test_a_secret_counts_where_it_was_added_not_where_it_stayed(
    repository: RepositoryBuilder, scanner: Scanner
) -> None:
    value = token()
    base = repository.commit({"a": LINES})
    adds = repository.commit({"a": f"{LINES}{value}\n"})
    repository.commit({"a": f"{LINES}{value}\nmore\n"})
    scanner.commits(f"{base}..HEAD")
    assert [place.commit for _, place in scanner.places()] == [adds]
    assert scanner.commits("HEAD^!") == []


def test_merges(repository: RepositoryBuilder, scanner: Scanner) -> None:
    side, main, evil = token(), token(), token()
    repository.commit({"a": LINES})
    repository.run("checkout", "-qb", "side")
    repository.commit({"a": f"{side}\n{LINES}"})
    repository.run("checkout", "-q", "main")
    repository.commit({"a": f"{LINES}{main}\n"})
    repository.merge("side")
    # The merged file has both secrets, and each of them was in a parent.
    assert scanner.commits("HEAD^!") == []
    assert scanner.commits("HEAD^1..HEAD") == shown(side, "a")
    repository.run("reset", "-q", "--hard", "HEAD~")
    repository.merge("side", files={"a": f"{side}\n{evil}\n{LINES}{main}\n"})
    assert scanner.commits("HEAD^!") == shown(evil, "a")


def test_a_merge_under_way_adds_nothing_of_the_other_side(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value, evil = token(), token()
    repository.commit({"a": LINES})
    repository.run("checkout", "-qb", "side")
    repository.commit({"theirs": value})
    repository.run("checkout", "-q", "main")
    repository.commit({"ours": "1"})
    repository.run("merge", "-q", "--no-ff", "--no-commit", "side")
    repository.add({"ours": evil})
    assert scanner.staged() == shown(evil, "ours")


def test_messages_and_people(repository: RepositoryBuilder, scanner: Scanner) -> None:
    author, committer, message, inner, tagged, header = (token() for _ in range(6))
    base = repository.commit({"a": "1"})
    repository.run("config", "user.name", f"Author {author}")
    repository.run("commit", "-q", "--allow-empty", "-m", "plain")
    repository.run("config", "user.name", "Test Author")
    repository.run(
        *("commit", "-q", "--allow-empty", "-m", f"subject\n\nbody {message}"),
        environ={"GIT_COMMITTER_EMAIL": f"{committer}@example.org"},
    )
    raw = repository.run_raw("cat-file", "commit", "HEAD")
    odd = repository.object("commit", raw.replace(b"\n\n", f"\nx-header {header}\n\n".encode(), 1))
    repository.run("update-ref", "HEAD", odd)
    repository.run("tag", "-am", f"inner {inner}", "inner")
    repository.run("tag", "-am", f"outer {tagged}", "outer", "inner")
    found = scanner.commits(f"{base}..outer")
    assert found == sorted(
        [
            (plant.visible_prefix(author), "author"),
            (plant.visible_prefix(author), "committer"),
            (plant.visible_prefix(message), "commit message"),
            (plant.visible_prefix(committer), "committer"),
            (plant.visible_prefix(header), "commit header"),
            (plant.visible_prefix(inner), "tag message"),
            (plant.visible_prefix(tagged), "tag message"),
        ]
    )
    [place] = [place for prefix, place in scanner.places() if prefix == plant.visible_prefix(message)]
    assert (place.line, place.commit, place.blob) == (3, odd, odd)


def test_names_of_files_folders_and_refs(repository: RepositoryBuilder, scanner: Scanner) -> None:
    folder, file, ref = token(), token(), token()
    repository.commit({f"{folder}/a": "1", "x": "1"})
    repository.add({f"{folder}/a": "2"})
    assert scanner.staged() == []
    repository.add({file: "1"})
    assert scanner.staged() == shown(file, "file name")
    commit = repository.commit()
    assert scanner.commits("HEAD~..HEAD") == shown(file, "file name")
    assert [place.commit for _, place in scanner.places()] == [commit]
    line = f"refs/heads/main {commit} refs/heads/{ref} {repository.oid('HEAD~')}"
    assert scanner.scan(push(scanner.git, [line], None)) == sorted(shown(file, "file name") + shown(ref, "ref name"))
    [place] = [place for _, place in scanner.places() if place.path == "ref name"]
    assert place.ref is not None
    assert ref not in place.ref
    assert place.source == "push"


def test_wrapped_secrets(repository: RepositoryBuilder, scanner: Scanner) -> None:
    zipped, encoded = token(), token()
    repository.commit({"a": "1"})
    repository.add({"a": gzip.compress(zipped.encode()), "b": base64.b64encode(encoded.encode())})
    assert scanner.staged() == sorted(shown(zipped, "a") + shown(encoded, "b"))
    assert {place.via for _, place in scanner.places()} == {("gzip",), ("base64",)}


def test_published_samples_are_counted(repository: RepositoryBuilder, scanner: Scanner) -> None:
    sample = next(each for rule in load_builtin().rules for each in rule.samples)
    repository.commit({"a": "1"})
    repository.add({"a": sample})
    assert scanner.staged() == []
    assert scanner.collector.coverage().samples == 1


@pytest.mark.parametrize("gone", ["new", "base"])
def test_a_missing_blob_makes_it_incomplete(repository: RepositoryBuilder, scanner: Scanner, gone: str) -> None:
    old, new, other = token(), token(), token()
    repository.commit({"a": f"{old}\n", "b": "1"})
    repository.add({"a": f"{old}\n{new}\n", "b": other})
    blob = repository.oid(":a" if gone == "new" else "HEAD:a")
    (repository.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    expected = shown(other, "b") if gone == "new" else sorted(shown(other, "b") + shown(old, "a") + shown(new, "a"))
    assert scanner.staged() == expected
    [skipped] = scanner.collector.skipped()
    assert skipped.what == f"a ({blob})"
    assert "missing" in skipped.why


def test_a_corrupt_blob_makes_it_incomplete(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    repository.commit({"a": "1"})
    repository.add({"a": token(), "b": value})
    blob = repository.oid(":a")
    path = repository.path / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    assert set(scanner.staged()) >= set(shown(value, "b"))
    assert [skipped.what for skipped in scanner.collector.skipped()] == [f"a ({blob})"]


def test_a_missing_base_costs_nothing_where_there_is_no_secret(repository: RepositoryBuilder, scanner: Scanner) -> None:
    repository.commit({"a": "1\n"})
    repository.add({"a": "2\n"})
    blob = repository.oid("HEAD:a")
    (repository.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert scanner.staged() == []
    assert scanner.collector.skipped() == ()


def test_many_objects_are_sifted_with_the_same_outcome(repository: RepositoryBuilder, scanner: Scanner) -> None:
    """A stream of many objects and single reads have to agree."""
    base = repository.commit({f"{number}": f"{number}\n" for number in range(300)})
    values = {f"{number}": token() for number in (0, 150, 299)}
    old = token()
    repository.commit({"5": old})
    files = {f"{number}": f"changed {number} {values.get(str(number), '')}\n" for number in range(300)}
    repository.commit(files | {"5": f"{old} still"})
    assert scanner.commits("HEAD^!") == sorted(place for path, value in values.items() for place in shown(value, path))
    assert scanner.collector.coverage().blobs == 300
    size = sum(len(content) for path, content in files.items() if path != "5") + len(f"{old} still")
    assert scanner.collector.coverage().bytes == size + int(repository.run("cat-file", "-s", "HEAD"))
    blob = repository.oid("HEAD:7")
    (repository.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert len(scanner.commits(f"{base}..HEAD")) == 4
    assert [blob in skipped.what for skipped in scanner.collector.skipped()] == [True]


@pytest.mark.parametrize("damaged", ["gone", "nonsense"])
def test_one_of_many_blobs_that_cannot_be_read(repository: RepositoryBuilder, scanner: Scanner, damaged: str) -> None:
    """Some damage makes git end at the object, whatever else it was asked for."""
    repository.commit({"base": "1"})
    values = {str(number): token() for number in range(300)}
    repository.commit(values)
    blob = repository.oid("HEAD:7")
    path = repository.path / ".git/objects" / blob[:2] / blob[2:]
    data = bytearray(path.read_bytes())
    data[2] ^= 0x20
    path.unlink()
    if damaged == "nonsense":
        path.write_bytes(data)
    assert len(scanner.commits("HEAD^!")) == 299
    assert [blob in skipped.what for skipped in scanner.collector.skipped()] == [True]


def test_a_git_that_dies_is_told(
    repository: RepositoryBuilder, scanner: Scanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({str(number): f"{number}" for number in range(300)})
    monkeypatch.setenv("PATH", git_that_fails(tmp_path / "bin", "--buffer --batch-check", "exit 0", once=False))
    scanner.git = Git(locate(repository.path))
    assert scanner.commits("HEAD") == []
    assert [skipped.what for skipped in scanner.collector.skipped()] == ["blobs of the change"]


def test_many_commits(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    parent = repository.commit({"a": "1"})
    tree = repository.oid("HEAD^{tree}")
    for number in range(250):
        message = f"commit {number} {value if number == 77 else ''}"
        parent = repository.run("commit-tree", "-p", parent, "-m", message, tree)
    assert scanner.commits(parent) == shown(value, "commit message")
    assert scanner.collector.coverage().commits == 251


def test_whole_index(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    repository.commit({"a": value, "b": "1"})
    assert scanner.staged() == []
    assert scanner.scan(whole_index(scanner.git)) == shown(value, "a")
    assert scanner.collector.coverage().blobs == 2


def test_what_was_not_walked_is_told(repository: RepositoryBuilder, scanner: Scanner) -> None:
    repository.commit({"a": "1"})
    assert scanner.commits(f"{'ab' * 20}..HEAD") == []
    assert "fetch-depth: 0" in scanner.collector.skipped()[0].why


def allowed(value: str) -> str:
    return f"# tokenguard:allow {plant.BINBOI_ACCESS} a test account\n{value}\n"


def standing(scanner: Scanner) -> dict[str, bool]:
    """By path: whether the allowance of what was found there stood before the change."""
    return {place.path: allowance.standing for (_, place), allowance in scanner.collector.inline().items()}


def test_an_allowance_is_known_to_be_of_the_change_or_to_stand(repository: RepositoryBuilder, scanner: Scanner) -> None:
    repository.commit({"old": allowed(token()) + LINES, "plain": LINES})
    repository.add({"old": allowed(token()) + LINES, "plain": allowed(token()) + LINES, "new": allowed(token())})
    scanner.staged()
    assert standing(scanner) == {"old": True, "plain": False, "new": False}


def test_an_allowance_that_the_range_put_beside_an_old_secret_does_not_stand(
    repository: RepositoryBuilder, scanner: Scanner
) -> None:
    """Else two commits allow a leak in silence: one adds the allowance, the next one replaces what it covers."""
    old = token()
    base = repository.commit({"a": f"{old}\n"})
    repository.commit({"a": allowed(old)})
    new = token()
    repository.commit({"a": allowed(new)})
    assert scanner.commits(f"{base}..HEAD") == shown(new, "a")
    assert standing(scanner) == {"a": False}


def test_what_another_branch_allows_does_not_stand_in_what_is_received(
    repository: RepositoryBuilder, scanner: Scanner
) -> None:
    """The default branch decides: a first push could bring the allowance, and a second one what it is to cover."""
    old = token()
    repository.commit({"a": f"{old}\n"})
    repository.run("checkout", "-qb", "topic")
    first = repository.commit({"a": allowed(old)})
    repository.run("checkout", "-q", "--detach")
    new = token()
    second = repository.commit({"a": allowed(new)})
    repository.run("checkout", "-q", "main")
    assert scanner.scan(receive(scanner.git, (f"{first} {second} refs/heads/topic",))) == shown(new, "a")
    assert standing(scanner) == {"a": False}


def test_in_the_whole_index_what_is_committed_stands(repository: RepositoryBuilder, scanner: Scanner) -> None:
    repository.commit({b"a": allowed(token()), b"caf\xe9": allowed(token()), b"a\nb": allowed(token())})
    scanner.scan(whole_index(scanner.git))
    # Git cannot be asked for a name with a line feed: then nothing is known to have stood there.
    assert standing(scanner) == {"a": True, os.fsdecode(b"caf\xe9"): True, "a\nb": False}


def test_sha256(detector: Detector, tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "sha256", object_format="sha256")
    old, new = token(), token()
    repository.commit({"a": f"{old}\n"})
    repository.commit({"a": f"{old}\n{new}\n"})
    assert Scanner(detector, repository).commits("HEAD~..HEAD") == shown(new, "a")


def test_no_secret_reaches_a_skipped_entry(repository: RepositoryBuilder, scanner: Scanner) -> None:
    value = token()
    repository.commit({"a": "1"})
    repository.add({f"dir/{value}": "x"})
    blob = repository.oid(f":dir/{value}")
    (repository.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    scanner.staged()
    assert value not in repr((scanner.collector.skipped(), scanner.collector.findings()))
