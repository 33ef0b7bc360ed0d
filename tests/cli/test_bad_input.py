"""Everything that can be wrong with what tokenguard is given: one clear line, the right exit code, nothing lost."""

from __future__ import annotations

import gzip
import io
import os
import secrets
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, COMMAND, FOUND, INCOMPLETE, USAGE, Ended, assert_hidden, found, run
from git_repository import RepositoryBuilder

AS_GIT_NAMES_THEM = "; give commits as git names them, such as main..HEAD"


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, str]:
    """A folder with one planted file, and its token."""
    folder, token = tmp_path / "tree", plant.token(plant.KEEBAI)
    folder.mkdir()
    (folder / "a.env").write_text(f"KEY={token}\n")
    return folder, token


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    """A clean repository of two commits."""
    made = RepositoryBuilder(tmp_path / "repository")
    made.commit({"a.txt": "one\n"})
    made.commit({"a.txt": "two\n"})
    return made


def assert_found(ended: Ended, token: str) -> None:
    """The report on standard output has the planted token, and does not show it."""
    assert (plant.KEEBAI, plant.visible_prefix(token)) in found(ended.report)
    assert_hidden(token, ended)


# Paths


@pytest.mark.parametrize("name", ["missing", "a.env/missing", "", "missing\nname"])
def test_a_path_that_does_not_exist(tree: tuple[Path, str], name: str) -> None:
    ended = run("scan", "files", "a.env", name, cwd=tree[0])
    assert (ended.code, ended.out) == (USAGE, "")
    assert "no such file or folder; correct the path; nothing was scanned" in ended.message
    assert name.replace("\n", "\\n") in ended.message


def test_a_link_to_nothing_is_not_read(tree: tuple[Path, str]) -> None:
    (tree[0] / "link").symlink_to("nowhere")
    ended = run("scan", "files", "link", "a.env", "--format", "json", cwd=tree[0])
    assert (ended.code, ended.message) == (INCOMPLETE, "incomplete: link: no such file or directory")
    assert_found(ended, tree[1])


@pytest.mark.parametrize(
    "command",
    [
        "scan git",
        "scan staged",
        "scan commits main..HEAD",
        "scan push",
        "scan receive",
        "baseline create",
        "hook install",
        "hook status",
        "hook run pre-commit",
    ],
)
def test_a_folder_that_is_no_repository(tree: tuple[Path, str], command: str) -> None:
    ended = run(*command.split(), cwd=tree[0])
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith(".: not a git repository (nor any of its parent folders); ")


def test_a_repository_that_does_not_exist(tmp_path: Path) -> None:
    ended = run("scan", "git", "missing", cwd=tmp_path)
    assert ended.code == USAGE
    assert ended.message == "missing: no such file or folder; give the path of a git repository"


def unprivileged() -> Sequence[str]:
    """A program that starts another one which may read only what permissions allow."""
    if os.getuid():
        return ()
    without = "-dac_override,-dac_read_search"
    command = ("setpriv", f"--inh-caps={without}", f"--bounding-set={without}")
    if shutil.which("setpriv") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("root may read everything, and setpriv cannot take that away here")
    return command


def test_an_unreadable_file(tree: tuple[Path, str]) -> None:
    folder, token = tree
    (folder / "locked").mkdir()
    for path in (folder / "secret.env", folder / "locked" / "b.env"):
        path.write_text(plant.token(plant.KEEBAI))
    (folder / "secret.env").chmod(0)
    (folder / "locked").chmod(0)
    try:
        ended = run("scan", "files", "--format", "json", cwd=folder, before=unprivileged())
    finally:
        (folder / "locked").chmod(0o755)
    assert ended.code == INCOMPLETE
    assert ended.message == "incomplete: locked: permission denied (and 1 more, see the report)"
    assert ended.report["skipped"] == [
        {"what": "locked", "why": "permission denied"},
        {"what": "secret.env", "why": "permission denied"},
    ]
    assert_found(ended, token)


