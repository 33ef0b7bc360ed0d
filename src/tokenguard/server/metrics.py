"""What is counted, for Prometheus. Each application has a registry of its own: nothing is global."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from tokenguard.errors import StoreError
from tokenguard.store.deliveries import counts
from tokenguard.store.engine import Database

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: from a look-up up to a store that is being waited for."""
_BOUNDS = (*map(str, _BUCKETS), "+Inf")


class _Requests(Collector):
    """Requests as plain numbers, put into metrics when they are asked for: the library's own cost every request more.

    Only the event loop notes any.
    """

    def __init__(self) -> None:
        self.answered: Counts[tuple[str, str, int]] = Counts()
        self.times: dict[str, list[int]] = {}
        self.seconds: dict[str, float] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """One was answered."""
        self.answered[method, route, status] += 1
        times = self.times.get(route)
        if times is None:
            times = self.times[route] = [0] * len(_BOUNDS)
            self.seconds[route] = 0.0
        times[bisect_left(_BUCKETS, seconds)] += 1
        self.seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """Them, for the registry."""
        requests = CounterMetricFamily(
            "tokenguard_requests", "Requests answered.", labels=("method", "route", "status")
        )
        for (method, route, status), number in list(self.answered.items()):
            requests.add_metric((method, route, str(status)), number)
        yield requests
        seconds = HistogramMetricFamily(
            "tokenguard_request_seconds", "Time until a request was answered.", labels=("route",)
        )
        for route, times in list(self.times.items()):
            seconds.add_metric((route,), list(zip(_BOUNDS, accumulate(times), strict=True)), self.seconds[route])
        yield seconds


class _Messages(Collector):
    """How it stands with the store's messages, asked when it is wanted; nothing while the store does not answer.

    Of the store, not of the process: several servers on one store say the same.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Them, for the registry."""
        try:
            with self._database.reading() as connection:
                found = counts(connection)
        except StoreError:
            return
        yield GaugeMetricFamily("tokenguard_deliveries_waiting", "Deliveries of messages on their way.", found.waiting)
        yield GaugeMetricFamily("tokenguard_deliveries_dead", "Deliveries that were given up.", found.dead)
        yield GaugeMetricFamily("tokenguard_messages_untold", "Messages too old when a channel came.", found.untold)


class Metrics:
    """Requests by route and status, and what a responder watches: refused credentials, tokens, messages.

    Labels are templates, codes, outcomes and names of channels; never an id, an address or a path as it was asked for.
    """

    def __init__(self, database: Database) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = _Requests()
        self._registry.register(self._requests)
        self._registry.register(_Messages(database))
        self.request = self._requests.note
        self._refused = Counter(
            "tokenguard_credentials_refused", "Requests with a credential that is no good.", registry=self._registry
        )
        self._created = Counter("tokenguard_tokens_created", "Tokens minted.", ("family",), registry=self._registry)
        self._revocations = Counter(
            "tokenguard_revocations", "Revocations asked for.", ("outcome",), registry=self._registry
        )

        self._deliveries = Counter(
            "tokenguard_deliveries", "Attempts to deliver a message.", ("channel", "result"), registry=self._registry
        )

    def delivery(self, channel: str, result: str) -> None:
        """A message was sent over a channel: delivered, failed (and tried again) or dead (and given up)."""
        self._deliveries.labels(channel, result).inc()

    def refused(self) -> None:
        """A credential was refused."""
        self._refused.inc()

    def created(self, family: str) -> None:
        """A token was minted."""
        self._created.labels(family).inc()

    def revoked(self, outcome: str, number: int = 1) -> None:
        """Revocations were answered."""
        self._revocations.labels(outcome).inc(number)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
