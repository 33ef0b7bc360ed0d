"""The calls of a described API (`tokenguard.model.issuer`), made in turn; what they come to is judged elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenguard.errors import ConfigError, UnavailableError
from tokenguard.model.issuer import Find, Step
from tokenguard.model.revocation import Outcome
from tokenguard.respond.http import Http
from tokenguard.respond.template import Answered, Filling, answered, meaning, next_page, record_id, records

WOULD = "would"
"""A dry run came to the call that changes something."""

_SHOWN_IDS = 5
_MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """What the calls came to."""

    means: str
    """As the description says, an outcome, or `WOULD`; empty: nothing that can be understood."""
    detail: str = ""
    found: bool = False
    """A record was found, and does not say that its token is dead."""
    repeated: bool = False
    """It is the answer to a repeated call: the first one may have had its effect."""
    lacks_token: bool = False
    """A call takes the token itself, which is not to be had."""


class DescribedCalls:
    """Makes the calls, over one connection. Each may raise UnavailableError."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def name(self) -> str:
        """Host and port of the API."""
        return self._http.address.name

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def walk(self, steps: Sequence[Step], filling: Filling, *, dry_run: bool) -> Heard:
        """The steps in turn, as far as one of them says how it is."""
        found = False
        for step in steps:
            if filling.lacks(step):
                return Heard("", lacks_token=True)
            if dry_run and step.method != "GET":
                return Heard(WOULD, found=found)
            heard = self._take(step, filling)
            if isinstance(heard, Heard):
                return heard
            found, filling = True, heard
        return Heard("", "its description ends before the answer")

    def _take(self, step: Step, filling: Filling) -> Heard | Filling:
        """One step: what is known now, or what the next one is asked with."""
        found: list[object] = []
        page = ""
        for _ in range(_MOST_PAGES):
            try:
                answer = self._ask(step, filling, page)
            except ConfigError as error:
                return Heard("", error.message)
            means = meaning(step.answers, answer.status, answer.data)
            if means is not None:
                return Heard(means, repeated=answer.attempts > 1)
            if step.find is None or answer.status not in step.find.statuses:
                return self._unexplained(answer)
            listed = records(step.find, answer.data, filling.text(step.find.equals))
            if listed is None:
                return Heard("", "answers without the list that its description names")
            found += listed
            page = next_page(step.find, answer.data)
            if not page:
                return _looked_up(step.find, found, filling)
        return Heard("", f"answers with a list of more than {_MOST_PAGES} pages")

    def _ask(self, step: Step, filling: Filling, page: str) -> Answered:
        call = filling.call(step, page)
        # Asking whether it lives, and killing it, have the same effect twice as once.
        answer = self._http.ask(call.method, call.path, headers=call.headers, body=call.body, repeatable=True)
        return answered(answer)

    def _unexplained(self, answer: Answered) -> Heard:
        what = f"{self.name}: answers with status {answer.status}"
        if answer.status == 429 or answer.status >= 500:
            raise UnavailableError(what, remedy="try again later")
        return Heard("", f"{what}, and nothing that its description explains")


def _looked_up(find: Find, found: Sequence[object], filling: Filling) -> Heard | Filling:
    if not found:
        return Heard(Outcome.NOT_FOUND.value)
    ids = [_usable(record_id(find, record), filling) for record in found]
    if len(found) > 1:
        named = ", ".join(each or "(without an id)" for each in ids[:_SHOWN_IDS])
        return Heard(
            Outcome.AMBIGUOUS.value, f"{len(found)} records have this prefix, end the right one there by hand: {named}"
        )
    means = meaning(find.records, None, found[0])
    if means is not None:
        return Heard(means)
    return filling.with_id(ids[0]) if ids[0] else Heard("", "answers with a record that has no usable id")


def _usable(found: str | None, filling: Filling) -> str | None:
    """An id that can be shown and stand in a URL: an API that names its records by their tokens has none."""
    return None if found is None or any(each in found.encode() for each in filling.values()) else found
