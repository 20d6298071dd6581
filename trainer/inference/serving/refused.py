"""Why a request has no answer, with the status that HTTP has for it."""

from trainer.errors import CheckpointError, DataError, FoldwiseError

STATUS: tuple[tuple[type[FoldwiseError], int], ...] = ((DataError, 422), (CheckpointError, 500))


class RequestError(Exception):
    """A request that is not predicted.

    Args:
        status: of the answer.
        message: what is wrong, and what to do.
        retry_seconds: after which it may be sent again, or None.
    """

    def __init__(self, status: int, message: str, *, retry_seconds: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {} if retry_seconds is None else {"Retry-After": str(retry_seconds)}


def as_body(kind: str, message: str) -> dict[str, dict[str, str]]:
    """Return what every refusal says, as JSON has it."""
    return {"error": {"kind": kind, "message": message}}


def status_of(error: FoldwiseError) -> int:
    """Return the status of an error: what the request holds wrongly is 422, all else is the server's fault."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)
