"""The triggers as a whole: few, long enough, pure literals; and all that is asked of every wrapping."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.decode.registry import CONTAINERS, TEXT, prefix_triggers
from tokenguard.decode.wrapping import LOOK_AHEAD, LOOK_BACK, MIN_LITERAL, Trigger

PREFIXES = st.one_of(
    st.sampled_from([b"binboi_pat_", b"binboi_live_", b"kbai_pk_"]),
    st.binary(min_size=4, max_size=40).map(lambda text: bytes(0x21 + byte % 0x5E for byte in text)),
)


@given(PREFIXES)
def test_few_triggers_and_none_too_short(prefix: bytes) -> None:
    triggers = prefix_triggers(prefix)
    assert 20 <= len(triggers) <= 80
    assert all(len(trigger.literal) >= MIN_LITERAL for trigger in triggers)
    assert not any(trigger.literal in prefix for trigger in triggers)


@pytest.mark.parametrize("prefix", ["binboi_pat_", "binboi_live_", "kbai_pk_"])
def test_about_fifty_for_the_built_in_rules(prefix: str) -> None:
    assert len(prefix_triggers(prefix.encode())) <= 52


@pytest.mark.parametrize("prefix", [b"", b"a", b"abc", "clé_".encode()])
def test_none_for_a_prefix_that_is_short_or_not_ascii(prefix: bytes) -> None:
    assert prefix_triggers(prefix) == {}


def test_no_trigger_hits_in_ordinary_text() -> None:
    """Source code, its hex and its base64 have no hits of the built-in rules."""
    source = b"".join(path.read_bytes() for path in Path(json.__file__).parent.parent.glob("*.py"))
    packed = zlib.compress(source)
    text = b"".join((source, base64.b64encode(source), base64.b64encode(packed), packed.hex().encode()))
    folded = text.lower()
    for prefix in (b"binboi_pat_", b"binboi_live_", b"kbai_pk_"):
        for trigger in prefix_triggers(prefix):
            assert trigger.literal.lower() not in folded if trigger.caseless else trigger.literal not in text


def test_what_containers_need_is_loaded_only_for_them(unmeasured: dict[str, str]) -> None:
    """It is part of the start-up of a hook."""
    code = "import sys, tokenguard.decode.registry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=unmeasured)
    heavy = {"bz2", "gzip", "lzma", "struct", "tarfile", "tempfile", "zipfile", "zlib"}
    assert not heavy.intersection(done.stdout.split())


def test_names_are_unique() -> None:
    names = [wrapping.name for wrapping in TEXT] + [container.name for container in CONTAINERS]
    assert len(names) == len(set(names))


@given(prefix=PREFIXES, around=st.binary(max_size=200), long=st.booleans(), draw=st.data())
def test_unwrapping_stays_local(prefix: bytes, around: bytes, long: bool, draw: st.DataObject) -> None:  # noqa: FBT001
    """Whatever stands around a hit: no exception, and nothing from beyond the bounds."""
    trigger: Trigger = draw.draw(st.sampled_from(sorted(prefix_triggers(prefix), key=lambda each: each.literal)))
    before = around * 3
    data = before + trigger.literal + around * (300 if long else 1)
    start, end = len(before), len(before) + len(trigger.literal)
    for kind in (bytes, bytearray, memoryview):
        for stretch in prefix_triggers(prefix)[trigger].unwrap(kind(data), start, end):
            assert len(stretch.outer) == len(stretch.inner) + 1
            assert start - LOOK_BACK <= stretch.outer[0]
            assert stretch.outer[-1] <= min(len(data), end + LOOK_AHEAD)
            assert list(stretch.outer) == sorted(stretch.outer)
