"""The socket, and the server on it until a signal ends it."""

import ipaddress
import logging
import socket

import uvicorn
from starlette.types import ASGIApp

from trainer.errors import ConfigError

GRACE_SECONDS = 10  # for answers on their way, once a signal came
IDLE_SECONDS = 5  # a connection without a request is closed
CONNECTIONS = 64  # beside those that may wait


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; 0 takes any free port.

    Raises:
        ConfigError: the address is not this machine's, or taken.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, proto)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: no such address ({error}); 127.0.0.1 is this machine alone") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen()
    except (OSError, OverflowError) as error:
        found.close()
        raise ConfigError(
            f"--host {host} --port {port}: cannot listen there ({error})\ngive another port; 0 takes a free one"
        ) from error
    return found


def is_this_machine(host: str) -> bool:
    """Return whether nobody else reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(listening: socket.socket) -> str:
    """Return the address that a browser is given."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def make_server(app: ASGIApp, most_waiting: int) -> uvicorn.Server:
    """Return a server whose ``run`` answers until SIGINT or SIGTERM comes and what is on its way is finished.

    Args:
        app: that answers.
        most_waiting: requests that wait; so many connections and some more are taken.
    """
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # who sends a damaged form is told so
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="critical",  # what fails is told by the app
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=most_waiting + CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)
