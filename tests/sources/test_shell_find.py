"""Which files are taken for shell histories, whose they are, and what happens to those that cannot be read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenguard.model import Skipped
from tokenguard.sources.shell import History, find_histories, kinds
from tokenguard.sources.shell.places import PLACES, ROOTS, STARTUP_FILES, VARIABLES


def planted(path: Path, content: bytes = b"ls\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(home: Path, **environ: str) -> dict[Path, str]:
    """Kind by path; fails where anything was skipped."""
    kinds_by_path = {}
    for history in find_histories(home, environ):
        assert isinstance(history, History), history
        kinds_by_path[history.path] = history.kind
    return kinds_by_path


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (".bash_history", "bash"),
        (".bash_history.bak", "bash"),
        (".bash_sessions/1A2B.history", "bash"),
        (".zsh_history", "zsh"),
        (".zhistory", "zsh"),
        (".histfile", "zsh"),
        (".zsh_sessions/1A2B.historynew", "zsh"),
        (".config/zsh/.zsh_history", "zsh"),
        (".local/share/fish/fish_history", "fish"),
        (".local/share/fish/work_history", "fish"),
        (".local/share/powershell/PSReadLine/ConsoleHost_history.txt", "powershell"),
        ("AppData/Roaming/Microsoft/Windows/PowerShell/PSReadline/ConsoleHost_history.txt", "powershell"),
        ("AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/Visual Studio Code Host_history.txt", "powershell"),
        (".ash_history", "sh"),
        (".sh_history", "sh"),
        (".config/nushell/history.txt", "nushell"),
        ("Library/Application Support/nushell/history.sqlite3", "nushell"),
        (".local/share/nushell/history.sqlite3-wal", "nushell"),
        (".python_history", "python"),
        (".ipython/profile_default/history.sqlite", "ipython"),
        (".psql_history", "psql"),
        (".psql_history-billing", "psql"),
        (".mysql_history", "mysql"),
        (".mariadb_history", "mysql"),
        (".sqlite_history", "sqlite"),
        (".node_repl_history", "node"),
        (".rediscli_history", "redis-cli"),
        (".irb_history", "irb"),
        (".lesshst", "less"),
        (".local/state/lesshst", "less"),
        (".viminfo", "viminfo"),
        (".local/state/nvim/shada/main.shada", "shada"),
        (".local/share/atuin/history.db", "atuin"),
    ],
)
def test_a_known_place_is_found_with_its_kind(tmp_path: Path, place: str, kind: str) -> None:
    path = planted(tmp_path / place)
    assert found(tmp_path) == {path: kind}


def test_every_row_of_the_table_can_be_found(tmp_path: Path) -> None:
    for number, (_, root, pattern) in enumerate(PLACES):
        home = tmp_path / str(number)
        name = pattern.replace("[Ll]", "L").replace("*", "x")
        path = planted(home / ROOTS[root][1][0] / name)
        assert path in found(home), (root, pattern)


def test_the_tables_speak_of_known_kinds_and_roots() -> None:
    assert {kind for kind, _, _ in (*PLACES, *STARTUP_FILES)} | {kind for _, kind in VARIABLES} <= {"", *kinds()}
    assert {root for _, root, _ in (*PLACES, *STARTUP_FILES)} <= set(ROOTS)


def test_the_document_names_every_kind_and_variable() -> None:
    document = (Path(__file__).parents[2] / "docs/sources/shell.md").read_text(encoding="utf-8")
    names = {*kinds(), *(variable for variable, _ in VARIABLES), *(variable for variable, _ in ROOTS.values())}
    assert [name for name in names if name and f"`{name}`" not in document] == []


@pytest.mark.parametrize(
    ("variable", "place", "kind"),
    [
        ("XDG_DATA_HOME", "fish/fish_history", "fish"),
        ("XDG_DATA_HOME", "powershell/PSReadLine/ConsoleHost_history.txt", "powershell"),
        ("XDG_STATE_HOME", "nvim/shada/main.shada", "shada"),
        ("XDG_CONFIG_HOME", "nushell/history.txt", "nushell"),
        ("APPDATA", "Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt", "powershell"),
        ("ZDOTDIR", ".zsh_history", "zsh"),
        ("IPYTHONDIR", "profile_x/history.sqlite", "ipython"),
    ],
)
def test_folders_that_were_moved_are_searched(tmp_path: Path, variable: str, place: str, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = planted(tmp_path / "elsewhere" / place)
    assert found(home, **{variable: str(tmp_path / "elsewhere")}) == {path: kind}


@pytest.mark.parametrize(("variable", "kind"), [row for row in VARIABLES if row[1]])
def test_a_variable_names_a_history_anywhere(tmp_path: Path, variable: str, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = planted(tmp_path / "deep/remembered")
    assert found(home, **{variable: str(path)}) == {path: kind}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("h", b": 1700000000:0;ls\n", "zsh"),
        ("h", b"#1700000000\nls\n", "bash"),
        ("h", b"#+1700000000\nls\n", "tcsh"),
        ("h", b"- cmd: ls\n  when: 1700000000\n", "fish"),
        ("zsh-history", b"ls\n", "zsh"),
        ("my.bash", b"ls\n", "bash"),
        ("h", b"ls\n", "bash"),
        ("h", b"", "bash"),
    ],
)
def test_histfile_is_attributed_by_shape_then_name(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    # A folder of a fixed name: pytest's own holds the test's name, and with it the word "shape".
    with tempfile.TemporaryDirectory() as folder:
        path = planted(Path(folder) / name, content)
        assert found(tmp_path, HISTFILE=str(path)) == {path: kind}


def test_histfile_below_the_home_and_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    below_home, in_home, here = (planted(path) for path in (home / "x/h1", home / "h2", work / "h3"))
    monkeypatch.chdir(work)
    assert found(home, HISTFILE="~/x/h1") == {below_home: "bash"}
    assert found(home, HISTFILE="h2") == {in_home: "bash"}
    assert [path.resolve() for path in found(home, HISTFILE="h3")] == [here]


@pytest.mark.parametrize("value", ["", " ", "-", "/dev/null", "/no/such/file"])
def test_a_history_that_is_switched_off_is_none(tmp_path: Path, value: str) -> None:
    (tmp_path / ".bash_history").symlink_to("/dev/null")
    assert found(tmp_path, HISTFILE=value, LESSHISTFILE=value, NODE_REPL_HISTORY=value) == {}


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("HISTFILE=~/.cache/h", ".cache/h"),
        ('export HISTFILE="$HOME/.cache/h"', ".cache/h"),
        ("  setopt x; HISTFILE='~/.cache/h'; SAVEHIST=10", ".cache/h"),
        ('HISTFILE="${XDG_STATE_HOME:-$HOME/.local/state}"/zsh-h', ".local/state/zsh-h"),
        ("typeset HISTFILE=${ZDOTDIR:-~}/h", "h"),
        ("HISTFILE=$MOVED/h", "moved/h"),
    ],
)
def test_histfile_is_read_from_the_startup_file(tmp_path: Path, line: str, place: str) -> None:
    planted(tmp_path / ".zshrc", f"# HISTFILE=~/.other\nalias l=ls\n{line}\n".encode())
    planted(tmp_path / ".other")
    path = planted(tmp_path / place)
    assert found(tmp_path, MOVED=str(tmp_path / "moved")) == {path: "zsh"}


def test_a_startup_file_that_would_have_to_be_run_is_named(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    startup = planted(tmp_path / ".bashrc", f"HISTFILE=~/h-$(touch {marker})\n".encode())
    (skipped,) = find_histories(tmp_path, {})
    assert isinstance(skipped, Skipped)
    assert skipped.what == str(startup)
    assert "export HISTFILE" in skipped.why
    assert not marker.exists()
    path = planted(tmp_path / "h")
    assert found(tmp_path, HISTFILE=str(path)) == {path: "bash"}


def test_a_file_reached_twice_appears_once(tmp_path: Path) -> None:
    path = planted(tmp_path / ".bash_history")
    (tmp_path / ".bash_history.link").symlink_to(path)
    assert found(tmp_path, HISTFILE="~/.bash_history", XDG_DATA_HOME=str(tmp_path / ".local/share")) == {path: "bash"}


def test_folders_and_broken_links_are_no_histories(tmp_path: Path) -> None:
    (tmp_path / ".history").mkdir()
    (tmp_path / ".zsh_history.LOCK").symlink_to("/pid-123/host-x")
    assert found(tmp_path) == {}


def test_what_is_no_regular_file_is_skipped_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".bash_history")
    (tmp_path / "folder").mkdir()
    skipped = find_histories(tmp_path, {"HISTFILE": "~/folder"})
    assert {entry.what for entry in skipped if isinstance(entry, Skipped)} == {
        str(tmp_path / "folder"),
        str(tmp_path / ".bash_history"),
    }


@pytest.mark.parametrize("name", ["loop", "n" * 300])
def test_an_error_of_the_file_system_is_a_skipped(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (skipped, *others) = find_histories(tmp_path, {"HISTFILE": f"~/{name}"})
    assert isinstance(skipped, Skipped)
    assert skipped.what == str(tmp_path / name)
    assert "cannot be read" in skipped.why
    assert not others


@pytest.mark.parametrize("name", ["nobody", "file", "file/below"])
def test_a_home_that_is_no_folder_is_not_clean(tmp_path: Path, name: str) -> None:
    planted(tmp_path / "file")
    (skipped,) = find_histories(tmp_path / name, {})
    assert isinstance(skipped, Skipped)
    assert skipped.what == str(tmp_path / name)


@pytest.fixture
def closed_home() -> Iterator[Path]:
    """A home of a user without privileges, who the test is while it runs (root reads everything)."""
    home = Path(tempfile.mkdtemp())
    was_root = os.geteuid() == 0
    if was_root:
        os.chown(home, 65534, 65534)
        os.seteuid(65534)
    try:
        yield home
    finally:
        if was_root:
            os.seteuid(0)
        for folder, _, _ in os.walk(home):
            Path(folder).chmod(0o700)
        shutil.rmtree(home)


def test_an_unreadable_history_is_skipped(closed_home: Path) -> None:
    readable, closed = planted(closed_home / ".zsh_history"), planted(closed_home / ".bash_history")
    closed.chmod(0)
    results = find_histories(closed_home, {})
    assert History(readable, "zsh") in results
    (skipped,) = (entry for entry in results if isinstance(entry, Skipped))
    assert skipped.what == str(closed)
    assert "Permission denied" in skipped.why


def test_an_unreadable_startup_file_is_skipped(closed_home: Path) -> None:
    startup = planted(closed_home / ".zshrc")
    startup.chmod(0)
    (skipped,) = find_histories(closed_home, {})
    assert isinstance(skipped, Skipped)
    assert skipped.what == str(startup)


@pytest.mark.parametrize("mode", [0, 0o100, 0o400])
def test_a_closed_folder_is_named_once(closed_home: Path, mode: int) -> None:
    folder = planted(closed_home / ".local/share/fish/fish_history").parent
    folder.chmod(mode)
    results = find_histories(closed_home, {})
    assert [entry.what for entry in results if isinstance(entry, Skipped)] == [str(folder)]


def test_a_closed_home_is_named_once(closed_home: Path) -> None:
    closed_home.chmod(0)
    results = find_histories(closed_home, {})
    assert [entry.what for entry in results if isinstance(entry, Skipped)] == [str(closed_home)]
