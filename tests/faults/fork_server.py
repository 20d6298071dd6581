"""A process that has imported everything once and forks a child per run: a start costs milliseconds, not seconds.

Each child is a process of its own, with its own pid, memory and open files: a SIGKILL ends it as it ends any other.
Only the imports are shared, with ``conf/``, what most runs choose of it, the templates and the sources of the house;
nothing of a run is read or computed before the fork, and the server has one thread. The figures of the report are white
(unless a request sets ``FOLDWISE_TEST_FIGURES``), its intervals are drawn from few resamples, and no file is flushed to
the disk; for the battery, which sets that of the server, all is as ever.

Requests are JSON lines on standard input: ``program`` (train.py or foldwise), its ``arguments``, ``directory`` to run
in, ``notes`` (where the server writes ``out``, ``err``, ``pid`` and, at the end, ``code``), ``environment``,
``largest_file_bytes``. ``foldwise tensorboard`` starts no TensorBoard, which would serve until it is stopped.
"""

import atexit
import contextlib
import gc
import io
import json
import os
import resource
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PRELOADED = (
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "hydra._internal.core_plugins.bash_completion",
    "hydra._internal.core_plugins.basic_launcher",
    "hydra._internal.core_plugins.basic_sweeper",
    "hydra._internal.core_plugins.file_config_source",
    "hydra._internal.core_plugins.fish_completion",
    "hydra._internal.core_plugins.importlib_resources_config_source",
    "hydra._internal.core_plugins.structured_config_source",
    "hydra._internal.core_plugins.zsh_completion",
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher",
    "jinja2",
    "markdown.extensions.attr_list",
    "markdown.extensions.fenced_code",
    "markdown.extensions.tables",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pygments.formatters",
    "pygments.lexers",
    "sklearn.compose",
    "sklearn.datasets",
    "sklearn.impute",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.pipeline",
    "sklearn.tree",
    "tokenizers",
    "torch._dynamo",
    "torch.utils.flop_counter",
    "trainer.cli.main",
    "trainer.data.preprocess.table",
    "trainer.data.sources.bundled",
    "trainer.data.sources.csv_tabular",
    "trainer.folds.strategies.stratified",
    "trainer.losses.ce",
    "trainer.models.mlp",
    "trainer.run.cross_validate",
    "trainer.run.merge",
    "trainer.search.sweep",
    "trainer.trackers.tensorboard",
)

CHOSEN = ("data=wine", "data=iris", "data=csv_text model=text_cnn", "")


def compose() -> None:
    """Compose what most runs choose, a third of such a run's time; each sets its values on a copy."""
    import train as script

    for choice in CHOSEN:
        sys.argv = ["train.py", *choice.split(), "tracker=none", "--cfg", "job"]
        with contextlib.redirect_stdout(io.StringIO()):
            script.main()


class Child(NamedTuple):
    """A run, and the folder with its notes."""

    pid: int
    notes: Path


def serve() -> Callable[[], int] | None:
    """Answer requests until the input ends; in a child, return what it is to do."""
    running: dict[int, Child] = {}  # by what can be read once they end
    rest = b""
    while True:
        readable, _, _ = select.select([0, *running], [], [])
        for end_of_child in set(readable) - {0}:
            _note_ended(end_of_child, running.pop(end_of_child))
        if 0 not in readable:
            continue
        received = os.read(0, 65536)
        if not received:
            for child in running.values():
                os.kill(child.pid, signal.SIGKILL)
            return None
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                for other in running:
                    os.close(other)
                return lambda request=request: work(request)
            child = Child(pid, Path(request["notes"]))
            running[os.pidfd_open(pid)] = child
            _write(child.notes / "pid", str(pid))


def work(request: dict) -> int:
    """Be ``python train.py ARGUMENTS`` or ``foldwise ARGUMENTS``."""
    os.chdir(request["directory"])
    os.environ |= request["environment"]
    tempfile.tempdir = None  # TMPDIR may be another one
    notes = Path(request["notes"])
    for number, name in ((0, os.devnull), (1, notes / "out"), (2, notes / "err")):
        opened = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    limit = request["largest_file_bytes"]
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv = [request["program"], *request["arguments"]]
    import train as script
    from trainer.cli import main, tensorboard
    from trainer.config.compose import composed
    from trainer.errors import guarded

    quick_runs.Plots.made = quick_runs.Plots.rendered = bool(os.environ.get("FOLDWISE_TEST_FIGURES"))
    if request["program"] == "foldwise":
        tensorboard.subprocess = SimpleNamespace(run=lambda *_, **__: None)
        return main.main()
    return guarded(lambda: composed(script.main, script.check))


def end(code: int) -> None:
    """End as the interpreter does, without taking every module apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _note_ended(end_of_child: int, child: Child) -> None:
    os.close(end_of_child)
    _, status = os.waitpid(child.pid, 0)
    _write(child.notes / "code", str(os.waitstatus_to_exitcode(status)))


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.rename(path)


if __name__ == "__main__":
    import importlib

    sys.path.insert(0, str(REPOSITORY))
    for name in ("train", *PRELOADED):
        importlib.import_module(name)
    importlib.import_module("trainer.metrics.find").house_metrics()  # imports them

    from tests import composed_once, quick_runs

    composed_once.quicken()
    quick_runs.warm_up()
    compose()
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208
        sys.exit("the fork server has threads: a child could hang")
    gc.collect()
    gc.freeze()  # else the first collection of a child copies every page
    print("ready", flush=True)
    task = serve()
    end(0 if task is None else task())
