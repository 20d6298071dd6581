"""What is asked for and what answers it: ``POST /predict``, ``GET /``, ``/about``, ``/health``."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from trainer.errors import FoldwiseError, as_foldwise_error
from trainer.inference.serving.about import about
from trainer.inference.serving.answers import Answer
from trainer.inference.serving.described import PREDICT, predict_request
from trainer.inference.serving.guard import CSP, guarded_app
from trainer.inference.serving.limits import FORM, IMAGE, JSON, Limits, content_type, read_body, read_uploads
from trainer.inference.serving.predicting import Wanted, answer_images, answer_rows
from trainer.inference.serving.refused import RequestError, as_body, status_of
from trainer.inference.serving.served import Served
from trainer.inference.serving.turns import Turns
from trainer.inference.serving.web_page import page, page_language
from trainer.system.version import __version__
from trainer.wording.printable import printable_message


def serving_app(
    served: Served, limits: Limits, turns: Turns, *, names: Iterable[str] = (), folds: bool = False
) -> ASGIApp:
    """Return the app.

    Args:
        served: what answers.
        limits: of requests.
        turns: in which they are predicted.
        names: by which the server may be called.
        folds: tell each fold's opinion unasked.
    """
    # the pages that FastAPI has for people load scripts from elsewhere
    app = FastAPI(title=f"Foldwise: {served.copy.directory.name}", version=__version__, docs_url=None, redoc_url=None)
    facts = about(served, limits)

    @app.post("/predict", **PREDICT, openapi_extra=predict_request(facts))
    async def predict(request: Request, folds: bool = folds, raw: bool = False) -> Response:
        turns.require_room()
        body = await read_body(request, limits)
        wanted = Wanted(folds, raw)
        if served.takes_images:
            uploads = await read_uploads(request, body, limits)
            work = partial(answer_images, served, uploads, wanted, limits)
        else:
            _require_json(request)
            work = partial(answer_rows, served, body, wanted, limits)
        return await _answered(turns, work)

    @app.get("/", response_class=HTMLResponse, summary="A page to try it")
    async def show(request: Request) -> Response:
        text, policy = page(facts, page_language(request.headers.get("accept-language")))
        return HTMLResponse(text, headers={CSP: policy, "Vary": "Accept-Language"})

    @app.get("/about", summary="What is served")
    async def tell() -> dict[str, Any]:
        return facts

    @app.get("/health", summary="Whether it answers")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "waiting": max(0, turns.here - 1)}

    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _of_query)
    app.add_exception_handler(FoldwiseError, _foldwise)
    app.add_exception_handler(Exception, _unexpected)
    return guarded_app(app, names)


async def _answered(turns: Turns, work: Callable[[], Answer]) -> Response:
    try:
        return JSONResponse(await turns.take(work))
    except (RequestError, FoldwiseError):
        raise
    except Exception as error:  # what passes the app's handlers has its connection closed, though it can be used
        return _fault(error)


def _require_json(request: Request) -> None:
    kind = content_type(request)
    if kind == JSON:
        return
    if kind == FORM or kind.startswith(IMAGE):
        raise RequestError(415, f"this run predicts rows, not files: send {JSON}, an object or a list of them")
    raise RequestError(415, f"rows come as JSON: send the header Content-Type: {JSON}")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return JSONResponse(as_body("refused", str(error)), error.status, error.headers)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(as_body("refused", str(error.detail)), error.status_code, error.headers)


async def _of_query(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(f"?{problem['loc'][-1]}: {problem['msg']}" for problem in error.errors())
    return JSONResponse(as_body("refused", said), 422)


async def _foldwise(_: Request, error: Exception) -> Response:
    assert isinstance(error, FoldwiseError)
    status = status_of(error)
    return _fault(error) if status == 500 else JSONResponse(as_body(error.kind, str(error)), status)


async def _unexpected(_: Request, error: Exception) -> Response:
    return _fault(error)


def _fault(error: Exception) -> Response:
    """Tell whoever serves what went wrong, and whoever asked only that it did."""
    print(printable_message(f"a request failed: {as_foldwise_error(error)}"), file=sys.stderr, flush=True)
    return JSONResponse(as_body("error", "the server could not predict this: its own output says why"), 500)
