"""Who is answered: names of this machine and pages of this server; and what each answer tells a browser."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from trainer.inference.serving.guard import guarded_app, refusal

HERE = "127.0.0.1:8000"


def refused(method="POST", known=("localhost", "my.server"), **headers):
    found = refusal(Headers({name.replace("_", "-"): value for name, value in headers.items()}), method, known)
    return found and found[0]


@pytest.mark.parametrize("host", [HERE, "localhost", "LOCALHOST:1", "[::1]:8000", "192.168.0.7:80", "my.server:80"])
def test_this_server_is_called_by_its_names_and_by_addresses(host):
    assert refused(host=host) is None


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_that_somebody_lets_point_here_is_not_this_server(host):
    assert refused(host=host) == 400
    assert refused("GET", host=host) == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9000", f"http://{HERE}.evil.example"]
)
def test_pages_of_others_may_not_ask(origin):
    assert refused(host=HERE, origin=origin) == 403
    assert refused(host=HERE, origin=f"http://{HERE}") is None


def test_a_link_to_the_page_may_be_followed_and_no_form_sent_from_elsewhere():
    assert refused("GET", host=HERE, sec_fetch_site="cross-site") is None
    assert refused("POST", host=HERE, sec_fetch_site="cross-site") == 403
    assert refused("POST", host=HERE, sec_fetch_site="same-site") == 403
    assert refused("POST", host=HERE, sec_fetch_site="same-origin") is None


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
async def test_every_answer_tells_the_browser_to_do_nothing_else(host):
    app = guarded_app(Starlette(routes=[Route("/", lambda request: PlainTextResponse("yes"))]), [])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}") as client:
        answer = await client.get("/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (answer.status_code, answer.text == "yes") == ((200, True) if host == "localhost" else (400, False))


@pytest.fixture
def anyio_backend():
    return "asyncio"
