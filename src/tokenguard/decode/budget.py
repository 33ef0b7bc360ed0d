"""How much may be unpacked out of one blob, and the exception that ends the reading of a container.

Time and memory are bounded here and not by a ratio: honest logs shrink a thousandfold too.
"""

from __future__ import annotations

from tokenguard.errors import OperationError
from tokenguard.model import Origin
from tokenguard.model.lazy_dataclass import dataclass


class BrokenWrapping(OperationError):  # noqa: N818 - it says what is broken: the scanned data, not the program
    """A container, or a member of one, cannot be read (on): corrupt, encrypted, unsupported or over a bound.

    What was read before stands; the rest becomes a Skipped with `message` as its reason. The message
    holds nothing of the data.
    """


class BudgetExceeded(BrokenWrapping):
    """A bound of the budget was hit."""


@dataclass(slots=True)
class Budget:
    """What is left to spend on one top-level blob and everything inside it."""

    max_depth: int = 8
    """Containers in each other."""
    max_bytes: int = 1 << 30
    """Bytes that decompression may give, all layers together."""
    max_members: int = 100_000
    spent_bytes: int = 0
    spent_members: int = 0

    def enter(self, origin: Origin) -> None:
        """Call before a container at `origin` is opened. Raises BudgetExceeded."""
        if len(origin.via) >= self.max_depth:
            raise BudgetExceeded(f"nested more than {self.max_depth} deep")

    def charge_member(self) -> None:
        """Call for each member. Raises BudgetExceeded."""
        self.spent_members += 1
        if self.spent_members > self.max_members:
            raise BudgetExceeded(f"holds more than {self.max_members:,} members")

    def charge_bytes(self, count: int) -> None:
        """Call for `count` decompressed bytes. Raises BudgetExceeded."""
        self.spent_bytes += count
        if self.spent_bytes > self.max_bytes:
            raise BudgetExceeded(f"expands to more than {self.max_bytes:,} bytes")


class Layer:
    """What is decompressed at one place: however often it is read from its start, its bytes are charged once."""

    __slots__ = ("_budget", "_charged")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._charged = 0

    def reach(self, offset: int) -> None:
        """Call when `offset` bytes have been read. Raises BudgetExceeded."""
        if offset > self._charged:
            count, self._charged = offset - self._charged, offset
            self._budget.charge_bytes(count)
