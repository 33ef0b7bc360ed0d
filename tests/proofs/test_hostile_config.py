"""Git's settings, of a scanned repository and of the user, change no result, run no program and fetch nothing.

Every program named in a setting leaves a canary behind. What is found is compared, place by place, with what is
found without the setting.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import plant
from git_repository import RepositoryBuilder
from proofs.scanning import tokenguard

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

_ZERO = "0" * 40
_HOOKS = (
    "post-index-change", "reference-transaction", "post-checkout", "pre-commit", "pre-push", "pre-receive", "update",
    "post-update", "post-rewrite", "fsmonitor-watchman", "pre-auto-gc", "sendemail-validate", "proc-receive",
)  # fmt: skip

# `{run}` is a program that leaves a canary, `{hooks}` a folder full of them.
RUNS = {
    "core.pager": "{run}",
    "pager.cat-file": "{run}",
    "pager.rev-list": "{run}",
    "pager.diff-tree": "{run}",
    "pager.for-each-ref": "{run}",
    "core.fsmonitor": "{run}",
    "core.fsmonitorHookVersion": "2",
    "core.hooksPath": "{hooks}",
    "core.sshCommand": "{run}",
    "core.gitProxy": "{run}",
    "core.askPass": "{run}",
    "core.editor": "{run}",
    "core.alternateRefsCommand": "{run}",
    "sequence.editor": "{run}",
    "credential.helper": "!{run}",
    "diff.external": "{run}",
    "diff.evil.command": "{run}",
    "diff.evil.textconv": "{run}",
    "diff.evil.cachetextconv": "true",
    "interactive.diffFilter": "{run}",
    "filter.evil.clean": "{run}",
    "filter.evil.smudge": "{run}",
    "filter.evil.process": "{run}",
    "filter.evil.required": "true",
    "merge.evil.driver": "{run}",
    "gpg.program": "{run}",
    "gpg.ssh.program": "{run}",
    "gpg.x509.program": "{run}",
    "log.showSignature": "true",
    "uploadpack.packObjectsHook": "{run}",
    "alias.cat-file": "!{run}",
    "alias.rev-list": "!{run}",
    "alias.diff-index": "!{run}",
    "alias.tokenguard": "!{run}",
    "submodule.evil.url": "ext::{run} %S",
    "submodule.evil.update": "!{run}",
    "submodule.recurse": "true",
    "fetch.recurseSubmodules": "true",
    "protocol.allow": "always",
    "protocol.ext.allow": "always",
    "remote.evil.url": "ext::{run} %S",
    "remote.evil.promisor": "true",
    "remote.evil.uploadpack": "{run}",
    "remote.evil.vcs": "evil",
    "branch.main.remote": "evil",
    "url.ext::{run} .insteadOf": "https://",
    "trace2.eventTarget": "{canary}",
    "trace2.normalTarget": "{canary}",
    "trace2.perfTarget": "{canary}",
}

CHANGES = {
    "color.ui": "always",
    "color.diff": "always",
    "color.branch": "always",
    "column.ui": "always",
    "core.quotePath": "true",
    "core.abbrev": "4",
    "core.ignoreCase": "true",
    "core.precomposeUnicode": "true",
    "core.autocrlf": "true",
    "core.eol": "crlf",
    "core.attributesFile": "{attributes}",
    "core.excludesFile": "{everything}",
    "core.commitGraph": "true",
    "core.multiPackIndex": "true",
    "core.bigFileThreshold": "1",
    "core.packedGitWindowSize": "4096",
    "core.packedGitLimit": "8192",
    "core.sparseCheckout": "true",
    "core.sparseCheckoutCone": "true",
    "core.untrackedCache": "true",
    "core.useReplaceRefs": "true",
    "core.notesRef": "refs/notes/elsewhere",
    "core.warnAmbiguousRefs": "true",
    "core.logAllRefUpdates": "always",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.relative": "true",
    "diff.renames": "false",
    "diff.renameLimit": "1",
    "diff.orderFile": "{everything}",
    "diff.ignoreSubmodules": "all",
    "diff.submodule": "log",
    "diff.suppressBlankEmpty": "true",
    "diff.wordRegex": ".",
    "diff.context": "0",
    "diff.algorithm": "patience",
    "diff.colorMoved": "zebra",
    "diff.dirstat": "lines",
    "diff.statGraphWidth": "1",
    "format.pretty": "oneline",
    "i18n.logOutputEncoding": "UTF-16",
    "i18n.commitEncoding": "UTF-16",
    "index.sparse": "true",
    "log.date": "relative",
    "log.decorate": "full",
    "log.follow": "true",
    "log.mailmap": "true",
    "log.showRoot": "false",
    "log.abbrevCommit": "true",
    "log.diffMerges": "off",
    "log.excludeDecoration": "*",
    "log.initialDecorationSet": "all",
    "mailmap.file": "{mailmap}",
    "pack.useSparse": "true",
    "rev-list.useBitmapIndex": "true",
    "pack.allowPackReuse": "true",
    "safe.directory": "",
    "safe.bareRepository": "explicit",
    "status.relativePaths": "true",
    "transfer.hideRefs": "refs/heads",
    "uploadpack.hideRefs": "refs",
    "fsck.skipList": "{everything}",
    "fsck.missingEmail": "ignore",
    "feature.experimental": "true",
    "tag.sort": "-version:refname",
    "versionsort.suffix": "-",
}

ENVIRONMENT = {
    "GIT_DIR": "{nowhere}",
    "GIT_WORK_TREE": "{nowhere}",
    "GIT_INDEX_FILE": "{nowhere}/index",
    "GIT_OBJECT_DIRECTORY": "{nowhere}",
    "GIT_COMMON_DIR": "{nowhere}",
    "GIT_NAMESPACE": "other",
    "GIT_EXTERNAL_DIFF": "{run}",
    "GIT_PAGER": "{run}",
    "PAGER": "{run}",
    "GIT_EDITOR": "{run}",
    "GIT_ASKPASS": "{run}",
    "SSH_ASKPASS": "{run}",
    "GIT_SSH": "{run}",
    "GIT_SSH_COMMAND": "{run}",
    "GIT_PROXY_COMMAND": "{run}",
    "GIT_EXEC_PATH": "{hooks}",
    "GIT_TRACE": "{canary}",
    "GIT_TRACE2": "{canary}",
    "GIT_TRACE2_EVENT": "{canary}",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.pager",
    "GIT_CONFIG_VALUE_0": "{run}",
    "GIT_CONFIG_KEY_1": "diff.external",
    "GIT_CONFIG_VALUE_1": "{run}",
    "GIT_CONFIG_PARAMETERS": "'core.fsmonitor'='{run}'",
    "GIT_REPLACE_REF_BASE": "refs/heads",
    "GIT_GRAFT_FILE": "{everything}",
    "GIT_SHALLOW_FILE": "{everything}",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_ATTR_SOURCE": "HEAD",
    "GIT_CEILING_DIRECTORIES": "/",
    "GIT_DIFF_OPTS": "-u0",
    "GIT_ALLOW_PROTOCOL": "ext:file",
    "GIT_NO_LAZY_FETCH": "0",
    "GIT_NO_REPLACE_OBJECTS": "",
    "GIT_FLUSH": "1",
    "GIT_TEST_SPLIT_INDEX": "1",
}
"""Of what a hook is told the ones that belong to another repository: no command but a hook's own heeds them."""


