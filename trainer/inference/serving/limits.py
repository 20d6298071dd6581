"""What a request may take, and its body, read no further than that."""

import asyncio
from dataclasses import dataclass

import python_multipart  # noqa: F401 forms are read by it: its absence is told at the start
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from trainer.errors import DataError, shown
from trainer.inference.serving.refused import RequestError
from trainer.inference.serving.uploads import Upload

JSON, FORM, IMAGE = "application/json", "multipart/form-data", "image/"


@dataclass(frozen=True)
class Limits:
    """Of one request, and of all together.

    Attributes:
        max_rows: rows, or images.
        max_bytes: of the body.
        max_pixels: of one image.
        max_waiting: requests beside the one that is predicted.
        timeout_seconds: to receive the body, and again to wait and predict.
    """

    max_rows: int = 10_000
    max_bytes: int = 16 << 20
    max_pixels: int = 64_000_000
    max_waiting: int = 16
    timeout_seconds: float = 60.0


def content_type(request: Request) -> str:
    """Return what the body is said to be, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body, whether its length was told or it comes in pieces.

    Raises:
        RequestError: it is too large, or comes too slowly.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limits.max_bytes:
        raise _too_large(limits)
    received = bytearray()
    try:
        async with asyncio.timeout(limits.timeout_seconds):
            async for piece in request.stream():
                received += piece
                if len(received) > limits.max_bytes:
                    raise _too_large(limits)
    except ClientDisconnect as gone:
        raise RequestError(400, "the request was broken off") from gone  # nobody reads it, and nothing failed here
    except TimeoutError as late:
        raise RequestError(408, f"the request was not received within {limits.timeout_seconds:g} seconds") from late
    return bytes(received)


def _too_large(limits: Limits) -> RequestError:
    return RequestError(413, f"the request is larger than {limits.max_bytes} bytes: send it in parts")


async def read_uploads(request: Request, body: bytes, limits: Limits) -> list[Upload]:
    """Return the images of a body: all files of a form, or the body itself.

    Raises:
        RequestError: it is neither, or holds too many.
        DataError: a form without a file, or a damaged one.
    """
    kind = content_type(request)
    if kind.startswith(IMAGE):
        return [("the image", body)]
    if kind != FORM:
        raise RequestError(
            415, f"this run predicts images: send their bytes as files of a form ({FORM}), or one as {IMAGE}png"
        )
    return await _files(_again(request, body), limits)


def _again(request: Request, body: bytes) -> Request:
    """Return a request whose body, which was read and measured, can be read as a form."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


async def _files(request: Request, limits: Limits) -> list[Upload]:
    try:
        async with request.form(max_files=limits.max_rows, max_fields=limits.max_rows) as form:
            parts = list(form.multi_items())
            uploads = [(part.filename or "", await part.read()) for _, part in parts if isinstance(part, UploadFile)]
    except HTTPException as problem:
        if problem.detail.startswith("Too many"):
            raise RequestError(413, f"at most {limits.max_rows} images are taken: send them in parts") from problem
        raise DataError(f"the form is damaged: {shown(problem.detail)}") from problem
    if not uploads:
        raise DataError("the form holds no file: send the image's bytes, not its name (curl -F file=@cat.png)")
    return uploads
