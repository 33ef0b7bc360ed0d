"""The `verify` and `revoke` sections of a rule into an IssuerApi, with every fault at its line."""

from __future__ import annotations

import re

from tokenguard.config.keys import nearest
from tokenguard.config.strict_yaml import MappingNode, Node, ScalarNode, SequenceNode, shown
from tokenguard.config.web_address import web_address
from tokenguard.model.issuer import (
    PLACEHOLDER,
    PLACEHOLDERS,
    REVOKE_MEANINGS,
    SECRETS,
    VERIFY_MEANINGS,
    WHOLE,
    Find,
    IssuerApi,
    Meaning,
    Step,
)
from tokenguard.ruleset.fields import Faults, Fields

_STEP_KEYS = ("method", "url", "headers", "form", "json", "find", "answers")
_ANSWER_KEYS = ("status", "has", "equals", "means")
_RECORD_KEYS = ("has", "equals", "means")
_FIND_KEYS = ("list", "field", "equals", "take", "status", "next", "parameter", "records")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MAX_STEPS = 2
_BASE = "{url}"
"""At the start of a URL: the address that the user configures."""
_ORIGIN = re.compile(r"(https?://[^/{]*)(/.*)?", re.DOTALL)
_PATH = re.compile(
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-]|\{[a-z0-9_]+\})*)+(?:\?(?:[A-Za-z0-9._~=&%-]|\{[a-z0-9_]+\})+)?"
)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_OUR_HEADERS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "cookie", "proxy-authorization"}
)
"""Where a request goes and how long it is, is not for a description."""
_KEY_PATH = re.compile(r"[^.\s]+(?:\.[^.\s]+)*")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_STATUS = re.compile(r"[1-5][0-9][0-9]")


def read_issuer_sections(fields: Fields, faults: Faults) -> IssuerApi | None:
    """The API that the rule's sections describe; None where it has neither, or a fault, which is noted."""
    before = len(faults.found)
    addresses: list[tuple[str, Node]] = []
    verify = _Section("verify", VERIFY_MEANINGS, "active", addresses, faults).read(fields)
    revoke = _Section("revoke", REVOKE_MEANINGS, "revoked", addresses, faults).read(fields)
    for address, node in addresses:
        if address != addresses[0][0]:
            faults.add(node.where, "the steps of a rule go to one address: a token is shown to nobody else")
    if len(faults.found) > before or not (verify or revoke):
        return None
    return IssuerApi(addresses[0][0], verify, revoke)


