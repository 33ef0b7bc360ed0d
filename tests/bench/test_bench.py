"""The bench: what it measures is what it says, on real content; the whole of it once, small."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.contestant import Contestant, Outcome
from bench.execution import Execution, Track
from bench.limit import PeakLimit, RatioLimit, SameLimit, Time
from bench.race import Rounds, Spread
from bench.record import RecordError, read
from bench.repository import Copy
from bench.rule_files import write_many
from bench.tools import CHECKOUT, GREP_C, Tools, find

from bench import content, document, reports, table
from git_repository import RepositoryBuilder
from tokenguard.app.detector import Detector
from tokenguard.app.pipeline import BlobScanner
from tokenguard.model import Blob, Origin
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.ruleset.load import load_paths


def execution(seconds: float, *, failed: bool = False, findings: int = 0, peak: int | None = None) -> Execution:
    return Execution(seconds, seconds, 0, failed, Outcome(findings), peak)


def rounds(**times: list[float | None]) -> Rounds:
    """By contestant the seconds of each round; None: it failed."""
    return Rounds(
        {
            name: tuple(execution(each or 0.0, failed=each is None) for each in seconds)
            for name, seconds in times.items()
        }
    )


# Numbers.


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that becomes ten times slower for a round changes no ratio."""
    done = rounds(ours=[1.0, 10.0, 1.0], theirs=[2.0, 20.0, 2.0])
    verdict = RatioLimit("", Time("ours"), Time("theirs"), 0.5).verdict(done)
    assert (verdict.measured, verdict.result) == ("0.50 (0.50 to 0.50)", "held")


@pytest.mark.parametrize(("at_most", "result"), [(1.0, "held"), (0.95, "held within 10 %"), (0.9, "MISSED")])
def test_a_limit_holds_within_a_tenth(at_most: float, result: str) -> None:
    done = rounds(ours=[1.0], theirs=[1.0])
    assert RatioLimit("", Time("ours"), Time("theirs"), at_most).verdict(done).result == result


def test_a_round_that_failed_counts_for_nothing() -> None:
    done = rounds(ours=[1.0, 1.0, 1.0], theirs=[None, 4.0, 4.0])
    assert RatioLimit("", Time("ours"), Time("theirs"), 1.0).verdict(done).measured == "0.25 (0.25 to 0.25)"
    never = rounds(ours=[1.0], theirs=[None])
    assert RatioLimit("", Time("ours"), Time("theirs"), 1.0).verdict(never).result == "not measured"


def test_a_peer_that_is_not_installed_holds_no_limit() -> None:
    assert RatioLimit("", Time("ours"), Time("absent"), 1.0).verdict(rounds(ours=[1.0])).result == "not measured"


def test_start_up_is_taken_off_both() -> None:
    done = rounds(ours=[3.0], ours_empty=[1.0], theirs=[2.0], theirs_empty=[1.0])
    limit = RatioLimit("", Time("ours", less="ours_empty"), Time("theirs", less="theirs_empty"), 2.0)
    assert limit.verdict(done).measured.startswith("2.00 ")


def test_the_largest_peak_counts() -> None:
    done = Rounds({"ours": (execution(1, peak=100_000_000), execution(1, peak=200_000_000))})
    assert PeakLimit("", "ours", 150e6).verdict(done).result == "MISSED"
    assert PeakLimit("", "ours", 200e6).verdict(done).result == "held"


def test_different_findings_are_seen() -> None:
    same = Rounds({"first": (execution(1, findings=5),), "second": (execution(1, findings=5),)})
    other = Rounds({"first": (execution(1, findings=5),), "second": (execution(1, findings=4),)})
    limit = SameLimit("", ("first", "second"))
    assert (limit.verdict(same).result, limit.verdict(other).result) == ("held", "MISSED")


def test_the_median_is_of_the_middle() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([]) is None


# Executions.


@pytest.fixture
def track(tmp_path: Path) -> Track:
    return Track(tmp_path, {})


def python(code: str, **options: object) -> Contestant:
    return Contestant("python", (sys.executable, "-c", code), reports.nothing, **options)  # type: ignore[arg-type]


