"""``cross_validate`` of a Python program: the same run as the command's, by the same code."""

import multiprocessing
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.api.data import Data, named_as_arguments
from trainer.api.given import as_data
from trainer.api.keywords import PREPROCESS, as_overrides
from trainer.api.runs import Run
from trainer.config.help import INSTALLED_DOOR, PYTHON_DOOR
from trainer.errors import ConfigError, Interrupted
from trainer.system.fast_import import unsearched_import

if TYPE_CHECKING:
    from trainer.config.compose import Launch
    from trainer.config.schema import RunConfig
    from trainer.data.sources.in_memory import Given

IN_MEMORY = "trainer.data.sources.in_memory.load_in_memory"


def cross_validate(
    data: Any,
    y: Any = None,
    /,
    *,
    model: Any = None,
    loss: Any = None,
    amp: Any = None,
    cv: Any = None,
    preprocess: Any = None,
    run: str | None = None,
    **options: Any,
) -> Run:
    """Train every fold, predict each row once while it is held out, and write the run's directory.

    Every key of the configuration is an argument (docs/reference/options.md); None leaves what ``conf/`` says. A group
    is given by the name of its choice, settings by a mapping, both as ``(choice, {setting: value})``, and a single
    value by its dotted name: ``**{"optimizer.lr": 0.1}``.

    Args:
        data: rows with labels: ``Data``, a frame with a column ``label``, ``(X, y)``, a data set of torch's form, a
            file or a bundled data set's name.
        y: labels, where ``data`` has none: ``cross_validate(X, y)`` is ``cross_validate((X, y))``.
        model: a choice of ``conf/model``, or a class or function of your own that makes an ``nn.Module``.
        loss: a choice of ``conf/loss``, or a class.
        amp: ``O0`` to ``O3``.
        cv: a choice of ``conf/cv``, settings, or a splitter of scikit-learn.
        preprocess: a choice of ``conf/data/preprocess``, or a transformer or pipeline of scikit-learn.
        run: name of the run directory; the same call with the same name resumes it.
        **options: any other key: ``max_epochs=20``, ``optimizer=("sgd", {"lr": 0.1})``, ``fit={"clip_norm": 1}``.

    Raises:
        ConfigError: a setting cannot be; every problem is named.
        DataError: the rows cannot be trained on or split so.
        KeyboardInterrupt: Ctrl-C or the stop button; the state is saved.

    Example:
        >>> import numpy, trainer as fw
        >>> QUIET = {"progress": "off"}
        >>> X = numpy.random.default_rng(0).normal(size=(60, 4))
        >>> run = fw.cross_validate((X, X[:, 0] > 0), model="mlp", cv={"n_splits": 2}, max_epochs=1, runtime=QUIET)
        >>> sorted(run.metrics)[:2], len(run.oof)
        (['accuracy', 'average_precision'], 60)
    """
    named = {"model": model, "loss": loss, "amp": amp, "cv": cv, PREPROCESS: preprocess, "run": run, **options}
    return Run(train_named(data if y is None else (data, y), named))


def train_named(data: Any, named: Mapping[str, Any]) -> Path:
    """Train, or search, as keyword arguments say, and return the directory.

    Args:
        data: as ``cross_validate`` takes it.
        named: keys of the configuration.
    """
    _refuse_while_imported()
    rows = as_data(data)
    overrides = [*_data_overrides(rows, has_preprocess=named.get(PREPROCESS) is not None), *as_overrides(named)]
    config, launch = _composed(overrides, rows)
    given = _given(config, rows)
    _settle_processes(config, given)
    return _train(config, launch, given)


