"""`revoke --token-stdin` by somebody who sees no tokens in the store but their own: what is sent, and what dies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

import plant
from cli.program import run
from cli.served import Served, served, text_of
from respond.web import Asked, Reply, Web, reply
from tokenguard.model.token import NewToken, TokenFilter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEAD, ALIVE, UNREACHED = 0, 1, 3
_LEAKED = "/api/v1/revocations/leaked"


@dataclass
class Relay:
    """Hands requests on to the real server, but for those that are to fail; remembers all that came in."""

    to: str
    fails: dict[str, Reply] = field(default_factory=dict)
    seen: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        self.seen.append(asked)
        if (failure := self.fails.get(asked.path)) is not None:
            return failure
        headers = {name: value for name, value in asked.headers.items() if name in {"authorization", "content-type"}}
        got = requests.request(asked.method, self.to + asked.path, data=asked.body, headers=headers, timeout=30)
        return Reply(got.status_code, got.content, {"Content-Type": got.headers.get("Content-Type", "")})

    def carried(self, token: str) -> list[str]:
        """The calls that a token went out with."""
        return [asked.path for asked in self.seen if token.encode() in asked.body]


@dataclass
class Shop:
    """A server, the relay before it, and Bob, who may manage tokens."""

    server: Served
    relay: Relay
    folder: Path

    def mint(self, name: str, **more: Any) -> str:
        made = self.server.service.create_token(NewToken(name, family=plant.KEEBAI, **more))
        assert made.token is not None
        return text_of(made.token)

    def status(self, token: str) -> str:
        name = hashlib.sha256(token.encode()).hexdigest()
        page = self.server.service.list_tokens(TokenFilter(everyone=True, token_sha256=name))
        return page.tokens[0].status.value

    def revoke(self, *tokens: str, yes: bool = True, more: tuple[str, ...] = ()) -> tuple[int, list[str], str]:
        """The exit code, the outcomes, and the details in one."""
        said = ("--token-stdin", "--json", *(("--yes",) if yes else ()), *more)
        done = run("revoke", *said, cwd=self.folder, stdin="\n".join(tokens).encode())
        results = done.report["results"]
        return done.code, [each["outcome"] for each in results], " ".join(each["detail"] for each in results)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with served(tmp_path) as server, Web(relay := Relay(server.url)).running() as web:
        server.service.create_user(email="bob@example.org", name="Bob", role="developer")
        monkeypatch.setenv("TOKENGUARD_SERVER", web.url)
        monkeypatch.setenv("TOKENGUARD_TOKEN", server.token_of("bob@example.org", "developer.manage_tokens"))
        yield Shop(server, relay, tmp_path)


def test_somebody_elses_dies_and_what_is_nobodys_is_not_found(shop: Shop) -> None:
    theirs, mine = shop.mint("pasted into a chat"), shop.mint("bob's", owner="bob@example.org")
    code, outcomes, details = shop.revoke(theirs, mine, plant.token(plant.KEEBAI))
    assert (code, outcomes) == (ALIVE, ["revoked", "revoked", "not_found"])
    assert "somebody else's: handed in as leaked" in details
    assert (shop.status(theirs), shop.status(mine)) == ("revoked", "revoked")
    assert shop.relay.carried(mine) == []
    assert shop.revoke(theirs)[:2] == (ALIVE, ["not_found"])


def test_a_dry_run_sends_no_token(shop: Shop) -> None:
    theirs = shop.mint("pasted into a chat")
    code, outcomes, details = shop.revoke(theirs, yes=False)
    assert (code, outcomes) == (ALIVE, ["not_found"])
    assert "with --yes it is handed in" in details
    assert shop.relay.carried(theirs) == []
    assert shop.status(theirs) == "active"


def test_a_bait_is_not_told(shop: Shop) -> None:
    bait, unknown = shop.mint("bait", honeytoken=True), plant.token(plant.KEEBAI)
    assert shop.revoke(bait) == shop.revoke(unknown)
    assert shop.status(bait) == "active"


def test_who_sees_everything_need_not_hand_it_in(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENGUARD_TOKEN", shop.server.admin)
    unknown = plant.token(plant.KEEBAI)
    assert shop.revoke(unknown)[:2] == (ALIVE, ["not_found"])
    assert shop.relay.carried(unknown) == []


@pytest.mark.parametrize(
    ("failure", "outcome", "ends"),
    [
        (reply({"code": "UNAVAILABLE", "title": "later"}, 503), "unreachable", UNREACHED),
        (reply({"code": "RATE_LIMITED", "title": "too often"}, 429), "unreachable", UNREACHED),
        (reply({"code": "FORBIDDEN", "title": "no"}, 403), "refused", ALIVE),
    ],
)
def test_where_it_cannot_be_handed_in_ones_own_is_dead_all_the_same(
    shop: Shop, failure: Reply, outcome: str, ends: int
) -> None:
    theirs, mine = shop.mint("pasted into a chat"), shop.mint("bob's", owner="bob@example.org")
    shop.relay.fails = {_LEAKED: failure}
    code, outcomes, details = shop.revoke(mine, theirs)
    assert (code, outcomes) == (ends, ["revoked", outcome])
    assert "not handed in" in details
    assert (shop.status(theirs), shop.status(mine)) == ("active", "revoked")


def test_what_was_not_sent_stays_open_until_the_token_is_given_again(shop: Shop) -> None:
    theirs = shop.mint("pasted into a chat")
    shop.relay.fails = {"/api/v1/revocations": reply({"code": "UNAVAILABLE", "title": "later"}, 503)}
    assert shop.revoke(theirs)[:2] == (UNREACHED, ["unreachable"])
    shop.relay.fails = {}
    resumed = run("revoke", "--resume", cwd=shop.folder)
    assert resumed.code == UNREACHED
    assert "pending: needs the token" in resumed.out
    assert shop.revoke(theirs)[:2] == (DEAD, ["revoked"])
    assert run("revoke", "--resume", cwd=shop.folder).code == DEAD


def test_where_it_was_seen_is_kept_of_ones_own(shop: Shop) -> None:
    mine = shop.mint("bob's", owner="bob@example.org")
    shop.revoke(mine, more=("--seen", "https://chat.example.org/1"))
    (leak,) = shop.server.service.leaks().leaks
    assert [seen.place.url for seen in leak.sightings] == ["https://chat.example.org/1"]


def test_a_scan_hands_nothing_in(shop: Shop) -> None:
    theirs = shop.mint("found by a scan")
    done = run("scan", "stdin", "--format", "json", "--revoke", "--yes", cwd=shop.folder, stdin=theirs.encode())
    assert [each["outcome"] for each in done.report["revocations"]] == ["not_found"]
    assert shop.relay.carried(theirs) == []
    assert shop.status(theirs) == "active"
