"""The OpenAPI document says what the server does: the real schemathesis asks the running server for all it promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from server.serving import Api

# What only the store knows (which roles, plans, cursors there are) no schema can say: 422 for these is right.
_LEFT_OUT = "positive_data_acceptance"
# What forges call has signatures and tests of its own, and is closed where no key is configured.
_OF_FORGES = "/webhooks/"


def _paths(api: Api) -> dict[str, Any]:
    """The documented paths, without those of forges."""
    document = api.get("/openapi.json", token=None)
    return {path: methods for path, methods in document["paths"].items() if not path.startswith(_OF_FORGES)}


def test_everything_that_is_documented_is_so(api: Api, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {api.admin}"),
            *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "8"),
            *("--exclude-path-regex", f"^{_OF_FORGES}"),
            *("--exclude-checks", _LEFT_OUT, "--generation-database", "none", "--no-color"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert f"Tested: {len(_CALLS)}" in run.stdout
    assert not any('"status": 5' in line for line in api.log)


_CALLS = {
    ("GET", "/api/v1/auth/me"),
    ("GET", "/api/v1/families"),
    ("GET", "/api/v1/tokens"),
    ("POST", "/api/v1/tokens"),
    ("GET", "/api/v1/tokens/{token_id}"),
    ("DELETE", "/api/v1/tokens/{token_id}"),
    ("POST", "/api/v1/tokens/{token_id}/rotate"),
    ("POST", "/api/v1/revocations"),
    ("POST", "/api/v1/revocations/leaked"),
    ("POST", "/oauth/introspect"),
    ("POST", "/oauth/revoke"),
    ("POST", "/api/v1/leaks"),
    ("GET", "/api/v1/leaks"),
    ("GET", "/api/v1/leaks/{leak_id}"),
    ("POST", "/api/v1/leaks/{leak_id}/resolve"),
    ("GET", "/api/v1/users"),
    ("POST", "/api/v1/users"),
    ("PATCH", "/api/v1/users/{user_id}"),
    ("GET", "/api/v1/roles"),
    ("POST", "/api/v1/roles"),
    ("PATCH", "/api/v1/roles/{role_id}"),
    ("DELETE", "/api/v1/roles/{role_id}"),
    ("GET", "/api/v1/audit"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
}


def test_every_call_and_problem_is_documented(api: Api) -> None:
    paths = _paths(api)
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == _CALLS
    assert "HTTPValidationError" not in json.dumps(paths)
    calls = [call for methods in paths.values() for call in methods.values()]
    assert len({call["operationId"] for call in calls}) == len(calls)
    for call in calls:
        for status, answer in call["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]


def test_what_needs_a_token_says_so(api: Api) -> None:
    open_calls = {
        path for path, methods in _paths(api).items() for call in methods.values() if not call.get("security")
    }
    assert open_calls == {"/api/v1/revocations/leaked", "/oauth/revoke", "/healthz", "/readyz", "/metrics"}
