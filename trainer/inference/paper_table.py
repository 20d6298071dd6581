"""Runs as a table for a paper, LaTeX or Markdown: mean and sd of folds, interval, bold where a difference is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import ConfigError
from trainer.inference.compare import Comparison, compare
from trainer.inference.compared_pairs import Pair
from trainer.inference.compared_runs import ComparedRun, compared_runs, drawing_of, names_of
from trainer.inference.held_out import read_held_out
from trainer.metrics.find import metric_named, name_problem
from trainer.report.formatting import number, plain_label
from trainer.report.markdown_text import cell, table

FORMATS = ("latex", "markdown")
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}
BOLD = (
    "Bold: better than every other run beyond chance, by a bootstrap over rows and the corrected t-test over folds "
    "(Nadeau and Bengio 2003), Holm-corrected for all pairs."
)
FIGURES = "Mean ± standard deviation over folds; out of fold with its 95 % bootstrap interval over {drawn}."


@dataclass(frozen=True)
class Figure:
    """A run in one metric.

    Attributes:
        mean: over folds.
        sd: likewise.
        score: out of fold.
        ci95: its interval, or None.
        best: whether it is better than every other run beyond chance.
    """

    mean: float
    sd: float
    score: float
    ci95: tuple[float, float] | None
    best: bool


@dataclass(frozen=True)
class PaperTable:
    """What the table says.

    Attributes:
        names: of the runs.
        metrics: names.
        figures: for each run those of each metric.
        n_groups: how many groups rows are drawn by; None = by themselves.
        notes: what a reader must know.
    """

    names: tuple[str, ...]
    metrics: tuple[str, ...]
    figures: tuple[tuple[Figure, ...], ...]
    n_groups: int | None
    notes: tuple[str, ...]


def paper_table(
    directories: Sequence[Path], metrics: Sequence[str] = (), *, unpaired: bool = False, plugins: Sequence[str] = ()
) -> PaperTable:
    """Return runs side by side.

    Args:
        directories: of the runs, one at least.
        metrics: their names; none = the first of the first run.
        unpaired: take runs of other rows, labels or folds too.
        plugins: packages that the metrics may be from.

    Raises:
        ConfigError: a metric cannot be, or is named twice.
        DataError: the runs do not fit together; says in what.
        CheckpointError: one of them is not finished, or damaged.
    """
    if len(set(metrics)) < len(metrics):
        raise ConfigError(f"--metric: one is named twice: {', '.join(metrics)}")
    if len(directories) == 1:
        return _of_one(directories[0], metrics, plugins)
    wanted: Sequence[str | None] = metrics or [None]
    found = [compare(directories, metric=name, unpaired=unpaired, plugins=plugins) for name in wanted]
    runs = range(len(directories))
    return PaperTable(
        tuple(run.name for run in found[0].runs),
        tuple(one.metric for one in found),
        tuple(tuple(_figure(one.runs[run], best=_beats_all(one, one.runs[run])) for one in found) for run in runs),
        found[0].n_groups,
        tuple(dict.fromkeys(note for one in found for note in one.notes)),
    )


def _of_one(directory: Path, metrics: Sequence[str], plugins: Sequence[str]) -> PaperTable:
    run = read_held_out(directory)
    names = tuple(metrics) or (str(run.run.facts["metrics"][0]),)
    for name in names:
        if problem := name_problem(name, run.task, plugins):
            raise ConfigError(f"--metric: {problem}")
    drawing = drawing_of([run])
    found = [compared_runs(name, [run], drawing, seed=0)[0] for name in names]
    notes = tuple(dict.fromkeys(one.undefined for one in found if one.undefined))
    figures = tuple(_figure(one, best=False) for one in found)
    return PaperTable(tuple(names_of([directory])), names, (figures,), drawing.n_groups, notes)


def _figure(run: ComparedRun, *, best: bool) -> Figure:
    return Figure(run.mean, run.sd, run.score, run.ci95, best)


def _beats_all(comparison: Comparison, run: ComparedRun) -> bool:
    """Return whether a run is better than each other, by the rule of ``foldwise compare``."""
    return all(_beats(pair, run) for pair in comparison.pairs if run in (pair.a, pair.b))


def _beats(pair: Pair, run: ComparedRun) -> bool:
    ahead = pair.lead > 0 if run is pair.b else pair.lead < 0
    return bool(ahead and pair.by_rows and pair.by_folds is not False)


def as_markdown(found: PaperTable) -> str:
    """Return the table in Markdown, and below it what its figures are."""
    heading = ["run"]
    for name in found.metrics:
        heading += [f"{cell(plain_label(name))} {'↑' if _rises(name) else '↓'}", "out of fold (95 % CI)"]
    rows = []
    for name, figures in zip(found.names, found.figures, strict=True):
        cells = [cell(name)]
        for one in figures:
            texts = (_mean(one, " ± "), f"{number(one.score)} ({_ends(one)})")
            cells += [f"**{text}**" if one.best else text for text in texts]
        rows.append(cells)
    return "\n\n".join([table(heading, rows), *map(cell, _notes(found))]) + "\n"


def as_latex(found: PaperTable) -> str:
    """Return the table in LaTeX (package booktabs), and above it what its figures are, as comments."""
    notes = [f"% {' '.join(note.split())}" for note in _notes(found)]
    first = ["Run", *(f"{latex_text(plain_label(name))} {_arrow(name)}" for name in found.metrics)]
    heading = first[0] + "".join(f" & \\multicolumn{{2}}{{c}}{{{name}}}" for name in first[1:])
    lines = [*notes, f"\\begin{{tabular}}{{l{'rr' * len(found.metrics)}}}", r"\toprule", heading + r" \\"]
    lines += [" & mean $\\pm$ sd & out of fold (95\\,\\% CI)" * len(found.metrics) + r" \\", r"\midrule"]
    for name, figures in zip(found.names, found.figures, strict=True):
        cells = [latex_text(name)]
        for one in figures:
            texts = (_mean(one, r" $\pm$ "), f"{_latex_number(one.score)} ({_ends(one, '--')})")
            cells += [f"\\textbf{{{text}}}" if one.best else text for text in texts]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    """Return text so that LaTeX shows it as it is."""
    return "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))


def _mean(one: Figure, between: str) -> str:
    mean, sd = number(one.mean), number(one.sd)
    shown = mean if sd == "–" else f"{mean}{between}{sd}"
    return shown.replace("–", "--") if between.strip().startswith("$") else shown


def _latex_number(value: float) -> str:
    return number(value).replace("–", "--")


def _ends(one: Figure, between: str = " – ") -> str:
    return between.strip() if one.ci95 is None else between.join(map(number, one.ci95))


def _rises(name: str) -> bool:
    return metric_named(name).greater_is_better


def _arrow(name: str) -> str:
    return r"$\uparrow$" if _rises(name) else r"$\downarrow$"


def _notes(found: PaperTable) -> list[str]:
    drawn = "rows" if found.n_groups is None else f"{found.n_groups} groups with all their rows"
    several = len(found.names) > 1
    none = several and not any(one.best for figures in found.figures for one in figures)
    said = [BOLD + (" No run is." if none else "")] if several else []
    return [FIGURES.format(drawn=drawn), *said, *found.notes]
