"""What git objects other than blobs hold as text: messages, people, file names.

Formats: gitformat-commit and gitformat-tag as written by git; a tree is `mode SP name NUL id` again and again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from tokenguard.model import Blob, Origin

_PEOPLE = {b"author": "author", b"committer": "committer", b"tagger": "tagger"}
_MESSAGES = {"commit": "commit message", "tag": "tag message"}
_TREE_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0")


def texts(source: str, kind: str, oid: str, data: bytes) -> Iterator[Blob]:
    """The texts of a commit, tag or tree, each under the name of its place."""
    if kind == "tree":
        names = b"\n".join(name for name, _ in tree_names(data, len(oid) // 2))
        yield Blob.of(Origin(source, "file name", blob=oid), names)
        return
    header, _, message = data.partition(b"\n\n")
    commit = oid if kind == "commit" else None
    rest = []
    for line in header.split(b"\n"):
        word, _, value = line.partition(b" ")
        if word in _PEOPLE:
            yield Blob.of(Origin(source, _PEOPLE[word], blob=oid, commit=commit), value)
        else:
            rest.append(line)
    # Signatures, merged tags, encodings and headers of other programs.
    yield Blob.of(Origin(source, f"{kind} header", blob=oid, commit=commit), b"\n".join(rest))
    yield Blob.of(Origin(source, _MESSAGES[kind], blob=oid, commit=commit), message)


def tree_names(data: bytes, id_size: int) -> Iterator[tuple[bytes, str]]:
    """Name and object id of each entry of a tree; ends where the data is no tree."""
    at = 0
    while (entry := _TREE_ENTRY.match(data, at)) is not None:
        at = entry.end() + id_size
        yield entry.group(2), data[entry.end() : at].hex()


def shown_name(name: bytes) -> str:
    """A file name as text; bytes that are not UTF-8 become surrogate escapes."""
    return os.fsdecode(name)
