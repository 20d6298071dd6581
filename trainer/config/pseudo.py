"""The ``pseudo`` section: unlabelled rows that folds train on too, labelled by the folds of another run."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from trainer.config.bounds import above, between, one_of
from trainer.system.paths import PATH

PER_FOLD, ALL_FOLDS = "per_fold", "all"


@dataclass
class PseudoConfig:
    """Unlabelled rows, and who labels them."""

    path: Annotated[
        str | None, PATH, "table of unlabelled rows, with the columns that the teacher reads; null = none"
    ] = None
    teacher: Annotated[
        str | None, PATH, "finished run on the same folds whose models label them; pseudo.from= says the same"
    ] = None
    mode: Annotated[
        str,
        one_of(PER_FOLD, ALL_FOLDS),
        "who labels for a fold: per_fold = the models trained on exactly its training rows; all = the mean of all "
        "folds, of which most have seen its held-out rows: a leak",
    ] = PER_FOLD
    threshold: Annotated[float, between(0, 1, "[]"), "least probability of a label; rows below it are left out"] = 0.9
    thresholds: Annotated[dict[str, Any], "class -> its own threshold: {spam: 0.99}"] = field(default_factory=dict)
    agreement: Annotated[
        float,
        between(0, 1, "[]"),
        "least share of the labelling models (a teacher with seeds has several) that name it",
    ] = 1.0
    soft: Annotated[bool, "train on the probabilities of all classes instead of the likeliest one"] = False
    weight: Annotated[float, above(0), "of such a row, where a labelled one has 1"] = 1.0
    force_leak: Annotated[bool, "train although the labels leak: scores are then too good"] = False


def pseudo_problems(section: PseudoConfig, *, nested: bool, searched: bool) -> Iterator[str]:
    """Yield what contradicts itself, one line each.

    Args:
        section: as composed.
        nested: whether inner folds choose.
        searched: whether the run is a search.
    """
    if section.path is None:
        changed = [name for name, value in vars(section).items() if value != vars(PseudoConfig())[name]]
        if changed:
            yield f"pseudo.{changed[0]} has no effect without pseudo.path=FILE, the unlabelled rows"
        return
    if section.teacher is None:
        yield "pseudo.path needs the run whose folds label the rows: pseudo.teacher=runs/a1"
    if section.mode == ALL_FOLDS and not section.force_leak:
        yield (
            "pseudo.mode=all labels rows by models that have seen the rows a fold holds out: its scores are too good; "
            "use pseudo.mode=per_fold (or pseudo.force_leak=true to train all the same)"
        )
    if nested:
        yield "pseudo.path does not go with cv.inner: inner folds would be scored on rows that the teacher has seen"
    if searched:
        yield "pseudo.path does not go with search: search first, then train the best settings on pseudo-labels"
    for name, value in section.thresholds.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            yield f"pseudo.thresholds.{name}={value}: must be at least 0 and at most 1"
