"""Whether tokens live: each is asked about at its issuer, in batches. Nothing is changed and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tokenguard.errors import RefusedError
from tokenguard.model.finding import Status
from tokenguard.respond.channel import IssuerChannel
from tokenguard.respond.intent import Intent


def verify(intents: Sequence[Intent], route: Callable[[Intent], IssuerChannel]) -> list[Status]:
    """What the issuers know of each, in their order; `UNVERIFIED` where one was asked and did not answer."""
    groups: dict[int, tuple[IssuerChannel, list[int]]] = {}
    for index, intent in enumerate(intents):
        channel = route(intent)
        groups.setdefault(id(channel), (channel, []))[1].append(index)
    statuses = [Status.UNVERIFIED] * len(intents)
    for channel, indices in groups.values():
        for start in range(0, len(indices), channel.batch):
            batch = indices[start : start + channel.batch]
            for index, status in zip(batch, _answers(channel, [intents[each] for each in batch]), strict=True):
                statuses[index] = status
    return statuses


def _answers(channel: IssuerChannel, intents: list[Intent]) -> list[Status]:
    try:
        statuses = channel.verify(intents)
    except RefusedError:
        # Asked and answered: we may not know.
        return [Status.UNKNOWN] * len(intents)
    except Exception:  # noqa: BLE001 - a fault with one issuer takes no finding out of the report
        return [Status.UNVERIFIED] * len(intents)
    return statuses
