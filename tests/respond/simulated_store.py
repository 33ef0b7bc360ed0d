"""A token store's `POST /api/v1/revocations` on a real server: revokes for good, and answers as a test wants it to."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable

from respond.web import Asked, Reply, reply

FAULTS = ("500", "503", "half", "late", "redirect", "reset", "nonsense", "short")


class SimulatedStore:
    """Tokens by their hash. A fault is an answer that goes wrong after the request has had its effect."""

    def __init__(self, hashes: Iterable[str]) -> None:
        self.live = set(hashes)
        self.killed: Counter[str] = Counter()
        """How often each was really revoked."""
        self.faults: list[str] = []
        """Of the next requests, one each; then all goes well."""
        self.bearer = "bearer-" + secrets.token_hex(8)

    def answer(self, asked: Asked) -> Reply:
        assert asked.bearer == self.bearer
        assert (asked.method, asked.path) == ("POST", "/api/v1/revocations")
        request = asked.json()
        results = [
            {"target_index": index, "outcome": self._kill(target, dry_run=request.get("dry_run", False))}
            for index, target in enumerate(request["targets"])
        ]
        return self._spoilt(self.faults.pop(0) if self.faults else "", reply({"results": results}))

    def _kill(self, target: dict[str, str], *, dry_run: bool) -> str:
        name = target["token_sha256"]
        if name in self.live:
            if not dry_run:
                self.live.remove(name)
                self.killed[name] += 1
            return "revoked"
        return "already_revoked" if name in self.killed else "not_found"

    @staticmethod
    def _spoilt(fault: str, good: Reply) -> Reply:
        wrong = {
            "": good,
            "500": reply({"code": "UNAVAILABLE", "title": "later"}, 500),
            "503": reply({"code": "UNAVAILABLE", "title": "later"}, 503),
            "half": Reply(200, good.body, sent=len(good.body) // 2),
            "late": Reply(200, good.body, wait=30),
            "redirect": Reply(307, headers={"Location": "http://tokens.example.org/api/v1/revocations"}),
            "reset": Reply(reset=True),
            "nonsense": Reply(200, b"<html>welcome</html>"),
            "short": reply({"results": []}),
        }
        return wrong[fault]


def hashes(count: int) -> list[str]:
    """Of tokens that nobody ever saw."""
    return [secrets.token_hex(32) for _ in range(count)]
