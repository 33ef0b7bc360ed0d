"""A small repository with a token in each of its objects, and the ways in which it can be damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plant
from git_repository import RepositoryBuilder
from proofs.scanning import hashes, sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tokenguard.model import Report


@dataclass(frozen=True)
class Small:
    """A bare repository in which every object that can hold a token holds one of its own."""

    path: Path
    tokens: Mapping[str, str]
    """By the id of the object that holds it."""

    def copy(self, to: Path) -> Small:
        """The same, to be damaged."""
        shutil.copytree(self.path, to)
        return Small(to, self.tokens)

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git on it."""
        done = subprocess.run(["git", *arguments], cwd=self.path, input=stdin, capture_output=True, check=True)
        return done.stdout

    def loose(self, oid: str) -> Path:
        """Where an object lies when it is in no pack."""
        return self.path / "objects" / oid[:2] / oid[2:]

    def lost(self, report: Report, *damaged: str) -> list[str]:
        """The objects, damaged ones apart, whose token was not found."""
        found = hashes(report)
        return [oid for oid, token in self.tokens.items() if oid not in damaged and sha256(token) not in found]

    def pack(self, without: str = "") -> None:
        """Put all objects but one into a single pack."""
        listed = self.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
        kept = b"".join(line + b"\n" for line in listed.split() if line.decode() != without)
        self.git("pack-objects", "-q", "--window=0", "objects/pack/pack", stdin=kept)
        for folder in (self.path / "objects").iterdir():
            if len(folder.name) == 2:
                shutil.rmtree(folder)

    def pack_file(self, suffix: str) -> Path:
        """The only pack's file with that suffix."""
        (found,) = (self.path / "objects/pack").glob(f"*{suffix}")
        found.chmod(0o644)
        return found

    def packed_at(self) -> dict[str, tuple[int, int]]:
        """Where each object lies in the pack: first byte, and the one after the last."""
        index = self.pack_file(".idx")
        lines = self.git("show-index", stdin=index.read_bytes()).decode().split("\n")[:-1]
        starts = {oid: int(start) for start, oid, *_ in (line.split() for line in lines)}
        end = self.pack_file(".pack").stat().st_size - len(next(iter(starts))) // 2
        bounds = [*sorted(starts.values()), end]
        return {oid: (start, bounds[bounds.index(start) + 1]) for oid, start in starts.items()}


def small(folder: Path, object_format: str = "sha1") -> Small:
    """Branches, a merge, a note, a stash, a tag, a commit that only a reflog names, something staged; no files."""
    made = RepositoryBuilder(folder / "made", object_format=object_format)
    tokens: dict[str, str] = {}

    def token() -> str:
        return plant.token(plant.RULES[len(tokens) % len(plant.RULES)])

    def commit(path: str) -> None:
        content, message = token(), token()
        oid = made.commit({path: f"{content}\n"}, f"{path}\n\n{message}\n")
        tokens[oid] = message
        tokens[made.oid(f"HEAD:{path}")] = content

    for path in ("a", "b", "folder/c"):
        commit(path)
    made.run("checkout", "-q", "-b", "side", "HEAD~1")
    commit("d")
    made.run("checkout", "-q", "main")
    made.merge("side")
    made.run("branch", "-qD", "side")
    message = token()
    made.run("tag", "-a", "v1", "-m", f"release\n\n{message}")
    tokens[made.oid("v1")] = message
    note = token()
    made.run("notes", "add", "-m", note)
    tokens[made.run("notes", "list", "HEAD").split()[0]] = note
    commit("e")
    made.run("reset", "-q", "--hard", "HEAD~1")
    name = token()
    made.commit({f"names/{name}": "x"}, "a telling name")
    tokens[made.oid("HEAD:names")] = name
    made.write("a", stashed := token())
    made.run("stash", "-q")
    tokens[made.oid("stash:a")] = stashed
    made.add({"staged": (staged := token())})
    tokens[made.oid(":staged")] = staged
    bare = folder / "small.git"
    shutil.move(made.path / ".git", bare)
    kept = Small(bare, tokens)
    kept.git("config", "core.bare", "true")
    return kept


def _flip(at: float) -> Callable[[bytes], bytes]:
    """One bit, so far into the bytes."""

    def flipped(data: bytes) -> bytes:
        place = min(int(len(data) * at), len(data) - 1)
        return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]

    return flipped


LETHAL: dict[str, Callable[[bytes], bytes | None]] = {
    "removed": lambda _: None,
    "emptied": lambda _: b"",
    "cut in the middle": lambda data: data[: len(data) // 2],
    "without its last byte": lambda data: data[:-1],
    "garbage": lambda data: bytes(range(256)) * (len(data) // 256 + 1),
    "zeros": lambda data: bytes(len(data)),
    "another format": lambda _: zlib.compress(b"nothing that git knows"),
}
"""After these an object cannot be read, whatever its content is."""

DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "a bit in its head": _flip(0.1),
    "a bit in the middle": _flip(0.5),
    "a bit at its end": _flip(0.9),
    # Of some, git then takes the type for an unknown one, and ends.
    "a bit where the compressed part begins": lambda data: data[:2] + bytes([data[2] ^ 0x20]) + data[3:],
}
"""After these it mostly cannot be read; where it can, it is what it was."""


def damage(path: Path, how: Callable[[bytes], bytes | None]) -> None:
    """Damage one file."""
    data = how(path.read_bytes())
    path.chmod(0o644)
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)


def git_that_fails(folder: Path, at: str, how: str, *, once: bool) -> str:
    """A PATH whose git does as the real one, but for calls whose arguments hold `at`: there `how`, lines of shell.

    In them `real` runs the real git, and `first "head -n 1"` lets it say so much, upon which it has ended. With `once`
    only the first such call fails.
    """
    folder.mkdir()
    git = shutil.which("git")
    guard = f'mkdir "{folder}/failed" 2>/dev/null' if once else ":"
    script = folder / "git"
    script.write_text(
        f'#!/bin/sh\nreal() {{ {git} "$@"; }}\n'
        # Its input stays open for more requests: it would wait for them, and the shell for it.
        f'first() {{ cut=$1; shift; sh -c \'echo $$ >"$0"; exec {git} "$@"\' "{folder}/$$" "$@" |\n'
        f'  {{ $cut; kill -s PIPE "$(cat "{folder}/$$")"; }} 2>/dev/null; }}\n'
        f'case " $* " in *" {at} "*) if {guard}; then\n{how}\nfi;; esac\nexec {git} "$@"\n'
    )
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
