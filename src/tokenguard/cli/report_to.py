"""`--report-to URL`: what a scan found, handed in to a token store; imported by such scans alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tokenguard.app.hand_in import hand_in
from tokenguard.cli.main import complain, tell
from tokenguard.config.credentials import TOKEN_VARIABLE, access, login_file, server_address
from tokenguard.errors import TokenguardError, UsageError
from tokenguard.model import Report
from tokenguard.report.summary import counted
from tokenguard.respond.client import Client

Reporter = Callable[[Report], bool]
"""Hands in a report; whether that went well. It says itself what came of it."""


@contextmanager
def reporter_to(url: str) -> Iterator[Reporter]:
    """What to call with the report. Nothing is sent before.

    Raises:
        UsageError: no token may be sent to that URL, or there is none for it.
    """
    address = server_address(url, "--report-to")
    said = access(
        server_flag=address, token_flag=None, configured=None, environ=os.environ, file=login_file(os.environ)
    )
    token = said.token
    if token is None:
        raise UsageError(
            "--report-to: no token for that server",
            remedy=f"set {TOKEN_VARIABLE} to one that has leaks:report",
        )
    client = Client(address, token.value)

    def report_to(report: Report) -> bool:
        try:
            leaks = hand_in(client, report, os.environ)
        except TokenguardError as error:
            complain(f"not reported: {error}")
            return False
        if leaks:
            tell(f"reported to {client.name}: {counted(leaks, 'leak')}")
        return True

    try:
        yield report_to
    finally:
        client.close()
