"""``foldwise serve``: a finished run that answers over HTTP, and a page to try it on."""

from typing import Annotated

import typer

from trainer.cli.predict import BatchSize, Device, Folds, Model, Plugins, Run, chosen_models
from trainer.errors import ConfigError

EXAMPLES = """\b
Examples:
  foldwise serve runs/a1
  foldwise serve runs/a1 --port 0 --threads 2 --max-rows 1000
  curl -H 'Content-Type: application/json' http://127.0.0.1:8000/predict -d '{"age": 31}'
  curl -F file=@cat.png 'http://127.0.0.1:8000/predict?folds=true'"""
LOOPBACK = "127.0.0.1"
NEEDED = ("fastapi", "python_multipart", "starlette", "uvicorn")
Host = Annotated[str, typer.Option(metavar="ADDR", help="address to listen on; 0.0.0.0 lets other machines ask")]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST", help="another name of this server, as a proxy has it; repeat for several"),
]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, metavar="N", help="of torch; default: all cores")]
Opinion = Annotated[
    bool, typer.Option("--all-folds-opinion", help="every answer says what each fold says; else where ?folds=true asks")
]
Raw = Annotated[bool, typer.Option("--raw", help="without what foldwise decide has kept with the run")]
MaxRows = Annotated[int, typer.Option(min=1, metavar="N", help="rows, or images, of one request")]
MaxBytes = Annotated[int, typer.Option(min=1, metavar="N", help="of the body of one request")]
MaxPixels = Annotated[int, typer.Option(min=1, metavar="N", help="of one image; larger ones are not decoded")]
MaxWaiting = Annotated[int, typer.Option(min=0, metavar="N", help="requests that wait; one more is answered with 503")]
Timeout = Annotated[
    float, typer.Option(min=0.1, metavar="SECONDS", help="to receive a request, and again to wait and predict")
]


def serve(
    directory: Run,
    *,
    host: Host = LOOPBACK,
    port: Port = 8000,
    allow_host: AllowHost = None,
    folds: Folds = None,
    model: Model = None,
    device: Device = None,
    batch_size: BatchSize = None,
    threads: Threads = None,
    all_folds_opinion: Opinion = False,
    raw: Raw = False,
    max_rows: MaxRows = 10_000,
    max_bytes: MaxBytes = 16_777_216,
    max_pixels: MaxPixels = 64_000_000,
    max_waiting: MaxWaiting = 16,
    timeout: Timeout = 60.0,
    plugins: Plugins = None,
) -> None:
    """Answer predictions of a run, or of a blend, over HTTP: POST /predict, and a page to try it on.

    Nothing of a request is a path; this machine alone is answered unless --host says otherwise. Ctrl-C ends it.
    """
    from trainer.inference.predict_blend import Models
    from trainer.store.own_files import is_blend
    from trainer.system import interrupts

    if is_blend(directory) and (folds or model):
        raise ConfigError(f"{directory} is a blend: its runs predict with all their folds")
    try:
        from trainer.inference.serving.limits import Limits
        from trainer.inference.serving.serve import Door, serve_run
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        raise ConfigError(f"foldwise serve needs {error.name}: pip install 'foldwise[serve]'") from error
    limits = Limits(max_rows, max_bytes, max_pixels, max_waiting, timeout)
    with interrupts.handled():
        serve_run(
            directory,
            Door(host, port, tuple(allow_host or ())),
            limits,
            models=Models(device, batch_size, plugins or []),
            folds=chosen_models(folds, model),
            raw=raw,
            threads=threads,
            opinions=all_folds_opinion,
        )
