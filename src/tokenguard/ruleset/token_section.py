"""The `token` section of a rule into a TokenFormat."""

from __future__ import annotations

from difflib import get_close_matches

from tokenguard.config.keys import nearest
from tokenguard.config.strict_yaml import Node, shown
from tokenguard.model import Part, TokenFormat
from tokenguard.model.checksum import CHECKSUMS
from tokenguard.ruleset.fields import Faults, Fields
from tokenguard.ruleset.limits import MAX_LENGTH
from tokenguard.ruleset.token_format import ALPHABETS, hidden_bits, random_bits

_TOKEN_KEYS = ("prefix", "parts", "visible_prefix", "random_bits")
_PART_KEYS = ("alphabet", "length", "literal", "checksum")
_SMALLEST_ALPHABET = 10
"""Fewer characters than that are taken for a misspelt name."""
_HIDDEN_BITS = 100
"""What has to stay hidden so that the visible prefix and the hash together give nothing away."""
_BITS_TOLERANCE = 0.5


def read_token_section(node: Node, faults: Faults) -> TokenFormat | None:
    """The format that the section describes; None where it has a fault, which is noted."""
    before = len(faults.found)
    fields = Fields(node, _TOKEN_KEYS, faults, "a token section")
    fields.require("prefix", "parts")
    prefix = _token_text(fields, "prefix")
    nodes = fields.nodes("parts")
    parts = tuple(_part(part, faults) for part in nodes)
    for part, where in zip(parts, nodes[:-1], strict=False):
        if part.checksum:
            faults.add(where.where, "a checksum is over everything before it and has to be the last part")
    visible_prefix = fields.integer("visible_prefix") if "visible_prefix" in fields else len(prefix)
    stated_bits = fields.number("random_bits")
    if len(faults.found) > before:
        return None
    token_format = TokenFormat(prefix, parts, visible_prefix or 0, random_bits(parts))
    _check_format(token_format, stated_bits, fields)
    return token_format if len(faults.found) == before else None


def _part(node: Node, faults: Faults) -> Part:
    fields = Fields(node, _PART_KEYS, faults, "a part")
    if "literal" in fields:
        if any(key in fields for key in ("alphabet", "length", "checksum")):
            fields.fault("literal", "a part is a literal, or an alphabet and a length, or a checksum and a length")
        return Part(literal=_token_text(fields, "literal"))
    if "checksum" in fields:
        return _checksum(fields)
    fields.require("alphabet", "length")
    length = fields.integer("length")
    if length == 0:
        fields.fault("length", "'length' must be at least 1")
    return Part(alphabet=_alphabet(fields), length=length or 0)


def _checksum(fields: Fields) -> Part:
    if "alphabet" in fields:
        fields.fault("alphabet", "a part is a checksum or an alphabet, not both; a checksum is written in base62")
    fields.require("length")
    name, length = fields.text("checksum"), fields.integer("length")
    if name and name not in CHECKSUMS:
        fields.fault("checksum", f"no checksum is called {shown(name)}; {nearest(name, CHECKSUMS)}")
    elif name and length is not None and length != CHECKSUMS[name]:
        fields.fault("length", f"a {name} checksum has {CHECKSUMS[name]} characters, no other number")
    return Part(checksum=name, length=length or 0)


def _alphabet(fields: Fields) -> str:
    text = _token_text(fields, "alphabet")
    if not text or text in ALPHABETS:
        return ALPHABETS.get(text, "")
    characters = set(text)
    if len(characters) < _SMALLEST_ALPHABET or get_close_matches(text, ALPHABETS):
        fields.fault("alphabet", f"no alphabet is called {shown(text)}; {nearest(text, ALPHABETS)}")
    elif len(characters) < len(text):
        fields.fault("alphabet", "a character stands in the alphabet twice")
    return text


def _token_text(fields: Fields, key: str) -> str:
    text = fields.text(key)
    if text and not (text.isascii() and text.isprintable() and " " not in text):
        fields.fault(key, f"{key!r} must be printable ASCII without spaces")
    return text


def _check_format(token_format: TokenFormat, stated_bits: float | None, fields: Fields) -> None:
    bits, hidden = token_format.random_bits, hidden_bits(token_format)
    if not bits:
        fields.fault("parts", "at least one part must be an alphabet and a length: a token without chance is no secret")
    if token_format.length > MAX_LENGTH:
        fields.fault("parts", f"a token of {token_format.length} characters; at most {MAX_LENGTH} are searched for")
    if stated_bits is not None and abs(stated_bits - bits) > _BITS_TOLERANCE:
        fields.fault("random_bits", f"'random_bits' says {stated_bits:g}, but the parts have {bits:g}")
    if token_format.visible_prefix > len(token_format.prefix) and hidden < _HIDDEN_BITS:
        fields.fault("visible_prefix", f"only {hidden:g} random bits stay hidden; at least {_HIDDEN_BITS} must")
