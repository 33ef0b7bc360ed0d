"""The jsonl format: one finding a line, then one line of type `summary` with everything else.

A stream without the summary line was cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.report.json_document import document
from tokenguard.report.json_encoding import encode

if TYPE_CHECKING:
    from typing import TextIO

    from tokenguard.model.report import Report
    from tokenguard.report.format import Options

name = "jsonl"


def write(report: Report, out: TextIO, _options: Options) -> None:
    """Write the lines; `findings` of the summary is how many of them came before it."""
    whole = document(report)
    findings = whole.pop("findings")
    out.writelines(encode({"type": "finding", **finding}) + "\n" for finding in findings)
    out.write(encode({"type": "summary", **whole, "findings": len(findings)}) + "\n")
