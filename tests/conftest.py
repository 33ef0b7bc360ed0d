"""What every test runs in: a private home, a known environment, no network, fresh tokens."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import signal
import socket
import time
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import hypothesis
import pytest

import ordinary
import plant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A database would keep drawn tokens in the checkout. On a shared machine a deadline measures the neighbours.
_local = hypothesis.settings(database=None, deadline=None)
hypothesis.settings.register_profile("local", _local)
hypothesis.settings.register_profile("ci", _local, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

_FOREIGN = re.compile(
    # A git hook or CI job that runs these tests describes itself, and must not be what they see.
    r"(GIT|CI|GITHUB|GITLAB|RUNNER|PRE_COMMIT|XDG|LC)_.*|CI|LANG|LANGUAGE"
    # What steers tokenguard, or where shells keep their histories.
    r"|_?TOKENGUARD_.*|HISTFILE|ZDOTDIR|fish_history"
    # What changes how programs print.
    r"|NO_COLOR|FORCE_COLOR|CLICOLOR.*|COLUMNS|LINES|PAGER|EDITOR|VISUAL"
    # Where a program would look for a user's own settings, or a real token of the families.
    r"|BINBOI_.*|KEEBAI_.*|SSH_.*"
)

_TIME_ZONE = "TST-05:45"
"""Far from UTC and not a whole hour, so that a local time in a report is seen; needs no zone database."""

R = TypeVar("R")
Address: TypeAlias = tuple[object, ...] | str | bytes

_GIT_CONFIG = """\
[user]
\tname = Test Author
\temail = test@example.org
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


_TOKEN = re.compile(
    r"(?:binboi_(?:pat_[0-9a-f]{8}_[0-9a-f]{36}|live_[0-9a-f]{32})|kbai_pk_[0-9a-f]{64}|tgd_\w{8}_\w{38})(?![0-9A-Za-z])"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No token in a test's name: names are kept in caches and reports, and this checkout is scanned."""
    for item in items:
        if _TOKEN.search(item.nodeid):
            raise pytest.UsageError(f"{item.nodeid.partition('[')[0]}: a token in a parameter; draw it in the test")


def _settle(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Make `home` the home of everything: XDG folders, git's configuration."""
    settings = home / ".gitconfig"
    settings.write_text(_GIT_CONFIG)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for name, folder in (
        ("CACHE", ".cache"),
        ("CONFIG", ".config"),
        ("DATA", ".local/share"),
        ("STATE", ".local/state"),
    ):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))


@pytest.fixture(scope="session", autouse=True)
def _known_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One environment for everything, whoever runs the tests; holds for session fixtures too."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if _FOREIGN.fullmatch(name)]:
            monkeypatch.delenv(name)
        _settle(monkeypatch, tmp_path_factory.mktemp("session-home"))
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        monkeypatch.setenv("GIT_ATTR_NOSYSTEM", "1")
        monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setenv("TZ", _TIME_ZONE)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def home(
    _known_environment: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The home of this one test, empty but for git's configuration; not inside `tmp_path`, which a test may scan."""
    private = tmp_path_factory.mktemp("home")
    _settle(monkeypatch, private)
    yield private
    shutil.rmtree(private, ignore_errors=True)


def _is_local(address: Address) -> bool:
    """Whether a socket address stays on this machine: a Unix socket, or a loopback address."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _heard_interrupts() -> None:
    """A shell has what it runs in the background ignore Ctrl-C, and all that a test starts would inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _closed_network() -> Iterator[None]:
    """Nothing here connects beyond loopback. Programs that tests start are not covered."""

    def guarded(connect: Callable[[socket.socket, Address], R]) -> Callable[[socket.socket, Address], R]:
        def local_only(self: socket.socket, address: Address, /) -> R:
            if not _is_local(address):
                pytest.fail(f"a test connects to {address!r}; only loopback is open")
            return connect(self, address)

        return local_only

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        yield


@pytest.fixture(scope="session")
def fresh_token() -> Callable[[str], str]:
    """`fresh_token(rule_id)`: a new token of that rule's family (tests/plant.py)."""
    return plant.token


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """What a file forbids its owner is forbidden in this test, also to root (tests/ordinary.py)."""
    with ordinary.ordinary_user() as held:
        if not held:
            pytest.skip("root is forbidden nothing here")
        yield


@pytest.fixture
def unmeasured() -> dict[str, str]:
    """The environment for a program whose own imports or time are under test: coverage is not loaded into it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
