"""``foldwise ablate``: which of several tricks are worth their time, each on the same folds and seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainer.cli.train_job import run as train_run
from trainer.errors import ConfigError, Interrupted, NonFiniteError

if TYPE_CHECKING:
    from trainer.config.compose import Launch
    from trainer.config.schema import RunConfig
    from trainer.inference.ablation import Effect

EXAMPLES = """\b
Examples:
  foldwise ablate --tricks fgm,ema,rdrop data=csv_text data.path=reviews.csv model=text_cnn
  foldwise ablate --tricks swa,sam --mode leave-one-out --name wine data=wine cv.repeats=3"""
HEADINGS = ("trick", "gain", "95 % CI", "p (Holm)", "time x", "memory x", "")

Tricks = Annotated[str, typer.Option(metavar="NAMES", help="the tricks, separated by commas")]
Mode = Annotated[
    str,
    typer.Option(metavar="MODE", help="add: each alone against none; leave-one-out: all against all but one"),
]
Name = Annotated[
    str, typer.Option(metavar="WORD", help="runs are called NAME-none, NAME-fgm, ...; those there are used")
]
Metric = Annotated[str | None, typer.Option(metavar="METRIC", help="to compare by; default: the first of the runs")]
Options = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="options of every run")]


def ablate(
    options: Options = None,
    *,
    tricks: Tricks,
    mode: Mode = "add",
    name: Name = "ablate",
    metric: Metric = None,
) -> None:
    """Train with and without each trick on the same folds and seeds, and say which to keep.

    A trick is kept where its gain is shown: the corrected t-test over folds, which knows that they share training rows,
    has p below 0.05 after Holm's correction for the number of tricks. Runs of an ablation before are gone on with.
    """
    names = list(dict.fromkeys(filter(None, tricks.split(","))))
    own = [option for option in options or () if option.startswith(("run=", "tricks=", "-", "search="))]
    if not names or own:
        raise ConfigError(
            f"{own[0]}: the runs of an ablation have tricks and names of their own: use --tricks and --name"
            if own
            else "--tricks: name at least one, such as --tricks fgm,ema"
        )
    if mode not in ("add", "leave-one-out"):
        raise ConfigError(f"--mode {mode}: must be add or leave-one-out")
    if mode != "add" and len(names) < 2:
        raise ConfigError("--mode leave-one-out: needs two tricks at least; one alone is --mode add")
    _show(names, mode, _trained(names, mode, name, options or []), metric)


def _trained(names: Sequence[str], mode: str, name: str, options: Sequence[str]) -> "tuple[list[Path], dict[str, str]]":
    """Train the reference and one run per trick; return their directories, and the tricks whose run failed."""
    combinations: list[list[str]] = [[] if mode == "add" else [*names]]
    combinations += [[one] if mode == "add" else [other for other in names if other != one] for one in names]
    composed = [
        _composed(combination, name, options) for combination in combinations
    ]  # a mistake comes before training
    runs, failed = list[Path](), dict[str, str]()
    for place, (config, launch) in enumerate(composed):
        runs.append(Path(config.paths.runs) / str(config.run))
        try:
            _train(config, launch)
        except NonFiniteError:
            if place == 0:
                raise
            failed[names[place - 1]] = "its run diverged"
    return runs, failed


def _composed(combination: Sequence[str], name: str, options: Sequence[str]) -> "tuple[RunConfig, Launch]":
    from trainer.config.compose import compose_run
    from trainer.run.validate import check_config

    tricks = f"tricks=[{','.join(combination)}]" if combination else "tricks=none"
    config, launch = compose_run([*options, tricks, f"run={_run_name(combination, name)}"], check_config)
    check_config(config)
    return config, launch


def _train(config: "RunConfig", launch: "Launch") -> None:
    from trainer.config.help import INSTALLED_DOOR

    try:
        train_run(config, launch, INSTALLED_DOOR)
    except Interrupted as stop:
        stop.advice = "; the same command goes on"
        raise


def _run_name(combination: Sequence[str], name: str) -> str:
    return f"{name}-{'-'.join(combination) or 'none'}"


def _show(names: Sequence[str], mode: str, trained: "tuple[list[Path], dict[str, str]]", metric: str | None) -> None:
    from trainer.inference.ablation import effect_rows, effects
    from trainer.inference.compare_page import rows_table
    from trainer.report.terminal import line_printer, terminal

    (reference, *runs), failed = trained
    found = effects(reference, dict(zip(names, runs, strict=True)), failed, mode, metric)
    console = terminal()
    console.print(rows_table(f"Tricks, {mode}, against {reference}", HEADINGS, effect_rows(found)))
    line_printer(console)(answer(found))


def answer(found: "Sequence[Effect]") -> str:
    """Return the tricks that are kept, as one sentence."""
    kept = [effect.trick for effect in found if effect.verdict == "keep"]
    if not kept:
        return "keep none: no gain is shown (corrected t-test over folds, Holm; p below 0.05 keeps a trick)"
    return f"keep {', '.join(kept)}: tricks=[{','.join(kept)}]"
