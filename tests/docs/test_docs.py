"""What the documents say is so: paths and anchors exist, commands parse, nobody is sent to a stranger's package."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from tokenguard.cli.root import root

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\((?!\w+:)([^)\s]*)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE_COMMAND = re.compile(r"(?<!`)`(tokenguard [^`\n]+)`")
# A path from the top of the checkout, wherever it is named; `*` is a glob.
NAMED_PATH = re.compile(r"(?<![\w./~-])(?:\.ci|\.github|bench|demo|docs|hooks|rules|src|tests)/[\w./*-]*")

# The bare name as something to install; `tokenguard-loop`, paths and URLs are not it.
_BARE_NAME = r"(?<![\w./@~:#-])tokenguard(?=\[|[=<>~!]=|[\s\"'`,)\]]|$)"
STRANGER = re.compile(
    rf"\b(?:pip[x\d.]*|uvx?|poetry|pdm|conda)\s+(?:\S+\s+)*?(?:install|add|run|inject|download)\b[^\n;&|]*?{_BARE_NAME}"
    rf"|\buvx\s+{_BARE_NAME}"
    rf"|(?<![\w./-])tokenguard\[[a-z]"
    rf"|(?<![\w./-])tokenguard\s*[=<>~!]=\s*\d",
    re.MULTILINE,
)
NAME = "tokenguard"


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def slug(heading: str) -> str:
    """The anchor that forges make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def commands(document: Path) -> list[list[str]]:
    """The tokenguard commands of the fenced blocks of a document, as argument lists."""
    lines = [
        line.removeprefix("$ ").strip()
        for language, block in FENCE.findall(document.read_text(encoding="utf-8"))
        if language in {"console", "sh"}
        for line in block.replace("\\\n", " ").splitlines()
        if language == "sh" or line.startswith("$ ")
    ]
    return [
        shlex.split(re.split(r"[|;&>]", line)[0], comments=True)[1:] for line in lines if line.startswith(f"{NAME} ")
    ]


def parse(arguments: list[str]) -> None:
    """Parse as the program would; raises click.UsageError. A value (a path, a range) need not exist here."""
    try:
        context = root.make_context(NAME, list(arguments))
        while isinstance(context.command, click.Group) and (rest := [*context._protected_args, *context.args]):
            name, command, arguments = context.command.resolve_command(context, rest)
            assert command is not None
            context = command.make_context(name, arguments, parent=context)
    except click.exceptions.Exit:
        pass  # --help, --version
    except click.MissingParameter:
        raise
    except click.BadParameter:
        pass


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{target} does not exist"
        if anchor:
            headings = HEADING.findall(file.read_text(encoding="utf-8"))
            assert anchor in map(slug, headings), f"{target}: no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_named_paths_exist(document: Path) -> None:
    named = {path.rstrip(".") for path in NAMED_PATH.findall(document.read_text(encoding="utf-8"))}
    assert [path for path in sorted(named) if not any(CHECKOUT.glob(path))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_shown_commands_parse(document: Path) -> None:
    for arguments in commands(document):
        try:
            parse(arguments)
        except click.UsageError as error:
            pytest.fail(f"{shlex.join([NAME, *arguments])}: {error.format_message()}")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_named_commands_exist(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    for line in INLINE_COMMAND.findall(text):
        words = [word for word in line.split()[1:] if re.fullmatch(r"-{0,2}[a-z][a-z-]*", word)]
        try:
            parse([*words, "--help"])
        except click.UsageError as error:
            pytest.fail(f"{line}: {error.format_message()}")


def test_the_front_page_shows_commands() -> None:
    """The tests above must not pass because they see nothing."""
    assert len(commands(CHECKOUT / "README.md")) > 2
    assert INLINE_COMMAND.search((CHECKOUT / "docs" / "exit-codes.md").read_text(encoding="utf-8"))
    assert any(NAMED_PATH.search(document.read_text(encoding="utf-8")) for document in DOCUMENTS)


@pytest.mark.parametrize("line", ["scan nothing", "scan files --no-such-option", "rules check extra words --x"])
def test_a_wrong_command_is_seen(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line.split())


def tracked() -> list[Path]:
    """Every file of the checkout that is, or could become, part of the repository."""
    question = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(question, capture_output=True, check=True).stdout.split(b"\0")
    return [path for name in names if name and (path := CHECKOUT / name.decode()).is_file()]


def test_nobody_is_sent_to_the_strangers_package() -> None:
    told = {
        name_of(path): hit.group()
        for path in tracked()
        if (hit := STRANGER.search(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert told == {}


@pytest.mark.parametrize(
    "line",
    [
        f"pip install {NAME}",
        f"python3 -m pip install --user '{NAME}'",
        f"pipx install {NAME}",
        f"uv tool install {NAME}",
        f"uvx {NAME} scan files",
        f"install the extra: {NAME}" + "[server]",
        f"{NAME} >" + "= 1.0",
    ],
)
def test_a_strangers_package_is_seen(line: str) -> None:
    assert STRANGER.search(line)


@pytest.mark.parametrize(
    "line",
    [
        f'pip install "{NAME}-loop @ git+https://example.org/{NAME}.git"',
        f"~/.{NAME}/bin/pip install .",
        f"pip install . && {NAME} doctor",
        f"{NAME} hook install",
        f"{NAME}-loop[server]",
    ],
)
def test_our_own_is_let_pass(line: str) -> None:
    assert not STRANGER.search(line)