def _refuse_while_imported() -> None:
    """Refuse to train in a process that is being started: it imports the script, which would start others."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError(
            "cross_validate is called while a new process imports this script, and would train all of it again\n"
            "put the call under   if __name__ == '__main__':"
        )


def _data_overrides(rows: Data, *, has_preprocess: bool) -> list[str]:
    preprocess = [] if has_preprocess or not rows.preprocess else [f"data/preprocess={rows.preprocess}"]
    if rows.choice:
        return [f"data={rows.choice}", *preprocess, *as_overrides({"data": dict(rows.options)})]
    name = as_overrides({"data": {"name": rows.name}})
    return [f"data._target_={IN_MEMORY}", *name, *preprocess]


def _composed(overrides: list[str], rows: Data) -> "tuple[RunConfig, Launch]":
    """Return the configuration, checked, and how it was asked for."""
    with unsearched_import("trainer.search.sweep"):
        import trainer.search.sweep  # noqa: F401 and so all that trains
        from trainer.config.compose import compose_run
        from trainer.config.home import with_home
        from trainer.run.validate import check_config

    config, launch = compose_run(overrides, check_config)
    config = with_home(config)
    check_config(config)
    if config.profile.only:
        raise ConfigError("profile.only trains nothing, so there is no run: foldwise train profile.only=true prints it")
    if rows.choice:
        return config, replace(launch, door=INSTALLED_DOOR)
    name = re.sub(r"\W+", "_", rows.name) or "data"
    default = launch.default_name.replace(IN_MEMORY.rpartition(".")[2], name, 1)
    return config, replace(launch, door=PYTHON_DOOR, default_name=default)


def _given(config: "RunConfig", rows: Data) -> "Given | None":
    """Return the rows that only this program has; None where the configuration says where they are."""
    from trainer.run.prepare import task_of_loss

    if rows.choice:
        return None
    with named_as_arguments():
        return rows.load(rows.options.get("task") or task_of_loss(config))


def _settle_processes(config: "RunConfig", given: "Given | None") -> None:
    """Train in this process where others would have to be started and could not find what a notebook defines.

    Raises:
        ConfigError: several were asked for.
    """
    import torch

    from trainer.run.steps.parallel import AUTO, sees_gpu, starts_new_processes

    lost = _not_importable(config, given)
    kind = "cuda" if config.device == "auto" and torch.cuda.is_available() else config.device.replace("auto", "cpu")
    device, parallel = torch.device(kind), config.cv.parallel
    if not lost or parallel == 1 or not starts_new_processes(device) or (parallel == AUTO and sees_gpu(device)):
        return
    what = f"{lost} cannot be found by new processes, which folds side by side need here"
    if parallel != AUTO:
        raise ConfigError(f"cv.parallel={parallel}: {what}\nset cv.parallel to 1, or put it into a module")
    print(f"note: {what}: folds are trained one after the other (in a module it is found)")
    config.cv.parallel = 1


def _not_importable(config: "RunConfig", given: "Given | None") -> str:
    """Return what a new process cannot import: parts of a notebook, or a program that was piped in; or nothing."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is not None:
        return "" if Path(file).is_file() else "this program, which is in no file,"
    named = [name for name in ("model", "loss") if str(getattr(config, name)["_target_"]).startswith("__main__.")]
    reader = getattr(given[0].inputs, "reader", None) if given else None
    named += ["data"] if type(getattr(reader, "dataset", None)).__module__ == "__main__" else []
    return f"{' and '.join(named)} of this notebook" if named else ""


def _train(config: "RunConfig", launch: "Launch", given: "Given | None") -> Path:
    """Train, and return the run's directory."""
    from trainer.profiler.costs import same_random_state
    from trainer.search.sweep import run as run_job
    from trainer.system.files import claim_directory

    if config.pseudo.path is not None:
        from trainer.inference.pseudo_rows import predict_unlabelled

        predict_unlabelled(config)
    unnamed = config.run is None
    if unnamed and config.resume == "must":
        raise ConfigError("resume=must needs the name of the run to resume: run=NAME")
    directory = Path(config.paths.runs) / (config.run or launch.default_name)
    if unnamed:
        directory = claim_directory(directory)
        config.run = directory.name
    try:
        with named_as_arguments(), same_random_state():  # of the program, which may draw numbers of its own
            run_job(config, launch, given)
    except Interrupted as stop:
        raise KeyboardInterrupt(str(stop)) from stop
    finally:
        if unnamed and directory.is_dir():
            with suppress(OSError):  # it holds something: the run was begun
                directory.rmdir()
    return directory
