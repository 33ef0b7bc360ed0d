"""One configuration file: bytes -> FileSettings. Everything it gets wrong is one line that names file and line.

A repository's own file belongs to what is scanned: it may ignore (which every report shows), name a baseline
inside the repository and add rules, nothing else. Bytes come from wherever the caller found them, the
worktree or the base revision of a change.
"""

from __future__ import annotations

import os
import stat
from functools import reduce
from operator import or_
from pathlib import Path, PurePosixPath

from tokenguard.config.ignore import Ignore, ignores
from tokenguard.config.keys import BASELINE, IGNORE, ISSUERS, KEYS, POLICIES, RULES, by_name, nearest
from tokenguard.config.settings import FileSettings, Layer, Provenance, Setting
from tokenguard.config.strict_yaml import (
    MAX_BYTES,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    compose,
    fault,
    shown,
    text_of,
)
from tokenguard.errors import ConfigError


def read(path: Path, layer: Layer, name: str = "") -> FileSettings | None:
    """What the file at `path` says; None when there is no such file.

    `name` stands for it in messages. A repository's file is not followed when it is a symbolic link.

    Raises:
        ConfigError: it cannot be read, or `parse` refuses it.
    """
    name = name or str(path)
    data = read_bounded(path, MAX_BYTES, name=name, follow=layer is not Layer.REPOSITORY)
    return None if data is None else parse(data, name, layer, path.parent)


def read_bounded(path: Path, limit: int, *, name: str, follow: bool) -> bytes | None:
    """The bytes of a regular file of at most `limit` bytes; None when there is none.

    Raises:
        ConfigError: it is unreadable, too large, or anything but a regular file (a pipe would hang the scan).
    """
    names = ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY", *(() if follow else ("O_NOFOLLOW",)))
    flags = reduce(or_, (getattr(os, each, 0) for each in names), os.O_RDONLY)
    if not follow and path.is_symlink():
        raise ConfigError(f"{name}: a symbolic link", remedy="put the file itself there")
    try:
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{name}: not a regular file", remedy="put a file there or remove it")
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{name}: cannot be read ({reason})", remedy="make it readable or remove it") from None
    if len(data) > limit:
        raise ConfigError(f"{name}: larger than {limit} bytes", remedy="make it shorter")
    return data


def read_inside(top: Path, path: str, limit: int) -> bytes | None:
    """The bytes of a file that a repository's own configuration names, `path` as from `inside`.

    Raises:
        ConfigError: as `read_bounded`; also where a symbolic link leads out of the folder `top`.
    """
    file = top / path
    if not file.parent.resolve().is_relative_to(top.resolve()):
        raise ConfigError(f"{path}: lies outside the repository", remedy="put the file itself there")
    return read_bounded(file, limit, name=path, follow=False)


def parse(text: bytes, name: str, layer: Layer = Layer.REPOSITORY, folder: Path | None = None) -> FileSettings:
    """What the bytes of a configuration file say.

    `name` stands for the file in messages and origins. Relative paths in a user's file start at `folder`;
    those in a repository's file start at its top and stay inside it.

    Raises:
        ConfigError: anything that is not understood, with file and line.
    """
    root = compose(text, name)
    if root is None:
        return FileSettings(name)
    if not isinstance(root, MappingNode):
        raise fault(root, "expected keys with values, such as `fail_on: high`")
    ignore: tuple[Ignore, ...] = ()
    values: list[Setting] = []
    for key, node in root.entries:
        _check_key(key, layer)
        if key.text == IGNORE.name:
            ignore = ignores(node)
        else:
            value = _value(key.text, node, None if layer is Layer.REPOSITORY else folder or Path())
            values.append(Setting(key.text, value, Provenance(layer, key.where)))
    return FileSettings(name, ignore, tuple(values))


def inside(text: str) -> str:
    """`text` as a path that cannot leave the repository whose top it starts at, as git writes it.

    ValueError says why it is none.
    """
    path = PurePosixPath(text)
    if not text or path.is_absolute() or "\\" in text or ":" in text or "\0" in text or not path.parts:
        raise ValueError("not a relative path with forward slashes")
    if ".." in path.parts:
        raise ValueError("a path that leaves the repository")
    return str(path)


def _check_key(node: ScalarNode, layer: Layer) -> None:
    key = by_name(node.text)
    if key is None:
        raise fault(node, f"unknown key {shown(node.text)}", nearest(node.text, (key.name for key in KEYS)))
    if layer is Layer.REPOSITORY and not key.in_repository:
        ways = f", {key.variable} or {key.flag}" if key.read else ""
        raise fault(node, f"a repository's own file may not say {key.name}", f"use your own configuration{ways}")


def _value(name: str, node: Node, folder: Path | None) -> object:
    """The value of a key. `folder` is where relative paths start; None: in the repository, which they stay in."""
    if name == ISSUERS.name:
        from tokenguard.config.issuers import issuers  # start-up time: most files have none

        return issuers(node, folder or Path())
    if name == RULES.name:
        items = node.items if isinstance(node, SequenceNode) else (node,)
        return tuple(_path(item, name, folder) for item in items)
    if name in {BASELINE.name, POLICIES.name}:
        return _path(node, name, folder)
    key, text = by_name(name), text_of(node, name)
    try:
        return key.read(text) if key and key.read else text
    except ValueError as error:
        raise fault(node, f"{name}: {error}") from None


def _path(node: Node, key: str, folder: Path | None) -> Path | str:
    text = text_of(node, key)
    if folder is not None:
        return folder / Path(text).expanduser()
    try:
        return inside(text)
    except ValueError as error:
        raise fault(node, f"{key}: {error}", "name a file of the repository, from its top") from None