class _Section:
    """One of the two sections. `addresses` gathers where its steps go."""

    def __init__(
        self,
        name: str,
        meanings: tuple[str, ...],
        needed: str,
        addresses: list[tuple[str, Node]],
        faults: Faults,
    ) -> None:
        self._name = name
        self._meanings = meanings
        self._needed = needed
        self._addresses = addresses
        self._faults = faults

    def read(self, fields: Fields) -> tuple[Step, ...]:
        before = len(self._faults.found)
        nodes = fields.nodes(self._name)
        if self._name not in fields or len(self._faults.found) > before:
            return ()
        if not 1 <= len(nodes) <= _MAX_STEPS:
            fields.fault(self._name, f"{self._name!r} is a list of one or two steps")
        steps = tuple(
            self._step(node, first=place == 0, last=place == len(nodes) - 1)
            for place, node in enumerate(nodes[:_MAX_STEPS])
        )
        means = {answer.means for step in steps for answer in step.answers}
        if len(self._faults.found) == before and self._needed not in means:
            fields.fault(self._name, f"no answer means {self._needed!r}")
        return steps

    def _step(self, node: Node, *, first: bool, last: bool) -> Step:
        fields = Fields(node, _STEP_KEYS, self._faults, "a step")
        fields.require("method", "url", "answers")
        method = self._one_of(fields, "method", _METHODS)
        if method == "GET" and ("form" in fields or "json" in fields):
            fields.fault("method", "a GET has neither 'form' nor 'json'")
        if "form" in fields and "json" in fields:
            fields.fault("form", "a body is 'form' or 'json', not both")
        known = set(PLACEHOLDERS) - ({"id"} if first else set())
        find = self._find(fields, known)
        if (find is None) != last:
            key = "find" if last else "method"
            fields.fault(key, "the first of two steps, and only it, has a 'find'")
        return Step(
            method,
            self._path(fields, known - SECRETS),
            self._texts(fields, "headers", known - {"reason"}, _HEADER),
            self._texts(fields, "form", known),
            self._json(fields.node("json"), known),
            tuple(self._meaning(each, _ANSWER_KEYS) for each in fields.nodes("answers")),
            find,
        )

    def _path(self, fields: Fields, known: set[str]) -> str:
        """What comes after the address, which is noted."""
        node, text = fields.node("url"), fields.text("url")
        if node is None or not text:
            return ""
        address, path = "", text.removeprefix(_BASE)
        if found := _ORIGIN.fullmatch(text):
            address, path = found[1], found[2] or ""
            try:
                address = str(web_address(address))
            except ValueError as error:
                fields.fault("url", f"'url': {error}")
        elif path == text:
            fields.fault("url", "'url' begins with https://, or with {url} for the address that the user configures")
        self._addresses.append((address, node))
        self._check_template(node, path, known, "a URL")
        if not _PATH.fullmatch(path) or "/../" in f"{path}/" or "/./" in f"{path}/":
            fields.fault("url", "after the host, 'url' is a path of plain characters, without . and .. in it")
        return path

    def _texts(
        self, fields: Fields, key: str, known: set[str], name: re.Pattern[str] | None = None
    ) -> tuple[tuple[str, str], ...]:
        """A mapping of names to templates."""
        node = fields.node(key)
        if node is None:
            return ()
        if not isinstance(node, MappingNode) or not node.entries:
            fields.fault(key, f"{key!r} is names with texts")
            return ()
        found = []
        for entry, value in node.entries:
            if name is not None and (not name.fullmatch(entry.text) or entry.text.lower() in _OUR_HEADERS):
                self._faults.add(entry.where, f"{shown(entry.text)} is no header that a step may have")
            found.append((entry.text, self._template(value, known)))
        return tuple(found)

    def _template(self, node: Node, known: set[str]) -> str:
        if not isinstance(node, ScalarNode):
            self._faults.add(node.where, "a text is expected here")
            return ""
        self._check_template(node, node.text, known, "this place")
        if not node.text.isprintable():
            self._faults.add(node.where, "a text of one line is expected here")
        return node.text

    def _check_template(self, node: Node, text: str, known: set[str], what: str) -> None:
        for name in PLACEHOLDER.findall(text):
            if name in SECRETS - known:
                self._faults.add(node.where, f"a token does not belong in {what}: URLs are written to logs")
            elif name not in known:
                self._faults.add(node.where, f"{{{name}}} means nothing here; {nearest(name, known)}")

    def _json(self, node: Node | None, known: set[str]) -> str:
        import json

        return "" if node is None else json.dumps(self._plain(node, known))

    def _plain(self, node: Node, known: set[str]) -> object:
        """Nodes as JSON values; what is not quoted and reads as true, false or a whole number is that."""
        if isinstance(node, MappingNode):
            return {key.text: self._plain(value, known) for key, value in node.entries}
        if isinstance(node, SequenceNode):
            return [self._plain(item, known) for item in node.items]
        if node.plain and node.text in {"true", "false"}:
            return node.text == "true"
        if node.plain and re.fullmatch(r"-?[0-9]{1,15}", node.text):
            return int(node.text)
        return self._template(node, known)

    def _meaning(self, node: Node, keys: tuple[str, ...]) -> Meaning:
        fields = Fields(node, keys, self._faults, "an answer" if "status" in keys else "a record")
        fields.require("means", *(key for key in ("status",) if key in keys))
        means = self._one_of(fields, "means", self._meanings)
        if "status" not in keys and not ("has" in fields or "equals" in fields):
            fields.lack("'has' or 'equals'")
        return Meaning(means, self._statuses(fields), self._paths(fields, "has"), self._equals(fields))

    def _equals(self, fields: Fields) -> tuple[tuple[str, tuple[str, ...]], ...]:
        node = fields.node("equals")
        if node is None:
            return ()
        if not isinstance(node, MappingNode) or not node.entries:
            fields.fault("equals", "'equals' is keys of the answer with the texts that they may have")
            return ()
        return tuple(
            (self._key_path(key), tuple(each.text for each in self._scalars(value))) for key, value in node.entries
        )

    def _find(self, fields: Fields, known: set[str]) -> Find | None:
        node = fields.node("find")
        if node is None:
            return None
        find = Fields(node, _FIND_KEYS, self._faults, "'find'")
        find.require("list", "field", "equals", "take")
        equals = find.node("equals")
        following, parameter = self._paths(find, "next"), find.text("parameter")
        if ("next" in find) != ("parameter" in find):
            find.fault("next", "'next' and 'parameter' belong together")
        if len(following) > 1 or (parameter and not _PARAMETER.fullmatch(parameter)):
            find.fault("parameter", "'next' is one key of the answer, 'parameter' a name of plain characters")
        return Find(
            self._paths(find, "list"),
            self._paths(find, "field"),
            self._template(equals, known - SECRETS) if equals else "",
            self._paths(find, "take"),
            self._statuses(find) if "status" in find else (200,),
            "".join(following),
            parameter,
            tuple(self._meaning(each, _RECORD_KEYS) for each in find.nodes("records")),
        )

    def _statuses(self, fields: Fields) -> tuple[int, ...]:
        node = fields.node("status") if "status" in fields else None
        scalars = self._scalars(node) if node else ()
        for each in scalars:
            if not _STATUS.fullmatch(each.text):
                self._faults.add(each.where, "'status' is a status of HTTP such as 200, or a list of them")
        return tuple(int(each.text) for each in scalars if _STATUS.fullmatch(each.text))

    def _paths(self, fields: Fields, key: str) -> tuple[str, ...]:
        node = fields.node(key) if key in fields else None
        return tuple(self._key_path(each) for each in self._scalars(node)) if node else ()

    def _key_path(self, node: ScalarNode) -> str:
        if node.text != WHOLE and not _KEY_PATH.fullmatch(node.text):
            self._faults.add(node.where, "a key of the answer is expected, with dots between keys within keys")
        return node.text

    def _scalars(self, node: Node) -> tuple[ScalarNode, ...]:
        """One text, or a list of texts."""
        items = node.items if isinstance(node, SequenceNode) else (node,)
        if not items:
            self._faults.add(node.where, "an empty list")
        for item in items:
            if not isinstance(item, ScalarNode) or not item.text:
                self._faults.add(item.where, "a text, or a list of texts, is expected here")
        return tuple(item for item in items if isinstance(item, ScalarNode))

    def _one_of(self, fields: Fields, key: str, known: tuple[str, ...]) -> str:
        text = fields.text(key)
        if text and text not in known:
            fields.fault(key, f"{key!r} is none of those known, {shown(text)}; {nearest(text, known)}")
        return text
