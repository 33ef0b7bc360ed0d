"""`tokenguard scan shell` and `scan stdin` from end to end."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, COMMAND, FOUND, Ended, assert_hidden, found, run

AS_JSON = ("--format", "json")


def test_shell(tmp_path: Path, home: Path) -> None:
    assert run("scan", "shell", cwd=tmp_path).code == CLEAN
    token = plant.token(plant.KEEBAI)
    (home / ".bash_history").write_text(
        f"ls\n#1790000000\ncurl -H 'Authorization: Bearer {token}' https://example.org\n"
    )
    ended = run("scan", "shell", *AS_JSON, cwd=tmp_path)
    assert (ended.code, ended.err, found(ended.report)) == (FOUND, "", {(plant.KEEBAI, plant.visible_prefix(token))})
    (place,) = ended.report["findings"][0]["locations"]
    assert (place["source"], place["line"], place["command"]) == ("shell", 3, "curl")
    assert place["time"] == "2026-09-21T14:13:20Z"
    assert_hidden(token, ended)
    assert "Authorization" not in ended.out


def test_shell_goes_by_no_repositorys_configuration(tmp_path: Path, home: Path) -> None:
    (home / ".bash_history").write_text(f"{plant.token(plant.KEEBAI)}\n")
    (tmp_path / ".tokenguard.yaml").write_text(f"ignore:\n  - rule: {plant.KEEBAI}\n    reason: not mine to say\n")
    assert run("scan", "shell", cwd=tmp_path).code == FOUND


def test_stdin(tmp_path: Path) -> None:
    token = plant.token(plant.BINBOI_ACCESS)
    ended = run("scan", "stdin", *AS_JSON, cwd=tmp_path, stdin=f"a\nkey: {token}\n".encode())
    assert (ended.code, ended.err) == (FOUND, "")
    (place,) = ended.report["findings"][0]["locations"]
    assert (place["source"], place["path"], place["line"], place["column"]) == ("stdin", "standard input", 2, 6)
    assert_hidden(token, ended)
    assert run("scan", "stdin", cwd=tmp_path, stdin=b"").code == CLEAN


@pytest.mark.parametrize("filler", [0, 9_000_000], ids=["small", "large"])
@pytest.mark.parametrize("how", ["pipe", "file"])
def test_stdin_by_a_name_and_packed(tmp_path: Path, how: str, filler: int) -> None:
    """A stream can be read only once, and an archive has to be read again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("filler", os.urandom(filler))
        archive.writestr("a.env", plant.token(plant.KEEBAI).encode())
    arguments = ("scan", "stdin", "--name", "dump.zip", *AS_JSON)
    if how == "pipe":
        ended = run(*arguments, cwd=tmp_path, stdin=packed.getvalue())
    else:
        (tmp_path / "x").write_bytes(packed.getvalue())
        with (tmp_path / "x").open("rb") as file:
            done = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, stdin=file, capture_output=True, check=False)
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert ended.code == FOUND
    vias = {tuple(place["via"]) for place in ended.report["findings"][0]["locations"]}
    assert ("zip:a.env",) in vias


def test_stdin_that_is_not_to_be_waited_for_is(tmp_path: Path) -> None:
    """Whoever opened it may have set that; that there is nothing yet is not its end."""
    token = plant.token(plant.KEEBAI)
    given, pipe = os.pipe()
    os.set_blocking(given, False)
    with subprocess.Popen(
        [*COMMAND, "scan", "stdin", *AS_JSON], cwd=tmp_path, stdin=given, stdout=subprocess.PIPE
    ) as running:
        os.close(given)
        for part in (token[:20], token[20:]):
            time.sleep(0.5)  # it has come to read by then, and found nothing
            os.write(pipe, part.encode())
        os.close(pipe)
        out, _ = running.communicate(timeout=60)
    report = json.loads(out)
    assert (running.returncode, report["state"]) == (FOUND, "complete")
    assert [finding["token_sha256"] for finding in report["findings"]] == [hashlib.sha256(token.encode()).hexdigest()]
