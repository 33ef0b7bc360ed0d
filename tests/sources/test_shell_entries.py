"""Which command a line of a history belongs to, and when it ran."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from tokenguard.sources.shell import Entry, History, blob, entries_at, kinds
from tokenguard.sources.shell.lines import lines

T = "2023-11-14T22:13:20Z"  # 1700000000
U = "2023-11-14T22:13:21Z"


def entries(folder: Path, kind: str, content: str | bytes, at: range | tuple[int, ...]) -> dict[int, Entry]:
    path = folder / "history"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return entries_at(History(path, kind), at)


def told(folder: Path, kind: str, content: str) -> list[tuple[str | None, str | None] | None]:
    """Time and command of every line, None for a line of no entry."""
    count = content.count("\n")
    found = entries(folder, kind, content, range(1, count + 1))
    return [(found[n].time, found[n].command) if n in found else None for n in range(1, count + 1)]


def test_bash_without_times(tmp_path: Path) -> None:
    content = "ls\nsudo curl \\\n  -H tok\nA=1 git push\necho 'don\nmake\necho \\\\\nwc\n"
    assert [entry and entry[1] for entry in told(tmp_path, "bash", content)] == [
        *("ls", "curl", "curl", "git", "echo", "make", "echo", "wc"),
    ]


def test_bash_with_times(tmp_path: Path) -> None:
    content = "old\n#1700000000\nls\n#1700000001\ncurl x\n"
    assert told(tmp_path, "bash", content) == [(None, "old"), None, (T, "ls"), None, (U, "curl")]


@pytest.mark.parametrize(
    "body",
    [
        "curl -d '{\n tok\n}' x",
        'curl -d "{\n \\"tok\\"\n}" x',
        "curl x \\\n -H tok",
        "curl <<EOF\n'tok\nEOF",
        "curl <<-'E'\n\ttok\n\tE",
        "curl x |\n tok",
        "curl x &&\n tok",
        "curl $(\n tok\n)",
        "curl `\n tok\n`",
    ],
)
def test_bash_multi_line_commands_have_one_time(tmp_path: Path, body: str) -> None:
    content = f"#1700000000\n{body}\nappended by another shell\n#1700000001\nls\n"
    more = body.count("\n") + 1
    assert told(tmp_path, "bash", content) == [
        *(None, *[(T, "curl")] * more, (None, "appended"), None, (U, "ls")),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "for i in 1 2\ndo curl tok\ndone",
        "for i in 1 2; do\nif x; then\n curl tok\nfi; done",
        "case $x in\na) curl tok;;\nesac",
        "f() {\n curl tok\n}",
        "while :; do # it's a comment\n tok\ndone",
    ],
)
def test_bash_compound_commands_have_one_time(tmp_path: Path, body: str) -> None:
    content = f"#1700000000\n{body}\nappended\n"
    times = [entry[0] for entry in told(tmp_path, "bash", content) if entry]
    assert times == [T] * (body.count("\n") + 1) + [None]


@pytest.mark.parametrize("line", ["echo don't", 'echo "x', "if x", "a <<< b", "echo $((1<<2))", "cat <<E", "(", "x &&"])
def test_bash_a_new_stamp_ends_whatever_is_open(tmp_path: Path, line: str) -> None:
    content = f"#1700000000\n{line}\n#1700000001\ncurl tok\n"
    assert told(tmp_path, "bash", content)[3] == (U, "curl")


def test_tcsh_stamps(tmp_path: Path) -> None:
    assert told(tmp_path, "tcsh", "#+1700000000\nls\n") == [None, (T, "ls")]


def test_zsh_with_and_without_times(tmp_path: Path) -> None:
    content = ": 1700000000:0;curl x\\\n -H tok\\\n\\\n -v\nls\n: 1700000001:5;echo end\\ \nmake\n: 0:0;cd\n"
    assert told(tmp_path, "zsh", content) == [
        *[(T, "curl")] * 4,
        *((None, "ls"), (U, "echo"), (None, "make"), (None, "cd")),
    ]


def test_fish(tmp_path: Path) -> None:
    content = (
        "- cmd: curl x\\n -H tok\\\\n\n  when: 1700000000\n  paths:\n    - tok\n"
        "- cmd: A=1 sudo make\n  when: 1700000001\n- cmd: ls\n"
    )
    assert told(tmp_path, "fish", content) == [*[(T, "curl")] * 4, *[(U, "make")] * 2, (None, "ls")]


def test_powershell_with_continuation_lines(tmp_path: Path) -> None:
    content = "Get-ChildItem\r\nInvoke-RestMethod `\r\n -Uri x `\r\n -H tok\r\n$t = 'tok'\r\n& curl.exe x\r\n"
    assert [entry and entry[1] for entry in told(tmp_path, "powershell", content)] == [
        *("Get-ChildItem", *["Invoke-RestMethod"] * 3, None, "curl.exe"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_powershell_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    content = "\ufeffGet-Item \u0a0a\r\nInvoke-RestMethod tok\r\n".encode(encoding)
    found = entries(tmp_path, "powershell", content, (1, 2))
    assert [entry.command for entry in found.values()] == ["Get-Item", "Invoke-RestMethod"]


def test_viminfo_has_the_time_behind_the_line(tmp_path: Path) -> None:
    content = (
        "# Command Line History (newest to oldest):\n"
        ':!curl tok\n|2,0,1700000000,,"!curl tok"\n'
        ':\x16314\n<echo tok\n|2,0,1700000001,,>523\n|<"echo tok"\n'
        '\n# Registers:\n"a\tLINE\t0\n\ttok\n|3,0,0,1,1,0,1700000000,"tok"\n'
        '\'0  1  0  ~/x\n|4,48,1,0,1700000001,"~/x"\n'
    )
    assert told(tmp_path, "viminfo", content) == [
        (None, "vim"),
        *[(T, "vim")] * 2,
        *[(U, "vim")] * 4,
        *[(None, "vim")] * 2,
        *[(T, "vim")] * 3,
        *[(U, "vim")] * 2,
    ]


@pytest.mark.parametrize(
    ("kind", "tool"),
    [
        *(("python", "python"), ("psql", "psql"), ("mysql", "mysql"), ("sqlite", "sqlite3"), ("node", "node")),
        *(("less", "less"), ("shada", "nvim"), ("redis-cli", "redis-cli"), ("atuin", None)),
    ],
)
def test_a_tool_is_its_own_command(tmp_path: Path, kind: str, tool: str | None) -> None:
    assert entries(tmp_path, kind, "select tok\n", (1,)) == {1: Entry(None, tool)}


def test_ksh_writes_nul_bytes_before_a_command(tmp_path: Path) -> None:
    content = b"\x81\x01echo a\n\x00\x00curl tok\n\x00"
    assert entries(tmp_path, "sh", content, (2,)) == {2: Entry(None, "curl")}


@pytest.mark.parametrize("stamp", ["0", "99999999999", "999999999999"])
def test_an_impossible_time_is_none(tmp_path: Path, stamp: str) -> None:
    assert told(tmp_path, "bash", f"#{stamp}\nls\n")[1] == (None, "ls")
    assert told(tmp_path, "zsh", f": {stamp}:0;ls\n") == [(None, "ls")]
    assert told(tmp_path, "fish", f"- cmd: ls\n  when: {stamp}\n")[0] == (None, "ls")


def test_lines_that_do_not_exist_are_absent(tmp_path: Path) -> None:
    assert entries(tmp_path, "bash", "ls\n", (0, 1, 2, 99)) == {1: Entry(None, "ls")}
    assert entries(tmp_path, "bash", "", (1,)) == {}


def test_a_file_that_went_away_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        entries_at(History(tmp_path / "gone", "bash"), (1,))


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish", "powershell", "nushell", "ksh"])
@pytest.mark.parametrize(
    "form", ["{}\n", ": 1700000000:0;{}\n", "#1700000000\n{}\n", "- cmd: {}\n  when: 1\n", "a `\n{}\n"]
)
def test_a_token_pasted_at_the_prompt_is_never_reported(tmp_path: Path, kind: str, form: str) -> None:
    for rule in plant.RULES:
        token = plant.token(rule)
        found = entries(tmp_path, kind, form.replace("{}", token), range(1, 5))
        assert found or kind == "fish"
        assert not any(token[-20:] in repr(entry) or token[:20] in repr(entry) for entry in found.values())


@given(
    kind=st.sampled_from(kinds()),
    content=st.lists(st.sampled_from(b"\n\\'\"`#:;1|<({ \rab-cmd\x83"), max_size=60).map(bytes),
)
def test_hostile_content_of_every_kind(tmp_path_factory: pytest.TempPathFactory, kind: str, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    found = entries(folder, kind, content, range(1, 70))
    assert all(isinstance(entry, Entry) for entry in found.values())


@given(st.binary(max_size=300) | st.lists(st.sampled_from(b"a\n\r\\"), max_size=50).map(bytes), st.integers(1, 9))
def test_lines_are_those_of_the_file(content: bytes, size: int) -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            return super().readinto(buffer[:size])

    expected = content.split(b"\n")
    if not expected[-1]:
        expected.pop()
    found = list(lines(Slow(content)))
    assert [line.head for line in found] == expected
    assert [line.number for line in found] == list(range(1, len(expected) + 1))
    assert [line.endswith(b"\\") for line in found] == [line.removesuffix(b"\r").endswith(b"\\") for line in expected]


def test_a_long_line_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b"#1700000000\ncurl " + b"x" * 5_000_000 + b"\\\n-H tok\nls\n")
    found = entries_at(History(path, "bash"), (2, 3, 4))
    assert found == {2: Entry(T, "curl"), 3: Entry(T, "curl"), 4: Entry(None, "ls")}
    reader = blob(History(path, "bash")).open()
    assert max(len(line.head) for line in lines(reader)) <= 4096
    reader.close()
