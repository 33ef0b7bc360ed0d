"""Markdown (CommonMark and GitHub's and GitLab's dialects) out of text that nobody vouches for.

Text goes into code spans, where neither links, HTML, mentions nor emphasis arise; only plain words stay outside.
"""

from __future__ import annotations

import re

from tokenguard.report.escape import shown

# A word that means nothing in Markdown: no sign of emphasis, link, HTML, entity, table, heading, mention or
# emoji, nothing that the dialects turn into a link, and no list or heading mark where it starts a line.
_PLAIN_WORD = re.compile(r"(?!.*(?://|www\.|:.*:))(?!\d+[.)])['\"(]?[^\W_](?:[^\W_]|[-.,:;?/%='\"()])*", re.IGNORECASE)

# A code span that was meant as one, with the marks of a sentence around it; else a word.
_PIECE = re.compile(r"(\(?)`([^`]*[^`\s][^`]*)`([).,;]*)(?!\S)|\S+")


def code(text: str, *, limit: int | None = None) -> str:
    """`text` as a code span, also safe in a table cell: its backticks and pipes are quoted away."""
    return f"`{shown(text, also='`|', limit=limit)}`" if text else ""


def prose(text: str, *, limit: int | None = None) -> str:
    """`text` as one paragraph in which every word that could be markup is a code span; its own code spans stay ones.

    Beyond `limit` characters of Markdown it ends in `…`, after a whole word.
    """
    paragraph = ""
    for word in map(_piece, _PIECE.finditer(text)):
        longer = f"{paragraph} {word}" if paragraph else word
        if limit is not None and len(longer) > limit - 2:
            return f"{paragraph} …"
        paragraph = longer
    return paragraph


def _piece(found: re.Match[str]) -> str:
    before, span, after = found.groups()
    return _word(found[0]) if span is None else before + code(" ".join(span.split())) + after


def _word(word: str) -> str:
    if _PLAIN_WORD.fullmatch(word):
        return word
    core = word.rstrip(").,;") or word
    return code(core) + word[len(core) :]
