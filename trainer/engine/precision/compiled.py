"""``runtime.compile``: the model called through ``torch.compile``.

The module itself stays what the optimizer, checkpoints, modes and averages work on; only its call is another one, so
no name in a state_dict changes. Folds share what is compiled, because torch keeps it by the code of ``forward``.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from trainer.errors import ConfigError, shown
from trainer.system import interrupts

MOST_CHARACTERS = 200  # of the compiler's words in a message


def compiled_call(model: nn.Module, backend: str = "inductor") -> Callable[..., Tensor]:
    """Return the compiled call of a model; the compiler runs when it is first called.

    Sizes are variables of the compiled code from the first batch on: a ragged last batch or texts of another length
    compile nothing again, except for kernels that torch makes for one size only (convolutions on the CPU; after eight
    sizes it runs the others uncompiled).

    Args:
        model: stays as it is.
        backend: of ``torch.compile``.
    """
    import torch
    import torch._dynamo  # here, because it takes a second
    import torch._inductor.config as inductor

    # a toolkit beside no card, which torch looks for when it compiles with g++, is no fault of a run on the CPU
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    inductor.compile_threads = 1  # else a pool of processes, which folds side by side (forked) cannot share
    call: Callable[..., Tensor] = torch.compile(model, dynamic=True, backend=backend)
    return call


@contextmanager
def compiler_errors() -> Iterator[None]:
    """Put into words what the compiler raises.

    Raises:
        ConfigError: the model cannot be compiled here.
        Interrupted: the compiler was ended by the signal that this process has noted.
    """
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler, OperatorIssue

    try:
        yield
    except (TorchDynamoException, CppCompileError, InvalidCxxCompiler, OperatorIssue) as error:
        interrupts.check()
        first = next((line for line in str(_cause(error)).splitlines() if line.strip()), type(error).__name__)
        raise ConfigError(
            f"runtime.compile: torch.compile cannot compile this model here: {shown(first.strip(), MOST_CHARACTERS)}\n"
            "it needs a C++ compiler (g++) on the CPU, Triton on CUDA, and a model that torch can trace\n"
            "use runtime.compile=false"
        ) from error


def _cause(error: BaseException) -> BaseException:
    inner = getattr(error, "inner_exception", None) or error.__cause__
    return error if inner is None else _cause(inner)