def test_time_is_that_of_the_process(track: Track) -> None:
    done = track.run(python("import time; time.sleep(0.3)"))
    assert 0.3 <= done.seconds < 10
    assert done.cpu_seconds < done.seconds
    assert not done.failed


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_a_peak_is_the_process_s_own(track: Track) -> None:
    """A child that takes 300 MB is not counted; 100 MB that were given back are."""
    code = (
        "import subprocess, sys, time; a = bytearray(100 << 20); time.sleep(.1); del a;"
        "subprocess.run([sys.executable, '-c', 'import time; b = bytearray(300 << 20); time.sleep(.2)'])"
    )
    peak = track.run(python(code, memory=True)).peak_bytes
    assert peak is not None
    assert 100 << 20 <= peak < 250 << 20


def test_an_unknown_exit_code_is_a_failure(track: Track) -> None:
    assert track.run(python("raise SystemExit(7)")).failed
    assert not track.run(python("raise SystemExit(7)", accepted=frozenset({7}))).failed


def test_a_report_that_cannot_be_read_is_a_failure(track: Track) -> None:
    assert track.run(Contestant("", (sys.executable, "-c", "pass"), reports.tokenguard)).failed


def test_grep_counts_every_line(track: Track, tmp_path: Path) -> None:
    """It stops at the first one when its output is /dev/null."""
    tree = tmp_path / "tree"
    tree.mkdir()
    draw = content.generator("grep")
    for number in range(3):
        (tree / f"{number}").write_text("".join(f"{content.token(draw)}\n" for _ in range(4)))
    (grep,) = (each for each in Tools(find(), tmp_path).greps(tree) if each.name == GREP_C)
    assert track.run(grep).outcome.findings == 12


# Made content.


def findings(text: str) -> int:
    blob = Blob.of(Origin("file", "made"), text.encode("latin-1"))
    return len(BlobScanner(Detector(load_builtin())).scan(blob).matches)


def test_tokens_are_found_and_look_alikes_are_not() -> None:
    draw = content.generator("shapes")
    assert findings("".join(f"{content.token(draw)}\n" for _ in range(100))) == 100
    assert findings("".join(f"{content.look_alike(draw)}\n" for _ in range(300))) == 0
    assert findings(content.Prose(draw).piece(100_000)) == 0


def test_a_seed_gives_the_same_content() -> None:
    def drawn(seed: str) -> list[str]:
        return list(itertools.islice(content.lines_of(content.generator(seed), content.wrapped), 50))

    assert drawn("one") == drawn("one")
    assert drawn("one") != drawn("two")


def test_made_rules_load(tmp_path: Path) -> None:
    write_many(tmp_path / "rules.yaml", 200, content.generator("rules"))
    rules = load_paths((tmp_path / "rules.yaml",))
    assert len({rule.id for rule in rules}) == 200


# Copies.


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    builder = RepositoryBuilder(tmp_path / "measured")
    for number in range(3):
        builder.commit({"notes/a.txt": f"line {number}\n" * 50, f"b{number}.txt": f"{number}\n" * 20})
    return builder


def test_missing_blobs_are_stood_in_for(repository: RepositoryBuilder, tmp_path: Path) -> None:
    """What reads diffs gets to the end then; the original stays as it is."""
    blob = repository.oid("HEAD~1:notes/a.txt")
    loose = repository.path / ".git" / "objects" / blob[:2] / blob[2:]
    loose.unlink()
    copy = Copy(repository.path, os.environ).mirror(tmp_path / "copy.git")
    assert copy.stand_in() == 1
    assert copy.git("log", "-p", "--all")
    assert not loose.exists()


def test_planted_commits_are_reachable(repository: RepositoryBuilder, tmp_path: Path) -> None:
    copy = Copy(repository.path, os.environ).mirror(tmp_path / "copy.git")
    before = repository.oid("HEAD")
    copy.plant(content.generator("plant"), ["one\n", "two\n", "three\n", "four\n"])
    assert len(copy.git("log", "--all", "--format=%H", "--", "planted").split()) == 4
    assert repository.oid("HEAD") == before


# The whole.

