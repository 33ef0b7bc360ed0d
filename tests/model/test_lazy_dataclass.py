"""What start-up's own `dataclass` makes is what the standard library's would be."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any, cast

import pytest

from tokenguard.model import lazy_dataclass


def define(module: Any) -> Any:
    """The same classes by either module."""

    @module.dataclass(frozen=True, slots=True)
    class Frozen:
        """A class with a word to say."""

        first: int
        second: str = "two"
        many: tuple[int, ...] = ()
        aside: str = module.field(default="", compare=False, repr=False)

        def doubled(self) -> int:
            return self.first * 2

    @module.dataclass(slots=True)
    class Open:
        first: int
        many: list[int] = module.field(default_factory=list)

    @module.dataclass(frozen=True)
    class Roomy:
        only: str

    return Frozen, Open, Roomy


OURS, THEIRS = define(cast("Any", lazy_dataclass)), define(cast("Any", dataclasses))


@pytest.fixture(params=(OURS, THEIRS), ids=("ours", "the standard library's"))
def classes(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_defaults_names_and_order(classes: Any) -> None:
    frozen, _, _ = classes
    made = frozen(1, many=(2,))
    assert (made.first, made.second, made.many, made.aside, made.doubled()) == (1, "two", (2,), "", 2)
    assert frozen.__match_args__ == ("first", "second", "many", "aside")
    assert frozen.__doc__ == "A class with a word to say."


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1,), {"other": 2}), ((1,), {"first": 1})])
def test_what_a_constructor_refuses(classes: Any, values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match=r"__init__\(\)"):
        classes[0](*values, **named)


def test_equality_and_hash_leave_out_what_is_not_compared(classes: Any) -> None:
    frozen, opened, roomy = classes
    assert frozen(1, aside="a") == frozen(1, aside="b")
    assert hash(frozen(1, aside="a")) == hash(frozen(1, aside="b"))
    assert frozen(1) != frozen(2)
    assert frozen(1) != opened(1)
    assert roomy("x") == roomy("x")
    assert len({roomy("x"), roomy("x"), roomy("y")}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(opened(1))


def test_frozen_is_frozen_and_slots_are_slots(classes: Any) -> None:
    frozen, opened, roomy = classes
    one, other = frozen(1), roomy("x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.first = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        other.only = "y"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del other.only
    assert one.first == 1
    assert not hasattr(frozen(1), "__dict__")
    assert not hasattr(opened(1), "__dict__")
    assert vars(other) == {"only": "x"}


def test_each_instance_has_a_list_of_its_own(classes: Any) -> None:
    _, opened, _ = classes
    one, two = opened(1), opened(1)
    one.many.append(3)
    one.first = 5
    assert (one.many, two.many, one.first) == ([3], [], 5)
    assert opened(1, [4]).many == [4]


def test_what_the_standard_librarys_functions_say(classes: Any) -> None:
    frozen, opened, _ = classes
    made = frozen(1, aside="a")
    assert [(each.name, each.compare, each.default) for each in dataclasses.fields(frozen)] == [
        ("first", True, dataclasses.MISSING),
        ("second", True, "two"),
        ("many", True, ()),
        ("aside", False, ""),
    ]
    assert [each.name for each in dataclasses.fields(made)] == [each.name for each in dataclasses.fields(frozen)]
    assert dataclasses.asdict(made) == {"first": 1, "second": "two", "many": (), "aside": "a"}
    assert dataclasses.replace(made, first=2) == frozen(2, aside="a")
    assert dataclasses.fields(opened)[1].default_factory is list
    assert dataclasses.is_dataclass(frozen)


def test_both_show_an_instance_alike() -> None:
    assert repr(OURS[0](1, aside="a")) == repr(THEIRS[0](1, aside="a"))
    assert repr(OURS[1](1)) == repr(THEIRS[1](1))


def test_replace() -> None:
    made = OURS[0](1, "b", aside="a")
    changed = lazy_dataclass.replace(made, second="c")
    assert (changed.first, changed.second, changed.aside) == (1, "c", "a")
    with pytest.raises(TypeError, match="other"):
        lazy_dataclass.replace(made, other=1)


@pytest.mark.parametrize("name", ["rule", "blob", "report", "finding"])
def test_the_words_are_made_by_it(name: str) -> None:
    module = importlib.import_module(f"tokenguard.model.{name}")
    assert vars(module)["dataclass"] is lazy_dataclass.dataclass