@dataclass(frozen=True)
class Bait:
    """A repository with something for every command to find, and the traps that settings can name."""

    made: RepositoryBuilder
    base: str
    head: str
    server: Path
    """Where the commits are pushed to."""
    traps: Path

    @property
    def canary(self) -> Path:
        """What every program leaves behind that is run."""
        return self.traps / "canary"

    def fill(self, text: str) -> str:
        """The places that a setting names."""
        places = ("run", "hooks", "canary", "attributes", "everything", "mailmap", "nowhere")
        return text.format_map({name: str(self.traps / name) for name in places})

    def set(self, settings: Mapping[str, str], *where: str) -> None:
        """Put settings into git's configuration; the canary of whatever that itself runs is removed."""
        for name, value in settings.items():
            self.made.run("config", *where, self.fill(name), self.fill(value))
        config = (self.made.path / ".git/config").read_text()
        (self.server / "config").write_text(config.replace("bare = false", "bare = true"))
        self.canary.unlink(missing_ok=True)

    def scan(
        self, command: str, environ: Mapping[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """One of the commands that run git, as a user or a hook would."""
        arguments, stdin = {
            "git": (["git", "."], ""),
            "staged": (["staged"], ""),
            "commits": (["commits", f"{self.base}..{self.head}"], ""),
            "push": (["push"], f"refs/heads/main {self.head} refs/heads/main {self.base}\n"),
            "receive": (["receive"], f"{_ZERO} {self.head} refs/heads/new\n"),
        }[command]
        # A repository that the push has not reached yet, as pre-receive sees it: with the new objects beside it.
        arrived = {
            "GIT_DIR": str(self.server),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.made.path / ".git/objects"),
        }
        given = {**(environ or {}), **(arrived if command == "receive" else {})}
        options = ("--format", "json", "--no-cache")
        return tokenguard(
            "scan", *arguments, *options, cwd=self.made.path, stdin=stdin.encode(), environ=given, timeout=timeout
        )

    def found(self, command: str, environ: Mapping[str, str] | None = None) -> list[Any]:
        """All places of all findings, but for those in git's own files, which a setting is part of."""
        done = self.scan(command, environ)
        assert done.returncode == 1, done.stderr
        report = json.loads(done.stdout)
        assert report["state"] == "complete"
        places = [
            (finding["fingerprint"], *(str(value) for value in place.values()))
            for finding in report["findings"]
            for place in finding["locations"]
            if not place["path"].startswith(".git")
        ]
        assert places
        assert not self.canary.exists(), f"{command}: {self.canary.read_text()}"
        return sorted(places)


COMMANDS = ("git", "staged", "commits", "push", "receive")


@pytest.fixture
def bait(tmp_path: Path) -> Bait:
    traps = tmp_path / "traps"
    (traps / "hooks").mkdir(parents=True)
    (traps / "nowhere").mkdir()
    for program in ("run", *(f"hooks/{name}" for name in _HOOKS), "hooks/git-remote-ext", "hooks/git-remote-evil"):
        (traps / program).write_text(f'#!/bin/sh\necho "$0 $*" >>{traps}/canary\ncat\n')
        (traps / program).chmod(0o755)
    attributes = "* diff=evil filter=evil merge=evil text eol=crlf working-tree-encoding=UTF-16 ident\n"
    (traps / "attributes").write_text(attributes)
    (traps / "everything").write_text("*\n")
    (traps / "mailmap").write_text("Somebody Else <else@example.org> <test@example.org>\n")
    made = RepositoryBuilder(tmp_path / "bait")
    made.commit({"old": plant.token(plant.KEEBAI), "moved": "one\n" * 50, "sub/deep": "1\n"}, "root")
    base = made.commit({"old": "clean\n"}, "base")
    made.run("checkout", "-q", "-b", "side", "HEAD~1")
    made.commit({"caf\xe9/\u20ac": f"{plant.token(plant.BINBOI_ACCESS)}\n"}, f"side {plant.token(plant.BINBOI_LIVE)}")
    made.run("checkout", "-q", "main")
    made.merge("side", files={"evil": plant.token(plant.KEEBAI)})
    made.run("mv", "moved", "sub/renamed")
    head = made.commit({"sub/renamed": "one\n" * 49 + plant.token(plant.BINBOI_ACCESS)}, "renamed, with one more")
    made.run("tag", "-a", "v1", "-m", plant.token(plant.BINBOI_LIVE))
    os.symlink("old", made.path / "link")
    mailmap = (traps / "mailmap").read_text()
    made.add({".mailmap": mailmap, "staged": plant.token(plant.KEEBAI)})
    # Beside git: these attributes would have it convert every file.
    made.write(".gitattributes", attributes)
    made.run(
        "update-index", "--add", "--cacheinfo", f"100644,{made.object('blob', attributes.encode())},.gitattributes"
    )
    server = RepositoryBuilder(tmp_path / "server", bare=True)
    return Bait(made, base, head, server.path, traps)


@pytest.mark.parametrize("where", ["--local", "--global"])
@pytest.mark.parametrize("settings", [RUNS, CHANGES], ids=["programs", "results"])
def test_settings(bait: Bait, settings: dict[str, str], where: str) -> None:
    before = {command: bait.found(command) for command in COMMANDS}
    bait.set(settings, where)
    assert {command: bait.found(command) for command in COMMANDS} == before


def test_the_environment(bait: Bait) -> None:
    before = {command: bait.found(command) for command in COMMANDS}
    environ = {name: bait.fill(value) for name, value in ENVIRONMENT.items()}
    assert {command: bait.found(command, environ) for command in COMMANDS[:3]} == {
        command: before[command] for command in COMMANDS[:3]
    }
    foreign = {name: value for name, value in environ.items() if not name.endswith(("_DIR", "_FILE", "_DIRECTORY"))}
    assert bait.found("receive", foreign) == before["receive"]


def test_the_worktree_is_where_the_repository_lies(bait: Bait) -> None:
    before = {command: bait.found(command) for command in COMMANDS[:4]}
    for settings in ({"core.worktree": "/"}, {"core.worktree": "{nowhere}"}):
        bait.set(settings)
        assert {command: bait.found(command) for command in COMMANDS[:4]} == before
    (bait.made.path / ".git/config").write_text("[core]\n\tbare = true\n\trepositoryformatversion = 0\n")
    assert {command: bait.found(command) for command in COMMANDS[:4]} == before


def test_settings_that_are_included(bait: Bait) -> None:
    before = {command: bait.found(command) for command in COMMANDS}
    more = bait.traps / "more"
    more.write_text(bait.fill("[diff]\n\texternal = {run}\n[core]\n\tfsmonitor = {run}\n[include]\n\tpath = other\n"))
    (bait.traps / "other").write_text(bait.fill("[core]\n\tpager = {run}\n[color]\n\tui = always\n"))
    bait.set({"include.path": str(more), "includeIf.gitdir:/.path": str(more), "extensions.worktreeConfig": "true"})
    (bait.made.path / ".git/config.worktree").write_text(more.read_text())
    assert {command: bait.found(command) for command in COMMANDS} == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_that_is_included_ends_the_scan(bait: Bait, command: str) -> None:
    """Git would read it for ever."""
    os.mkfifo(bait.traps / "pipe")
    with (bait.made.path / ".git/config").open("a") as config:
        config.write(f"[include]\n\tpath = {bait.traps / 'pipe'}\n")
    shutil.copy(bait.made.path / ".git/config", bait.server / "config")
    done = bait.scan(command, timeout=45)
    assert done.returncode == 3
    assert b"configuration" in done.stderr


@pytest.mark.parametrize(
    "path", ["config", "HEAD", "index", "packed-refs", "refs/heads/x", "logs/refs/heads/main", "commondir", "shallow"]
)
def test_a_pipe_among_gits_files_ends_the_scan(bait: Bait, path: str) -> None:
    pipe = bait.made.path / ".git" / path
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    for command in COMMANDS[:4]:
        assert bait.scan(command, timeout=45).returncode in (2, 3)


@pytest.mark.parametrize("path", ["objects/ab/cdef", "objects/pack/pack-1.idx", "objects/info/alternates"])
def test_a_pipe_among_objects_ends_the_scan(bait: Bait, path: str) -> None:
    pipe = bait.made.path / ".git" / path
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)
    assert bait.scan("git", timeout=45).returncode == 3


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_a_repository_of_somebody_else(bait: Bait) -> None:
    before = {command: bait.found(command) for command in COMMANDS}
    for top in (bait.made.path, bait.server):
        for folder, _, files in os.walk(top):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                os.chown(path, 12345, 12345, follow_symlinks=False)
    assert {command: bait.found(command) for command in COMMANDS} == before


