"""A fresh copy of a made store for every execution that changes it, and a server over it."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.stage import Stage
from bench.store.server import Server

FILE = "store.db"


class Fresh:
    """Puts a copy of the folder `made` at `fresh`, and starts a server there whose URL is then in a file.

    Its URL is known only when it runs.
    """

    def __init__(self, stage: Stage, made: Path, *command: str) -> None:
        self._stage = stage
        self._made = made
        self._command = command

    @property
    def folder(self) -> Path:
        """Where the copy is."""
        return self._stage.folder / "fresh"

    @property
    def url_file(self) -> Path:
        """The file with the server's URL."""
        return self._stage.folder / "url"

    def __call__(self) -> None:
        """Before every execution."""
        self._stage.closing.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._made, self.folder)
        if self._command:
            module, *arguments = self._command
            server = self._stage.closing.enter_context(Server(module, *arguments, environ=self._stage.environ))
            self.url_file.write_text(server.url, encoding="ascii")
