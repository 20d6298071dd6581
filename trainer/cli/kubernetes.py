"""``foldwise kubernetes``: a Job that trains each fold of a run in a pod."""

from typing import Annotated

import typer

EXAMPLES = """\b
Examples:
  foldwise kubernetes run=a1 loss=focal --image my-registry/foldwise --claim runs > job.yaml
  kubectl apply -f job.yaml"""
Overrides = Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="options of the run, run=NAME among them")]
Image = Annotated[str, typer.Option(metavar="IMAGE", help="image with Foldwise: docs/guide/container.md")]
Claim = Annotated[str, typer.Option(metavar="CLAIM", help="volume claim for runs/ (ReadWriteMany)")]
DataClaim = Annotated[str | None, typer.Option(metavar="CLAIM", help="volume claim with data, at /workspace/data")]
Cpus = Annotated[str, typer.Option(metavar="N", help="cores of a pod: 2, 0.5 or 500m")]
Memory = Annotated[str, typer.Option(metavar="N", help="memory of a pod: 4Gi")]
Gpus = Annotated[int, typer.Option(metavar="N", min=0, help="GPUs of a pod")]
AtOnce = Annotated[int | None, typer.Option(metavar="N", min=1, help="most pods at a time; default: all")]
Restarts = Annotated[int, typer.Option(metavar="N", min=0, help="tries of a fold after the first")]
Queue = Annotated[str | None, typer.Option(metavar="QUEUE", help="queue of Kueue, which starts the Job")]
Namespace = Annotated[str | None, typer.Option(metavar="NAMESPACE", help="of the Job")]
Folds = Annotated[int | None, typer.Option(metavar="N", min=1, help="number of folds, where the data decides it")]


def kubernetes(
    overrides: Overrides,
    *,
    image: Image,
    claim: Claim,
    data_claim: DataClaim = None,
    cpus: Cpus = "1",
    memory: Memory = "4Gi",
    gpus: Gpus = 0,
    at_once: AtOnce = None,
    restarts: Restarts = 3,
    queue: Queue = None,
    namespace: Namespace = None,
    folds: Folds = None,
) -> None:
    """Print an Indexed Job of Kubernetes that trains each fold in a pod; the last one to end merges."""
    from trainer.config.overrides import key_of
    from trainer.executors.indexed_job import Wanted, indexed_job

    run, n_folds = _run_and_folds(overrides, folds)
    kept = [item for item in overrides if key_of(item) not in ("run", "cv.fold", "paths.runs", "resume", "cv.parallel")]
    wanted = Wanted(run, n_folds, image, claim, data_claim, cpus, memory, gpus, at_once, restarts, queue, namespace)
    print(indexed_job(wanted, kept), end="")


def _run_and_folds(overrides: list[str], given: int | None) -> tuple[str, int]:
    """Return the name of the run and how many folds it has.

    Raises:
        ConfigError: it has no name, or only the data says how many folds there are.
    """
    from trainer.config.compose import compose_run
    from trainer.errors import ConfigError
    from trainer.folds.plan import strategy_module

    config, _ = compose_run(overrides, lambda config: None)
    if config.run is None:
        raise ConfigError("give the run a name, which all pods share: run=NAME")
    if given is not None:
        return config.run, given
    counted = "." not in config.cv.strategy and strategy_module(config.cv.strategy).N_SPLITS
    if not counted:
        raise ConfigError(f"cv={config.cv.strategy}: the data says how many folds there are: give --folds N")
    return config.run, config.cv.n_splits * config.cv.repeats
