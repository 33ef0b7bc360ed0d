"""`tokenguard serve --open`: a link that signs in once, handed to a browser by a private file."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from server.process import make_store, served

_LINK = re.compile(r"sign in, once and within 5 minutes: (http://127\.0\.0\.1:\d+/sign-in)#code=([\w-]{43})\n")

_SLACK = "https://hooks.example.org/services/a-secret"
_CHANNELS = """notifications:
  smtp:
    host: 127.0.0.1
    port: 9
    encryption: none
    from: tokenguard@example.org
    user: tokenguard
    password_env: POST_SECRET
  channels:
    siem:
      webhook: https://siem.example.org/hook
      secret_env: SIEM_SECRET
    chat:
      slack_url_env: SLACK
"""


def _browser(folder: Path) -> Path:
    """A browser that writes down what it was started with, and what it would show."""
    program = folder / "a-browser"
    lines = ("#!/bin/sh", 'env > "{}/inherited"', 'echo "$@" > "{}/arguments"', 'cp "${{1#file://}}" "{}/shown"', "")
    program.write_text("\n".join(lines).format(*[folder] * 3))
    program.chmod(0o755)
    return program


def _wait_for(path: Path) -> str:
    until = time.monotonic() + 20
    while not path.exists() or not path.read_text():
        assert time.monotonic() < until
        time.sleep(0.05)  # the browser is a process of its own; there is a deadline
    return path.read_text()


def test_the_link_signs_its_admin_in_once(tmp_path: Path) -> None:
    environ, _ = make_store(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ |= {"BROWSER": f"{_browser(tmp_path)} %s", "TMPDIR": str(temporary), "TOKENGUARD_TOKEN": "a-secret-of-ours"}
    config = tmp_path / "tokenguard.server.yaml"
    config.write_text(_CHANNELS)
    environ |= {"POST_SECRET": "a secret of the post", "SIEM_SECRET": "of the webhook, long enough", "SLACK": _SLACK}
    with served(environ, tmp_path, "--open", "--config", config) as server:
        assert server.process.stdout is not None
        found = _LINK.fullmatch(server.process.stdout.readline().decode())
        assert found
        url, code = found.groups()
        arguments, shown = _wait_for(tmp_path / "arguments"), _wait_for(tmp_path / "shown")
        assert code not in arguments
        inherited = (tmp_path / "inherited").read_text()
        assert not re.search("TOKENGUARD|secret|SECRET|SLACK", inherited)
        assert "\nPATH=" in f"\n{inherited}"
        assert f"{url}#code={code}" in shown
        (folder,) = temporary.glob("tokenguard-*")
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700

        link = url.replace("/sign-in", "/sign-in/link")
        headers = {"Sec-Fetch-Site": "same-origin"}
        session = requests.Session()
        answer = session.post(link, data={"code": code}, headers=headers, timeout=20)
        assert answer.status_code == 200
        assert urlsplit(answer.url).path == "/tokens"
        assert "one-time link" in session.get(f"{server.url}/account", timeout=20).text
        assert requests.post(link, data={"code": code}, headers=headers, timeout=20).status_code == 401
        assert server.stop() == 0
        assert code not in server.log_file.read_text()
    assert not list(temporary.glob("tokenguard-*"))


@pytest.mark.parametrize(("program", "windows"), [("www-browser", False), ("w3m", False), ("xdg-open", True)])
def test_a_browser_for_the_terminal_does_not_take_the_terminal(tmp_path: Path, program: str, *, windows: bool) -> None:
    place = tmp_path / program
    place.write_text("#!/bin/sh\n")
    place.chmod(0o755)
    ask = "from tokenguard.cli.sign_in_link import has_window; print(has_window())"
    environ = {"PATH": str(tmp_path), "TERM": "xterm"} | ({"DISPLAY": ":9"} if windows else {})
    told = subprocess.run([sys.executable, "-c", ask], env=environ, capture_output=True, text=True, check=True)
    assert told.stdout == f"{windows}\n"
