"""Trees of files to scan: a commit checked out without a repository around it, and a made one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from bench.content import Prose, token
from bench.repository import Copy

_PER_FOLDER = 50


def check_out(repository: Copy, target: Path) -> None:
    """The files of HEAD, without a repository around them."""
    clone = repository.clone(target)
    shutil.rmtree(clone.path / ".git")


def make(target: Path, files: int, planted: int, draw: random.Random) -> None:
    """So many files with sizes like those of source code (half of them below 3 kB), some with a token."""
    prose = Prose(draw)
    chosen = set(draw.sample(range(files), min(planted, files)))
    for number in range(files):
        folder = target / f"part{number // _PER_FOLDER % 20}" / f"module{number // _PER_FOLDER}"
        folder.mkdir(parents=True, exist_ok=True)
        text = prose.piece(min(int(draw.lognormvariate(8.0, 1.2)), 2_000_000))
        if number in chosen:
            text += f'\ntoken = "{token(draw)}"\n'
        (folder / f"file{number}.txt").write_text(text, encoding="utf-8")


def count(tree: Path) -> tuple[int, int]:
    """Files, and bytes in them."""
    sizes = [path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    return len(sizes), sum(sizes)
