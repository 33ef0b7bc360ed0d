"""How long it takes to look tokens up in a store, in this process.

    python -m bench.store.look_up URL PEPPER_FILE --tokens N --repetitions N [--seed N]

Each look-up is what a request's authentication does: the token is hashed, found, and its use noted. The tokens are
drawn from the whole store; as many others are looked up before the clock starts. Told is the time of the median
portion, as if all had taken so long: what else the machine does for a moment is no cost of a look-up.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.store.made import opened, token
from tokenguard.model.secret import Secret
from tokenguard.store.store import Store

_PORTIONS = 100


def main() -> None:
    """Look up, and print how long it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.store.look_up")
    parser.add_argument("url")
    parser.add_argument("pepper_file", type=Path)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--repetitions", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    draw = random.Random(wanted.seed)  # noqa: S311 - an order, no secret
    numbers = [draw.randrange(wanted.tokens) for _ in range(2 * wanted.repetitions)]
    values = [token(wanted.seed, number) for number in numbers]
    with opened(wanted.url, wanted.pepper_file) as store:
        look_up(store, values[: wanted.repetitions])
        portion = max(1, wanted.repetitions // _PORTIONS)
        starts = range(wanted.repetitions, len(values), portion)
        done = [look_up(store, values[start : start + portion]) for start in starts]
    live = sum(each for each, _ in done)
    seconds = median(seconds for _, seconds in done) * wanted.repetitions / portion
    print(json.dumps({"count": live, "complete": live == wanted.repetitions, "seconds": seconds}))


def look_up(store: Store, values: Sequence[Secret]) -> tuple[int, float]:
    """How many of them live, and the seconds that it took."""
    started = time.perf_counter()
    live = sum(store.authenticate(value, address="127.0.0.1") is not None for value in values)
    return live, time.perf_counter() - started


if __name__ == "__main__":
    main()
