"""The tables of docs/benchmarks.md, from the published records: `python -m bench.document`.

With --check nothing is written; exit 1 says that the document shows something else than the records.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import table
from bench.record import read

CHECKOUT = Path(__file__).resolve().parent.parent
DOCUMENT = CHECKOUT / "docs" / "benchmarks.md"
PUBLISHED = CHECKOUT / "bench" / "runs" / "published"
BEGIN, END = "<!-- bench: tables begin -->", "<!-- bench: tables end -->"
_NONE = "No run has been published yet."


def rendered(text: str, published: Path = PUBLISHED) -> str:
    """The document with the tables of all published records between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the document lacks its marks: {BEGIN} and {END}")
    records = sorted(published.glob("*.json")) if published.is_dir() else []
    tables = "\n\n".join(table.markdown(read(record)) for record in records) or _NONE
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main() -> int:
    """Write the document, or check it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = rendered(text)
    if "--check" in sys.argv[1:]:
        return int(text != wanted)
    DOCUMENT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