SMALL = ("second-scan", "staged-leak", "hostile")
STORE = ("introspection", "look-up", "revocations", "alerts")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a run on a tiny repository."""
    folder = tmp_path_factory.mktemp("bench")
    builder = RepositoryBuilder(folder / "measured")
    builder.commit({f"file{number}.txt": f"line {number}\n" * (number + 1) for number in range(20)})
    out = folder / "record.json"
    options = ("--rounds", "1", "--scale", "0.001", "--work", str(folder), "--out", str(out), "--name", "tiny")
    scenarios = ("--only", *SMALL, "--without", "betterleaks", "kingfisher")
    command = [sys.executable, "-m", "bench", "--repo", str(builder.path), *options, *scenarios]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "tokenguard scan staged" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["measured", "record.json"]
    return out


def test_a_run_finds_what_was_planted(record: Path) -> None:
    scenarios = {scenario.name: scenario for scenario in read(record).scenarios}
    assert tuple(scenarios) == SMALL
    found = {
        name: [each.outcome.findings for each in done]
        for scenario in scenarios.values()
        for name, done in scenario.executions.items()
    }
    assert found["the first scan"] == found["the second, after 10 new commits"] == [5]
    assert found["tokenguard scan staged"] == [1]
    assert found.get("gitleaks", [1]) == [1]
    assert found["text"] == found["look-alikes"] == [0]
    assert all(number and number > 100 for number in found["tokens"])


@pytest.fixture(scope="module")
def store_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenarios of the token store once, on hardly anything; no repository."""
    folder = tmp_path_factory.mktemp("store-bench")
    out = folder / "record.json"
    options = ("--rounds", "1", "--scale", "0.002", "--work", str(folder), "--out", str(out))
    command = [sys.executable, "-m", "bench", "--only", *STORE, *options]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["record.json"]
    return out


def test_the_store_is_measured_at_work(store_record: Path) -> None:
    scenarios = {scenario.name: scenario for scenario in read(store_record).scenarios}
    assert tuple(scenarios) == STORE
    done = {name: each[0].outcome for scenario in scenarios.values() for name, each in scenario.executions.items()}
    assert done.pop("introspection, PostgreSQL", Outcome(40)).findings == 40
    assert {name: outcome.findings for name, outcome in done.items()} == {
        "a constant": 40, "introspection, SQLite": 40, "among 1,000 tokens": 100, "among 2,000 tokens": 100,
        "plain sqlite3, ten transactions": 20, "revoked through the client": 20,
        "bare endpoint, one commit": 2, "alerts of one token": 2, "one alert of all tokens": 20,
    }  # fmt: skip
    assert all(outcome.complete and outcome.seconds for outcome in done.values())
    assert "The token store" in table.markdown(read(store_record))


def test_no_token_of_the_store_is_kept(store_record: Path) -> None:
    assert findings(store_record.read_text()) == 0


def test_a_record_names_versions_and_commands_but_no_folder(record: Path, tmp_path: Path) -> None:
    document = json.loads(record.read_text())
    assert {"git", "tokenguard"} <= set(document["versions"])
    assert document["repository"]["name"] == "tiny"
    commands = document["scenarios"][1]["commands"]
    assert commands["tokenguard scan staged"].startswith("$PYTHON/bin/tokenguard scan staged --repo $WORK/")
    assert str(tmp_path.parent) not in record.read_text()


def test_a_record_is_shown(record: Path) -> None:
    run = read(record)
    for render in (table.plain, table.markdown):
        shown = render(run)
        assert all(scenario.title in shown for scenario in run.scenarios)
        assert "second scan ÷ first" in shown


def test_no_token_is_kept(record: Path) -> None:
    assert findings(record.read_text()) == 0


def test_something_else_is_no_record(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]")
    with pytest.raises(RecordError, match=r"other\.json"):
        read(other)


def test_a_repository_must_be_named() -> None:
    done = subprocess.run([sys.executable, "-m", "bench"], cwd=CHECKOUT, capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert "--repo" in done.stderr


def test_make_hands_options_on() -> None:
    asked = ["make", "--dry-run", "bench", "REPO=some where", "OPTIONS=--only history --rounds 3"]
    done = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, check=True, text=True)
    assert '-m bench --repo "some where" --only history --rounds 3\n' in done.stdout


def test_the_document_shows_the_published_records() -> None:
    """To mend it: python -m bench.document."""
    text = document.DOCUMENT.read_text(encoding="utf-8")
    assert document.rendered(text) == text