def test_replaced_and_grafted_history(bait: Bait) -> None:
    """What git shows instead of an object is not what is in the repository."""
    made = bait.made
    before = {command: bait.found(command) for command in ("git", "commits", "push")}
    harmless = made.object("blob", b"harmless\n")
    tree = made.run("mktree", stdin=f"100644 blob {harmless}\tfile\n".encode())
    commit = made.run("commit-tree", "-m", "harmless", tree)
    for revision, other in (
        (f"{bait.head}:sub/renamed", harmless),
        (f"{bait.head}~1:evil", harmless),
        (bait.head, commit),
    ):
        made.run("update-ref", f"refs/replace/{made.oid(revision)}", other)
    (made.path / ".git/info").mkdir(exist_ok=True)
    (made.path / ".git/info/grafts").write_text(f"{bait.head}\n")
    assert {command: bait.found(command) for command in before} == before


def test_a_history_said_to_be_shallow_is_not_believed_to_be_whole(bait: Bait) -> None:
    (bait.made.path / ".git/shallow").write_text(f"{bait.head}\n")
    assert bait.scan("git").returncode == 3
    assert bait.scan("commits").returncode == 3


def test_nothing_is_written_into_the_repository(bait: Bait) -> None:
    def state() -> dict[str, tuple[int, int]]:
        paths = (os.path.join(folder, name) for folder, _, files in os.walk(bait.made.path) for name in files)
        return {path: (os.lstat(path).st_mtime_ns, os.lstat(path).st_size) for path in paths}

    before = state()
    os.utime(bait.made.path / "old", (1, 1))  # an index that is not fresh tempts git to write it anew
    before[str(bait.made.path / "old")] = state()[str(bait.made.path / "old")]
    for command in COMMANDS:
        bait.found(command)
    assert state() == before
