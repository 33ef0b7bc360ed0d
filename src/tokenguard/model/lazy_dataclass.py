"""`dataclass`, `field` and `replace` as in the standard library, at a fiftieth of what they cost to start.

The standard library loads `inspect`, compiles seven methods a class, and builds the class twice: half a millisecond for
each of the forty classes that the hook of a commit meets, and a commit waits for it. Here all classes share four
methods, and `__init__` is compiled when a first instance is made. Type checkers see the standard library's own. Its
functions (`fields`, `asdict`, `replace`) work too: what they ask a class for is made when they ask.

Only what hooks need exists: `frozen`, `slots`; `field` with `default`, `default_factory`, `repr`, `compare`; no
inheritance. Where no hook comes by, the standard library's own is the right one.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass, field, replace
else:

    def dataclass(*, frozen: bool = False, slots: bool = False) -> Callable[[type], type]:
        """As `dataclasses.dataclass`."""
        return lambda plain: _made(plain, frozen=frozen, slots=slots)

    def field(**settings: Any) -> _Field:
        """As `dataclasses.field`."""
        return _Field(settings)

    def replace(instance: Any, /, **changes: Any) -> Any:
        """As `dataclasses.replace`."""
        kept = {name: getattr(instance, name) for name in instance.__match_args__ if name not in changes}
        return type(instance)(**kept, **changes)


__all__ = ["dataclass", "field", "replace"]

_NOT_GIVEN: Any = object()
_OF_THE_PLAIN_CLASS = ("__dict__", "__weakref__")


class _Field:
    """What a class says of a field beside its type."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings


class _Fields:
    """`__dataclass_fields__`, told by the standard library; most runs never ask."""

    def __init__(self, plain: type) -> None:
        self._plain = plain
        self._told: dict[str, Any] = {}

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        if not self._told:
            import dataclasses

            for name, value in list(vars(self._plain).items()):
                if isinstance(value, _Field):
                    setattr(self._plain, name, dataclasses.field(**value.settings))
            self._told = vars(dataclasses.dataclass(self._plain))["__dataclass_fields__"]
        return self._told


def _made(plain: type, *, frozen: bool, slots: bool) -> type:
    names = tuple(plain.__annotations__)
    given = {name: value for name, value in vars(plain).items() if name in names}
    body = {name: value for name, value in vars(plain).items() if name not in given and name not in _OF_THE_PLAIN_CLASS}
    body |= {
        "__qualname__": plain.__qualname__,
        "__match_args__": names,
        "__dataclass_fields__": _Fields(plain),
        "_given": given,
        "_frozen": frozen,
        "__init__": _first,
        "__repr__": _repr,
    }
    if slots:
        body["__slots__"] = names
    if frozen:
        body |= {"__setattr__": _refuse, "__delattr__": _refuse}
    return type(plain.__name__, plain.__bases__, body)


def _first(self: Any, *values: Any, **named: Any) -> None:
    kind = type(self)
    for name, method in (_comparison(kind) | {"__init__": _initialiser(kind)}).items():
        setattr(kind, name, method)
    kind.__init__(self, *values, **named)


def _initialiser(kind: Any) -> Callable[..., None]:
    known: dict[str, Any] = {"put": object.__setattr__, "not_given": _NOT_GIVEN}
    parameters, lines = ["self"], []
    for name in kind.__match_args__:
        settings = _settings(kind, name)
        factory, default = settings.get("default_factory"), settings.get("default", _NOT_GIVEN)
        optional = factory is not None or default is not _NOT_GIVEN
        known |= {f"{name}_is": default, f"{name}_made": factory}
        parameters.append(f"{name}={name}_is" if optional else name)
        taken = f"{name}_made() if {name} is not_given else {name}" if factory is not None else name
        lines.append(f"    put(self, {name!r}, {taken})")
    # Names of fields and nothing else are in it, as in what the standard library compiles.
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), known)  # noqa: S102
    made: Callable[..., None] = known["__init__"]
    return made


def _comparison(kind: Any) -> dict[str, Any]:
    key = attrgetter(*(name for name in kind.__match_args__ if _settings(kind, name).get("compare", True)))

    def equal(self: Any, other: object) -> Any:
        return key(self) == key(other) if type(other) is kind else NotImplemented

    hashed = (lambda self: hash(key(self))) if kind._frozen else None  # noqa: SLF001 - the class is ours
    return {"__eq__": equal, "__hash__": hashed}


def _settings(kind: Any, name: str) -> dict[str, Any]:
    value = kind._given.get(name, _NOT_GIVEN)  # noqa: SLF001 - as above
    return value.settings if isinstance(value, _Field) else {"default": value}


def _repr(self: Any) -> str:
    shown = (name for name in self.__match_args__ if _settings(self, name).get("repr", True))
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _refuse(self: Any, name: str, *_: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be changed")
