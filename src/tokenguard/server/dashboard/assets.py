"""Style and script, from memory, under a path that changes with what they hold: they can be kept for ever."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

_FOLDER = "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "same-origin"}
_DIGITS = 16


class Assets:
    """The files of the folder `static`, read once."""

    def __init__(self) -> None:
        folder = files(__package__ or "") / _FOLDER
        found = ((each.name, each.read_bytes()) for each in folder.iterdir())
        self._bytes = {name: data for name, data in sorted(found) if name[name.rfind(".") :] in _TYPES}
        self._version = sha256(b"\0".join(self._bytes.values())).hexdigest()[:_DIGITS]

    def url(self, name: str) -> str:
        """Where a page finds it."""
        if name not in self._bytes:
            raise KeyError(name)
        return f"/static/{self._version}/{name}"

    def route(self) -> Route:
        """The route that serves all of them. A path of another version is not found: it could be kept for ever."""
        return Route("/static/{version}/{name}", self._serve, methods=["GET"], include_in_schema=False)

    async def _serve(self, request: Request) -> Response:
        version, name = request.path_params["version"], request.path_params["name"]
        data = self._bytes.get(name) if version == self._version else None
        if data is None:
            return Response(status_code=404)
        return Response(data, headers=_FOR_EVER, media_type=_TYPES[name[name.rfind(".") :]])
