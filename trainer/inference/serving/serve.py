"""A run is opened, warmed up and served until a signal comes: what ``foldwise serve`` does."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.inference.predict_blend import Models
from trainer.inference.serving.app import serving_app
from trainer.inference.serving.limits import Limits
from trainer.inference.serving.predicting import warm_up
from trainer.inference.serving.served import Served, open_served
from trainer.inference.serving.server import address_of, is_this_machine, listening_socket, make_server
from trainer.inference.serving.turns import Turns
from trainer.report.terminal import line_printer, show_notes, terminal


@dataclass(frozen=True)
class Door:
    """Where requests come in.

    Attributes:
        host: to listen on.
        port: likewise; 0 = a free one.
        names: other names of this server.
    """

    host: str
    port: int
    names: tuple[str, ...] = ()


def serve_run(
    directory: Path,
    door: Door,
    limits: Limits,
    *,
    models: Models,
    folds: Sequence[int | str] | None = None,
    raw: bool = False,
    threads: int | None = None,
    opinions: bool = False,
) -> None:
    """Serve a run, or a blend.

    Args:
        directory: of it.
        door: where requests come in.
        limits: of them.
        models: how the run predicts.
        folds: that predict; None = all.
        raw: without what was decided.
        threads: of torch; None = as it is.
        opinions: tell each fold's opinion unasked.

    Raises:
        CheckpointError: it cannot be served.
        ConfigError: an option does not fit, or the address is taken.
        Interrupted: a signal ended it.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    console = terminal()
    with closing(listening_socket(door.host, door.port)) as listening:  # a port that is taken is told before the wait
        served = open_served(directory, models=models, folds=folds, raw=raw)
        with closing(Turns(limits.max_waiting, limits.timeout_seconds)) as turns:
            turns.thread.submit(warm_up, served, limits).result()
            app = serving_app(served, limits, turns, names=(door.host, *door.names), folds=opinions)
            show_notes(_notes(served, door), console)
            line_printer(console)(f"{directory}: {_voices(served)} on {address_of(listening)} (Ctrl-C ends it)")
            make_server(app, limits.max_waiting).run(sockets=[listening])


def _voices(served: Served) -> str:
    what = "fold" if served.blend is None else "run"
    return f"{what}{'s' if len(served.voices) > 1 else ''} {', '.join(served.voices)}"


def _notes(served: Served, door: Door) -> list[str]:
    said = list(dict.fromkeys(note for predictor in served.predictors for note in predictor.run.notes))
    if not is_this_machine(door.host):
        said.append("whoever reaches this machine can ask, without a password and unencrypted")
    return said
