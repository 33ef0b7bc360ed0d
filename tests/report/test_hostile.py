"""A scanned thing chooses names, authors, refs and reasons: in no format may they do more than be read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import cmarkgfm  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.model import Report
from tokenguard.report import escape
from tokenguard.report.csv_table import COLUMNS
from tokenguard.report.escape import portable, shown
from tokenguard.report.format import Options
from tokenguard.report.markup import prose
from tokenguard.report.place import _NAMES, _NO_FILES
from tokenguard.report.registry import FORMATS

ATTACKS = (
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "a\n::error file=x::b\r\n::stop-commands::c",
    "%0A::error::x",
    " ::add-mask::x",
    "##[stop-commands]x ##vso[task.setvariable]y",
    "a,line=1:2::x",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "'=1",
    "\uff1d1",
    '","=1',
    "| a | b |\n|---|---|",
    "`code` ``more`` `",
    "\\`\\|",
    "<script>alert(1)</script><!-- --><b>",
    "[link](https://evil.example) ![image](x) <https://evil.example>",
    "https://evil.example www.evil.example root@evil.example",
    "@octocat #1 GH-1 :smile: *b* _i_ ~~s~~ $x$ &amp; &#64;octocat",
    "]]></failure><testcase/>",
    "{0} {{1}} [a](1)",
    "\u202egnp.exe\u2066\u200b\ufeff\u2028\u2029\x85",
    "caf\udce9.env",
    "\ud800\udfff",
    "\ufffe\uffff\x00",
    '"already quoted\\351"',
    "../../etc/passwd",
    "",
    " ",
)
NAMES = st.binary(max_size=20).map(lambda name: name.decode("utf-8", "surrogateescape"))
PARTS_OF_A_REPOSITORY = {*_NO_FILES, *_NAMES}
"""Paths that are no file, and reported differently. Hypothesis reads them in our source and tries them."""
ANYTHING = st.one_of(NAMES, st.text(max_size=20), st.text(st.characters(codec=None), max_size=20)).filter(
    lambda text: text not in PARTS_OF_A_REPOSITORY
)

HostileReport = Callable[[str], Report]
Render = Callable[..., str]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_format_writes_an_unsafe_character(
    name: str, attack: str, hostile_report: HostileReport, render: Render
) -> None:
    written = render(name, hostile_report(attack))
    written.encode()
    ends = "\r\n" if name == "csv" else "\n"
    # The format for GitHub consists of commands: whether others get into it is the next test's matter.
    assert not re.search(escape._UNSAFE, written.replace(ends, ""))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_format_commands_a_ci_runner(name: str, attack: str, hostile_report: HostileReport, render: Render) -> None:
    """But the one that is there to do so, with commands of its own."""
    ours = re.compile("::(error|warning|notice) " if name == "github" else "(?!)")
    lines = render(name, hostile_report(attack)).splitlines()
    obeyed = [line for line in lines if line.lstrip().startswith("::") or re.search(r"##[A-Za-z]*\[", line)]
    assert [line for line in obeyed if not ours.match(line)] == []


@pytest.mark.parametrize("name", ["text", "github", "jsonl", "csv"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_adds_a_line(name: str, attack: str, hostile_report: HostileReport, render: Render) -> None:
    plain = render(name, hostile_report("word"), Options(width=10_000))
    # Two formats leave out what is empty; no text makes any of them longer.
    assert render(name, hostile_report(attack), Options(width=10_000)).count("\n") <= plain.count("\n")


def test_text_quotes_once(hostile_report: HostileReport, render: Render) -> None:
    written = render("text", hostile_report("caf\udce9"))
    assert written.count('"caf\\351"') == written.count("caf")
    assert '\\"' not in written


@given(ANYTHING)
def test_json_gives_every_text_back(hostile_report: HostileReport, render: Render, text: str) -> None:
    expected = portable(text)
    document = json.loads(render("json", hostile_report(text)))
    location = document["findings"][0]["locations"][0]
    assert {location[key] for key in ("path", "author", "ref", "commit", "blob", "command")} == {expected}
    assert location["via"] == [expected, expected]
    assert document["suppressed"][0]["reason"] == document["skipped"][0]["what"] == expected
    finding, _ = render("jsonl", hostile_report(text)).splitlines()
    assert json.loads(finding)["locations"] == [location]


@given(ANYTHING)
def test_csv_gives_every_text_back(hostile_report: HostileReport, render: Render, text: str) -> None:
    rows = list(csv.DictReader(io.StringIO(render("csv", hostile_report(text)), newline="")))
    assert [row["kind"] for row in rows] == [
        "finding",
        "suppressed",
        "suppressed",
        "revocation",
        "skipped",
        "error",
        "summary",
    ]
    for column in ("path", "author", "ref", "commit", "title"):
        assert rows[0][column] in (shown(text), "'" + shown(text))
    assert all(set(row) == set(COLUMNS) for row in rows)


@given(ANYTHING)
def test_csv_has_no_formula(hostile_report: HostileReport, render: Render, text: str) -> None:
    for row in csv.reader(io.StringIO(render("csv", hostile_report(text)), newline="")):
        assert not [cell for cell in row if re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)]


@given(ANYTHING)
def test_junit_gives_every_text_back(hostile_report: HostileReport, render: Render, text: str) -> None:
    root = ET.fromstring(render("junit", hostile_report(text)))  # noqa: S314 - our own output
    assert [case.find("*").tag for case in root.iter("testcase")] == ["failure", "skipped", "skipped", "error"]  # type: ignore[union-attr]
    assert root.find(".//testcase").get("file") == shown(text)  # type: ignore[union-attr]


def _undo(text: str) -> str:
    for escaped, plain in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escaped, plain)
    return text


@given(ANYTHING)
def test_github_commands_keep_their_shape(hostile_report: HostileReport, render: Render, text: str) -> None:
    lines = render("github", hostile_report(text)).removesuffix("\n").split("\n")
    assert [line.split(" ", 1)[0] for line in lines] == ["::error", "::warning", "::error", "::error", "::notice"]
    head, _, message = lines[0].removeprefix("::error ").partition("::")
    properties = dict(pair.split("=", 1) for pair in head.split(","))
    assert list(properties) == ["file", "line", "endLine", "col", "endColumn", "title"]
    assert _undo(properties["file"]) == shown(text)
    commit = f", commit {shown(text)}" if text else ""
    assert _undo(message).startswith(f"{shown(text)}: {shown(text)}{commit}")


class _Tags(HTMLParser):
    """The tags of a page, and the text inside `code`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.code: list[str] = []
        self._inside = False
        self.rest = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not attrs or tag == "ul"
        self._inside = tag == "code"
        if self._inside:
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.code[-1] += data
        else:
            self.rest += data


