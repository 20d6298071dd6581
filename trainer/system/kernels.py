"""Torch's kernel libraries, switched off for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def switched_off(*backends: Any) -> Iterator[None]:
    """Switch backends of ``torch.backends`` off, and back to what they were.

    Their own ``flags()`` is not used: oneDNN's warns of TF32 and, where warnings are errors, leaves oneDNN off (torch
    2.14.1).

    Args:
        backends: with a flag ``enabled``, such as ``torch.backends.mkldnn``.
    """
    kept = [backend.enabled for backend in backends]
    try:
        for backend in backends:
            backend.enabled = False
        yield
    finally:
        for backend, enabled in zip(backends, kept, strict=True):
            backend.enabled = enabled
