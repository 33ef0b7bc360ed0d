"""Somebody in front of the dashboard without a script: pages are fetched, forms are sent as their page has them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

import requests

from server.serving import Api

HTML = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')
_PATIENCE = 20


@dataclass
class Visitor:
    """A signed-in session."""

    api: Api
    session: requests.Session = field(default_factory=requests.Session)
    csrf: str = ""

    def sign_in(self, token: str) -> Visitor:
        """With a token."""
        answer = self.send("/sign-in", {"token": token, "next": "/account"})
        assert answer.status_code == 303, answer.text
        found = _CSRF.search(self.page("/account"))
        assert found
        self.csrf = found[1]
        return self

    def get(self, path: str) -> requests.Response:
        """Whatever is there."""
        return self.session.get(self.api.url + path, headers=HTML, timeout=_PATIENCE, allow_redirects=False)

    def page(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = self.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def send(self, path: str, fields: dict[str, str] | list[tuple[str, str]]) -> requests.Response:
        """A form of a page of this session."""
        pairs = [*(fields.items() if isinstance(fields, dict) else fields), ("csrf", self.csrf)]
        return self.session.post(
            self.api.url + path, data=pairs, headers=HTML, timeout=_PATIENCE, allow_redirects=False
        )


def visitor(api: Api, token: str = "") -> Visitor:
    """Signed in; as the admin unless `token` says otherwise."""
    return Visitor(api).sign_in(token or api.admin)


def words(page: str) -> str:
    """What a page says: without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
