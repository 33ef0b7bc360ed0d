"""Which layer wins, where each value came from, and what is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenguard.config.display import Shown, described, without_login
from tokenguard.config.file import parse
from tokenguard.config.keys import KEYS, size
from tokenguard.config.resolve import resolve
from tokenguard.config.settings import FileSettings, Layer, Settings
from tokenguard.errors import ConfigError
from tokenguard.model import Severity


def repository(text: str) -> FileSettings:
    return parse(text.encode(), ".tokenguard.yaml")


def user(text: str) -> FileSettings:
    return parse(text.encode(), "/home/u/config.yaml", Layer.USER, Path("/home/u"))


def origin(settings: Settings, key: str) -> list[tuple[Layer, str]]:
    return [(each.provenance.layer, each.provenance.where) for each in settings.origins if each.key == key]


def test_nothing_said() -> None:
    assert resolve(environ={}) == Settings(origins=resolve(environ={}).origins)
    assert origin(resolve(environ={}), "cache") == [(Layer.DEFAULT, "")]


def test_a_later_layer_wins() -> None:
    file = user("jobs: 1\nfail_on: low\n")
    environ = {"TOKENGUARD_JOBS": "2"}
    assert resolve(environ={}, user=file).jobs == 1
    assert resolve(environ=environ, user=file).jobs == 2
    settings = resolve(environ=environ, user=file, flags={"jobs": 3, "fail_on": None})
    assert (settings.jobs, settings.fail_on) == (3, Severity.LOW)
    assert origin(settings, "jobs") == [(Layer.FLAG, "--jobs")]
    assert origin(settings, "fail_on") == [(Layer.USER, "/home/u/config.yaml:2")]


def test_a_later_layer_can_say_no() -> None:
    environ = {"TOKENGUARD_STRICT_ALLOW": "false", "TOKENGUARD_CACHE": "0"}
    settings = resolve(environ=environ, user=user("strict_allow: true\ncache: true\n"))
    assert (settings.strict_allow, settings.cache) == (False, False)
    assert origin(resolve(environ={}, flags={"cache": False}), "cache") == [(Layer.FLAG, "--no-cache")]


def test_one_baseline_counts() -> None:
    own = repository("baseline: ./ci/known\n")
    assert resolve(environ={}, repository=own).repository_baseline == "ci/known"
    assert resolve(environ={}, repository=own).baseline is None
    settings = resolve(environ={"TOKENGUARD_BASELINE": "/b"}, repository=own, user=user("baseline: known\n"))
    assert (settings.baseline, settings.repository_baseline) == (Path("/b"), None)
    settings = resolve(environ={}, repository=own, user=user("baseline: known\n"))
    assert (settings.baseline, settings.repository_baseline) == (Path("/home/u/known"), None)


def test_rules_and_ignore_add_up_and_the_repositorys_stay_apart() -> None:
    entry = "ignore:\n- {path: %s, reason: r}\n"
    settings = resolve(
        environ={"TOKENGUARD_RULES": "/e1::/e2"},
        repository=repository("rules: own.yaml\n" + entry % "a"),
        user=user("rules: [mine.yaml, /abs.yaml]\n" + entry % "b"),
        flags={"rules": (Path("flag.yaml"),)},
    )
    users = ("/home/u/mine.yaml", "/abs.yaml", "/e1", "/e2", "flag.yaml")
    assert settings.rules == tuple(map(Path, users))
    assert settings.repository_rules == ("own.yaml",)
    assert [each.where for each in settings.ignore] == ["/home/u/config.yaml:3", ".tokenguard.yaml:3"]
    assert [layer for layer, _ in origin(settings, "rules")] == [
        Layer.REPOSITORY,
        Layer.USER,
        Layer.ENVIRONMENT,
        Layer.FLAG,
    ]
    assert [layer for layer, _ in origin(settings, "ignore")] == [Layer.REPOSITORY, Layer.USER]


def test_in_ci_the_cache_is_off_unless_asked_for() -> None:
    assert resolve(environ={"CI": "true"}).cache is False
    assert origin(resolve(environ={"CI": "true"}), "cache") == [(Layer.DEFAULT, "CI is set")]
    assert resolve(environ={"CI": "true", "TOKENGUARD_CACHE": "true"}).cache is True
    assert resolve(environ={"CI": ""}).cache is True


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("JOBS", "x", "TOKENGUARD_JOBS: 'x' is not a number of threads from 1 to 256; correct or unset the variable"),
        ("FAIL_ON", "bad", "TOKENGUARD_FAIL_ON: 'bad' is not one of info"),
        ("CACHE", "perhaps", "TOKENGUARD_CACHE: 'perhaps' is neither true nor false"),
        ("BASELINE", "a\0b", "TOKENGUARD_BASELINE: not a path"),
    ],
)
def test_a_variable_that_is_not_understood(name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(environ={f"TOKENGUARD_{name}": value})
    assert str(caught.value).startswith(message)


def test_an_empty_variable_says_nothing() -> None:
    settings = resolve(environ={key.variable: "" for key in KEYS})
    assert settings == resolve(environ={})


def test_a_variable_that_means_nothing_is_noted() -> None:
    environ = {"TOKENGUARD_JBOS": "1", "TOKENGUARD_TOKEN": "t", "TOKENGUARD_CONFIG": "c", "TOKENGUARD_JOBS": "1"}
    assert resolve(environ=environ).notes == (
        "the environment variable TOKENGUARD_JBOS means nothing here; did you mean TOKENGUARD_JOBS?",
    )
    # What a repository's own file may not be is no variable either.
    assert resolve(environ={"TOKENGUARD_ISSUERS": "x"}).notes != ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("512k", 512 << 10), ("10M", 10 << 20), ("10MB", 10 << 20), ("10MiB", 10 << 20), ("2g", 2 << 30)],
)
def test_sizes(text: str, expected: int) -> None:
    assert size(text) == expected


def test_every_key_is_described_with_its_origin() -> None:
    text = "server: https://bot:hunter2@store.example/t\nissuers:\n  binboi-access-token: store\nfail_on: high\n"
    settings = resolve(
        environ={"TOKENGUARD_MAX_SIZE": "1k"},
        user=user(text + "ignore:\n- {path: a, reason: r}\n"),
        flags={"strict_allow": True, "rules": (Path("a"), Path("b"))},
    )
    lines = described(settings)
    assert {line.key for line in lines} == {key.name for key in KEYS}
    assert {
        Shown("server", "https://…@store.example/t", "user: /home/u/config.yaml:1"),
        Shown("issuers", "binboi-access-token: store", "user: /home/u/config.yaml:2"),
        Shown("fail_on", "high", "user: /home/u/config.yaml:4"),
        Shown("ignore", "/home/u/config.yaml:6", "user: /home/u/config.yaml"),
        Shown("max_size", "1024", "environment: TOKENGUARD_MAX_SIZE"),
        Shown("strict_allow", "true", "flag: --strict-allow"),
        Shown("rules", "a, b", "flag: --rules"),
        Shown("cache", "true", "default"),
        Shown("jobs", "not set", "default"),
    } <= set(lines)
    assert "hunter2" not in str(lines)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://store.example/a", "https://store.example/a"),
        ("https://user:pass@store.example/a", "https://…@store.example/a"),
        ("https://token@store.example", "https://…@store.example"),
        ("https://user:p@ss/w@store.example:8443/a", "https://…@store.example:8443/a"),
        ("https://store.example/a?token=t#f", "https://store.example/a?…"),
        ("/a/path", "/a/path"),
    ],
)
def test_the_login_of_a_url_is_not_shown(url: str, expected: str) -> None:
    assert without_login(url) == expected