def test_an_unreadable_file_is_told_beside_a_report_in_a_file(tree: tuple[Path, str]) -> None:
    (tree[0] / "secret.env").touch(mode=0)
    ended = run("scan", "files", "-o", "../report.txt", cwd=tree[0], before=unprivileged())
    assert (ended.code, ended.out) == (INCOMPLETE, "")
    assert ended.message == "incomplete: secret.env: permission denied"


# Archives


def zipped(content: str) -> bytes:
    """A zip with one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.env", content)
    return file.getvalue()


@pytest.mark.parametrize("name", ["cut.zip", "cut.gz", "spoiled.gz"])
def test_a_broken_archive(tree: tuple[Path, str], name: str) -> None:
    content = "x = 1\n" + os.urandom(3000).hex()
    packed = zipped(content) if name.endswith("zip") else gzip.compress(content.encode())
    broken = packed[: len(packed) // 2] if name.startswith("cut") else packed[:-8] + bytes(8)
    (tree[0] / name).write_bytes(broken)
    ended = run("scan", "files", "--format", "json", cwd=tree[0])
    assert ended.code == INCOMPLETE
    assert ended.message.startswith(f"incomplete: {name}")
    assert {each["what"].partition("!")[0] for each in ended.report["skipped"]} == {name}
    assert_found(ended, tree[1])


# Rules and configuration


def test_an_unknown_rule(tree: tuple[Path, str]) -> None:
    ended = run("scan", "files", "--only", "keebai-api-keys", cwd=tree[0])
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == "no rule is called 'keebai-api-keys'; did you mean keebai-api-key?"


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("a(b", "the pattern cannot be used: missing ), unterminated subpattern at position 1"),
        ("ab*", "the pattern has no longest match; bound its repeats (+ to {1,99}) or add 'max_length'"),
        ("a{,9}", "the pattern matches the empty text"),
    ],
)
def test_a_bad_regex(tree: tuple[Path, str], pattern: str, fault: str) -> None:
    rules = tree[0] / "own.yaml"
    rules.write_text(f"rules:\n  - id: own\n    title: Own\n    severity: low\n    pattern: '{pattern}'\n")
    ended = run("scan", "files", "--rules", "own.yaml", cwd=tree[0])
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == f"own.yaml:5: {fault}"


def test_rules_that_do_not_exist(tree: tuple[Path, str]) -> None:
    ended = run("scan", "files", "--rules", "missing.yaml", cwd=tree[0])
    assert (ended.code, ended.message) == (USAGE, "missing.yaml: no such file; correct the path of the rules")


def test_an_unknown_configuration_key(tree: tuple[Path, str], home: Path) -> None:
    (tree[0] / ".tokenguard.yaml").write_text("# ours\nignroe: []\n")
    ended = run("scan", "files", cwd=tree[0])
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == ".tokenguard.yaml:2: unknown key 'ignroe'; did you mean ignore?"
    (tree[0] / ".tokenguard.yaml").unlink()
    own = home / ".config" / "tokenguard" / "config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("fail-on: high\n")
    ended = run("scan", "files", cwd=tree[0])
    assert (ended.code, ended.message) == (USAGE, f"{own}:1: unknown key 'fail-on'; did you mean fail_on?")


def test_a_wrong_environment_variable(tree: tuple[Path, str]) -> None:
    ended = run("scan", "files", cwd=tree[0], environ={"TOKENGUARD_JOBS": "many"})
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith("TOKENGUARD_JOBS: 'many' is not a number of threads")


def test_a_baseline_that_does_not_exist(tree: tuple[Path, str]) -> None:
    ended = run("scan", "files", "--baseline", "known", cwd=tree[0])
    assert (ended.code, ended.message) == (USAGE, "known: no such file; make it: tokenguard baseline create")


@pytest.mark.parametrize(
    ("file", "message"), [("", "known: no such file; "), ("nothing\n", "known:1: not a baseline; ")]
)
def test_a_wrong_baseline_is_told_where_nothing_is_found(tmp_path: Path, file: str, message: str) -> None:
    """Before the scan: after it, all that was found would be lost."""
    if file:
        (tmp_path / "known").write_text(file)
    ended = run("scan", "files", "--baseline", "known", cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith(message)


def test_a_wrong_baseline_of_a_change(repository: RepositoryBuilder) -> None:
    """One that the user named and no revision has, and one that the change brings along."""
    repository.commit({"a": "1"})
    (repository.path / "known").write_text("tokenguard-baseline 1\n")
    ended = run("scan", "commits", "HEAD", "--baseline", "known", cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith("known: neither in the change nor in the revision before it; ")
    repository.add({".tokenguard.yaml": "baseline: wrong\n", "wrong": "nothing\n"})
    ended = run("scan", "staged", cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith("wrong:1: not a baseline; ")


# Options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("scna files", "No such command 'scna'; did you mean scan? (see: tokenguard --help)"),
        ("scan nothing", "No such command 'nothing'. (see: tokenguard scan --help)"),
        ("scan files --zzz", "No such option '--zzz'. (see: tokenguard scan files --help)"),
        ("scan files --jobs many", "'many' is not a valid integer"),
        ("scan files --jobs 0", "0 is not in the range"),
        ("scan files --max-size 3x", "'3x' is not a size such as 500000, 512k, 10M or 1G"),
        ("scan files --fail-on bad", "'bad' is not one of 'info', 'low', 'medium', 'high', 'critical'."),
        ("scan files --format xml", "no report format is called 'xml'; one of text, json, "),
        ("scan files --format json --format text", "two reports for the same place; give each but one a file"),
        ("scan files --format json=x --format text=y/../x", "two reports for the same place; give each but one a file"),
        ("scan files --format json=", "json=: no file after the equals sign; name one, or leave the sign out: json"),
        ("scan files --format json --format text -o x", "-o is for one report; with several formats use --format"),
        ("scan files -o missing/report", "missing/report: there is no folder missing; make it, or name another file"),
        ("scan files -o ..", "..: a folder, where the report is to be written; name a file in it"),
        ("hook run pre-rebase", "no hook is called 'pre-rebase'; one of pre-commit, pre-push, pre-receive"),
        ("rules show nothing", "no rule is called 'nothing'; known are binboi-access-token, "),
    ],
)
def test_a_wrong_option(tree: tuple[Path, str], arguments: str, message: str) -> None:
    ended = run(*arguments.split(), cwd=tree[0])
    assert (ended.code, ended.out) == (USAGE, "")
    assert message in ended.message


@pytest.mark.parametrize("arguments", ["", "scan", "rules", "baseline", "hook"])
def test_a_command_that_is_not_named_shows_the_help(tree: tuple[Path, str], arguments: str) -> None:
    ended = run(*arguments.split(), cwd=tree[0])
    assert ended.code == USAGE
    assert ended.err == run(*arguments.split(), "--help", cwd=tree[0]).out


# Ranges


@pytest.mark.parametrize("given", ["nothing..HEAD", "HEAD..nothing", "HEAD~9..", "nothing", "a b"])
def test_a_bad_range(repository: RepositoryBuilder, given: str) -> None:
    ended = run("scan", "commits", given, cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == f"'{given}': names no commits of this repository{AS_GIT_NAMES_THEM}"


@pytest.mark.parametrize("given", ["--all", "--output=pwned", "-h", ""])
def test_a_range_that_looks_like_an_option(repository: RepositoryBuilder, given: str) -> None:
    ended = run("scan", "commits", "--", given, cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == f"'{given}': not a commit range{AS_GIT_NAMES_THEM}"
    assert not (repository.path / "pwned").exists()


def test_a_range_that_git_does_not_get_to(repository: RepositoryBuilder) -> None:
    """What git says is the only word of what is wrong: here not the range."""
    repository.commit({"a": "1"})
    with (repository.path / ".git" / "config").open("a") as config:
        config.write("[core]\n\tlooseCompression = 99\n")
    ended = run("scan", "commits", "HEAD", cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith("'HEAD': git cannot tell its commits: bad zlib compression level 99; ")


def test_no_range_and_nothing_to_take_one_from(repository: RepositoryBuilder) -> None:
    ended = run("scan", "commits", cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith("no range: ")
    assert "give one, such as: tokenguard scan commits main..HEAD" in ended.message


@pytest.mark.parametrize("command", ["push", "receive"])
def test_lines_that_are_not_gits(repository: RepositoryBuilder, command: str) -> None:
    ended = run("scan", command, cwd=repository.path, stdin=b"hello\n")
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == f"standard input: not the lines of git's pre-{command} hook; see githooks(5)"


# Git


def old_git(folder: Path) -> str:
    """A PATH on which git is the fake one of 2020, and nothing else."""
    folder.mkdir()
    (folder / "git").write_text("#!/bin/sh\necho git version 2.20.1\n")
    (folder / "git").chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    "command", ["scan git", "scan staged", "scan commits HEAD", "scan push", "hook run pre-commit", "hook install"]
)
def test_git_is_missing(repository: RepositoryBuilder, tmp_path: Path, command: str) -> None:
    ended = run(*command.split(), cwd=repository.path, environ={"PATH": str(tmp_path)})
    assert (ended.code, ended.out) == (INCOMPLETE, "")
    assert ended.message == "git was not found on PATH; install git 2.32 or newer"


@pytest.mark.parametrize(
    "command", ["scan git", "scan staged", "scan commits HEAD", "scan push", "hook run pre-commit", "hook install"]
)
def test_git_is_too_old(repository: RepositoryBuilder, tmp_path: Path, command: str) -> None:
    ended = run(*command.split(), cwd=repository.path, environ={"PATH": old_git(tmp_path / "old")})
    assert (ended.code, ended.out) == (INCOMPLETE, "")
    assert ended.message == "git 2.20.1 is too old; install git 2.32 or newer"


def test_files_need_no_git(tree: tuple[Path, str], tmp_path: Path) -> None:
    ended = run("scan", "files", "--format", "json", cwd=tree[0], environ={"PATH": str(tmp_path)})
    assert (ended.code, ended.err) == (FOUND, "")
    assert_found(ended, tree[1])


# Under the report


def in_shell(line: str, cwd: Path) -> Ended:
    """A line of bash with `tokenguard` in it; the exit code is tokenguard's."""
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'tokenguard() {{ "{COMMAND[0]}" {" ".join(COMMAND[1:])} "$@"; }}\n{line}\nexit ${{PIPESTATUS[0]}}',
        ],
        cwd=cwd,
        capture_output=True,
        check=False,
    )
    return Ended(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))


