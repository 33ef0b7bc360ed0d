"""Every door for leaked tokens from outside that a deployment has opened, made ready at the start."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenguard.config.leak_intake import read_secret
from tokenguard.server.webhooks.alerts import AlertCall, Forge
from tokenguard.server.webhooks.github import GITHUB
from tokenguard.server.webhooks.gitlab import GITLAB, Receiver
from tokenguard.server.webhooks.keys import KeyRing
from tokenguard.server.webhooks.unsigned import UnsignedMessages

if TYPE_CHECKING:
    from tokenguard.model.leak_intake import AlertSource
    from tokenguard.server.admission import Admission

_LARGE_AT_ONCE = 4
"""Messages of the largest size whose signatures are not known yet."""


@dataclass(frozen=True, slots=True)
class Intake:
    """The doors; None: not opened."""

    github: AlertCall | None
    gitlab: AlertCall | None
    receiver: Receiver | None


def intake(admission: Admission) -> Intake:
    """The doors that the store's policies open.

    Raises:
        ConfigError: a file with keys or with a secret cannot be read.
    """
    opened = admission.store.context.policies.leak_intake
    key = read_secret(opened.revocation_key, os.environ)
    unsigned = UnsignedMessages(_LARGE_AT_ONCE * admission.settings.report_limit)
    return Intake(
        _alerts(admission, GITHUB, opened.github, unsigned),
        _alerts(admission, GITLAB, opened.gitlab, unsigned),
        None if key is None else Receiver(admission, key),
    )


def _alerts(admission: Admission, forge: Forge, source: AlertSource, unsigned: UnsignedMessages) -> AlertCall | None:
    if not source.on:
        return None
    floor = admission.settings.key_floor_seconds
    keys = KeyRing(forge.name, source, admission.store, os.environ, floor_seconds=floor)
    return AlertCall(admission, forge, keys, unsigned)
