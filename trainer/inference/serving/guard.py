"""Who may ask: pages of this server only, by a name of this machine; and what each answer tells the browser."""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trainer.inference.serving.refused import as_body

CSP = "Content-Security-Policy"
CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    CSP: CLOSED,
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FOREIGN = ("cross-site", "same-site")  # of Sec-Fetch-Site: another page asks


def guarded_app(app: ASGIApp, names: Iterable[str]) -> ASGIApp:
    """Return an app that answers only what is meant for it, with headers that let a browser do nothing else.

    Args:
        app: that answers.
        names: by which this server may be called, beside ``localhost``, this machine's name and numeric addresses.
    """
    known = {"localhost", socket.gethostname().lower(), *(name.lower() for name in names)}

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        refused = refusal(Headers(scope=scope), scope["method"], known)
        answer = app if refused is None else JSONResponse(as_body("refused", refused[1]), refused[0])
        await answer(scope, receive, _with_headers(send))

    return call


def refusal(headers: Headers, method: str, known: Iterable[str]) -> tuple[int, str] | None:
    """Return status and message where a request is not meant for this server, or another site's page has sent it.

    A page of another site cannot call it by a numeric address and claim to be its own, only by a name that its owner
    lets point here; so names must be known, and addresses need not be.
    """
    host = headers.get("host", "")
    if not _is_known(host, known):
        return 400, f"the host '{host[:60]}' is not this server: name it with --allow-host"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return 403, f"a page of {origin[:60]} may not ask: only this server's own may"
    if method not in ("GET", "HEAD") and headers.get("sec-fetch-site") in FOREIGN:
        return 403, "a page of another site may not ask: only this server's own may"
    return None


def _is_known(host: str, known: Iterable[str]) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in known
    return True


def _with_headers(send: Send) -> Send:
    async def call(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return call