TABLE_TAGS = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "code", "br", "ul", "li"}


def _check_page(text: str, written: str) -> None:
    page = _Tags(cmarkgfm.github_flavored_markdown_to_html(written, options=cmarkgfm.Options.CMARK_OPT_UNSAFE))
    assert page.tags <= TABLE_TAGS
    assert "@" not in page.rest
    assert written.count("\n### ") == (6 if text else 5)  # the last section is the remediation
    if text and "`" not in text and "|" not in text and shown(text).strip() == shown(text) != "":
        assert page.code.count(shown(text)) >= 8


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_stays_a_table_under_attack(attack: str, hostile_report: HostileReport, render: Render) -> None:
    _check_page(attack, render("markdown", hostile_report(attack)))


@given(ANYTHING)
def test_markdown_stays_a_table(hostile_report: HostileReport, render: Render, text: str) -> None:
    _check_page(text, render("markdown", hostile_report(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run `tokenguard revoke\n --yes`, then (`x`).", "run `tokenguard revoke --yes`, then (`x`)."),
        ("`a|b`", '`"a\\174b"`'),
        ("`a`*b*", '`"\\140a\\140*b*"`'),
        ("`a and b", '`"\\140a"` and b'),
    ],
)
def test_code_in_prose_stays_code(text: str, expected: str) -> None:
    assert prose(text) == expected


def test_prose_is_cut_after_a_whole_word() -> None:
    assert prose("a ``b c", limit=100) == 'a `"\\140\\140b"` c'
    assert prose("a ``b c", limit=10) == "a …"
    assert len(prose("`word` " * 1000, limit=7000)) <= 7000


@given(st.text("ab1._-@#:/w(`|<>[]()*~!&\\\"' \n=+", max_size=40))
def test_prose_is_one_plain_paragraph(text: str) -> None:
    page = _Tags(cmarkgfm.github_flavored_markdown_to_html(f"Note: {prose(text)}"))
    assert page.tags <= {"p", "code"}
    assert "@" not in page.rest


def test_markdown_stays_below_githubs_limit(hostile_report: HostileReport, render: Render) -> None:
    report = hostile_report("\u202e" * 400)
    many = replace(report, findings=report.findings * 3000, suppressed=report.suppressed * 100)
    written = render("markdown", many)
    assert len(written.encode()) < 1024 * 1024
    assert "more rows did not fit here" in written
    assert "3,000 findings in 3,000 places" in written


@pytest.mark.parametrize("attack", ATTACKS)
def test_sarif_messages_hold_no_link_and_no_placeholder(
    attack: str, hostile_report: HostileReport, render: Render
) -> None:
    run = json.loads(render("sarif", hostile_report(attack)))["runs"][0]
    notifications = run["invocations"][0]["toolExecutionNotifications"]
    texts = [item["message"]["text"] for item in (*run["results"], *notifications)]
    assert len(texts) == 5
    for text in texts:
        if not text.startswith('"'):  # a title that does: the whole message is quoted once more
            assert not set(re.sub(r"\\[\[\]\\]|\{\{|\}\}", "", text)) & set("[]{}\\")
    for result in run["results"]:
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].isascii()