def many(folder: Path) -> list[str]:
    """Enough planted tokens for a report that no pipe holds."""
    tokens = [plant.token(plant.KEEBAI) for _ in range(1000)]
    (folder / "many.env").write_text("\n".join(tokens))
    return tokens


def test_a_closed_pipe(tree: tuple[Path, str]) -> None:
    tokens = many(tree[0])
    ended = in_shell("tokenguard scan files --format json --format csv=../kept.csv | head -c 10", tree[0])
    assert (ended.code, len(ended.out)) == (INCOMPLETE, 10)
    assert ended.message.startswith("the report was cut off: standard output was closed; write it into a file: -o FILE")
    assert "it says: 1,001 findings in 1,001 places" in ended.message
    kept = (tree[0].parent / "kept.csv").read_text()
    assert all(plant.visible_prefix(token) in kept for token in tokens)


def test_a_closed_pipe_under_another_command(tree: tuple[Path, str]) -> None:
    assert in_shell("tokenguard rules export --to gitleaks | true", tree[0]).code in (CLEAN, INCOMPLETE)
    ended = in_shell("{ sleep 1; tokenguard rules list; } | true", tree[0])
    assert (ended.code, ended.err) == (INCOMPLETE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("target", ["> /dev/full", "-o /dev/full", "--format json=/dev/full"])
def test_a_full_disk(tree: tuple[Path, str], target: str) -> None:
    ended = in_shell(f"tokenguard scan files {target}", tree[0])
    assert ended.code == INCOMPLETE
    assert "No space left on device" in ended.message
    assert "it says: 1 finding in 1 place" in ended.message
    # Where a file was asked for, standard output is still there to take the findings.
    assert (plant.visible_prefix(tree[1]) in ended.out) == (">" not in target)
    assert_hidden(tree[1], ended)


def test_closed_streams(tree: tuple[Path, str]) -> None:
    ended = in_shell("tokenguard scan files >&-", tree[0])
    assert ended.code == INCOMPLETE
    assert "standard output is closed" in ended.message
    ended = in_shell("tokenguard scan files 2>&-", tree[0])
    assert (ended.code, ended.err) == (FOUND, "")
    assert plant.visible_prefix(tree[1]) in ended.out
    ended = in_shell("tokenguard scan stdin <&-", tree[0])
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == "standard input is closed; pipe or redirect something into it"
    assert in_shell("tokenguard nothing 2>&-", tree[0]).code == USAGE


# A token where none belongs


@pytest.mark.parametrize(
    "arguments",
    [
        "TOKEN",
        "scan TOKEN",
        "scan files TOKEN",
        "scan files --TOKEN",
        "scan files --only TOKEN",
        "scan files --format TOKEN",
        "scan files --format json=TOKEN/report",
        "scan files --rules TOKEN",
        "scan files --baseline TOKEN",
        "scan files --jobs TOKEN",
        "scan files --max-size=TOKEN",
        "scan files --fail-on TOKEN",
        "scan files -o missing/TOKEN",
        "scan git TOKEN",
        "scan commits TOKEN",
        "scan commits -- --TOKEN",
        "scan stdin --name TOKEN",
        "hook run TOKEN",
        "hook install TOKEN",
        "rules show TOKEN",
        "rules check TOKEN",
        "baseline create --reason TOKEN --baseline ../known",
        "completion TOKEN",
    ],
)
def test_a_token_as_an_argument_is_never_echoed(repository: RepositoryBuilder, arguments: str) -> None:
    token = plant.token(plant.RULES[len(arguments) % len(plant.RULES)])
    ended = run(*(word.replace("TOKEN", token) for word in arguments.split()), cwd=repository.path)
    assert_hidden(token, ended)
    if not arguments.startswith("hook run"):
        warning = ended.err.splitlines()[0]
        assert plant.visible_prefix(token) in warning
        assert "a token in an argument: it is in your shell's history now" in warning
    # One that lacks its last character is no token, and an error message would give nearly all of it away.
    ended = run(*(word.replace("TOKEN", token[:-1]) for word in arguments.split()), cwd=repository.path)
    assert_hidden(token[:-1], Ended(ended.code, "", ended.err))


ACME_RULES = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    token: {prefix: acmek_, parts: [{alphabet: hex, length: 40}], visible_prefix: 10}
    examples: ['{token}']
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "scan files TOKEN --rules acme.yaml",
        "scan git --rules=acme.yaml TOKEN",
        "scan files --rules acme.yaml --rules TOKEN",
        "scan files --rules missing.yaml --rules acme.yaml -o TOKEN/report",
    ],
)
def test_nor_one_of_a_family_that_the_command_line_brings(tree: tuple[Path, str], arguments: str) -> None:
    (tree[0] / "acme.yaml").write_text(ACME_RULES)
    hidden = secrets.token_hex(18)
    token = f"acmek_beef{hidden}"
    ended = run(*(word.replace("TOKEN", token) for word in arguments.split()), cwd=tree[0])
    assert ended.code == USAGE
    assert hidden not in ended.out + ended.err
    assert "acmek_beef…" in ended.err.splitlines()[0]
    assert "a token in an argument" in ended.err.splitlines()[0]


def test_a_file_named_after_a_token(tree: tuple[Path, str]) -> None:
    token = plant.token(plant.BINBOI_ACCESS)
    named = tree[0] / f"{token}.txt"
    named.touch(mode=0)
    ended = run("scan", "files", named.name, "--format", "json", cwd=tree[0], before=unprivileged())
    assert ended.code == INCOMPLETE
    assert_hidden(token, ended)
