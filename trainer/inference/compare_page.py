"""A comparison on the terminal, as plain values, as a picture and as a page."""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from trainer.errors import ConfigError
from trainer.evidence.not_defined import NotDefined
from trainer.inference.compare import Comparison
from trainer.inference.compare_answer import answer
from trainer.inference.compare_figures import p_text, pair_rows, questions
from trainer.inference.compared_pairs import Pair
from trainer.report.formatting import interval, number, signed
from trainer.report.page.term_words import metric_with_arrow, term_words
from trainer.report.rich_tables import facts_table, headed_table
from trainer.report.terminal import Terminal, line_printer
from trainer.store.identity import short_texts
from trainer.store.result_files import plain
from trainer.wording.lists import first_few
from trainer.wording.translations import N_, _

TEXT_WIDTH = 110  # characters, where there is no terminal
FEW_PAIRS = 3  # shown figure by figure; more, as a table
AGAINST = N_("{b} against {a}")
MOST_DIFFERENCES = 4  # of configurations, shown
NOTHING = N_("nothing of the configuration that decides the numbers")
PICTURES = (".png", ".html")
ONE_DATA_SET = N_(
    "Friedman's and Nemenyi's tests rank runs over data sets: folds of one share their training rows, so they cannot "
    "stand for several; runs on several data sets are ranked with --over-data-sets"
)


def show(console: Console, comparison: Comparison) -> None:
    """Print the answer, then the runs, the pairs, and what a reader must know."""
    print_line = line_printer(console)
    print_line(answer(comparison))
    console.print(rows_table(_("Runs"), run_headings(comparison), run_rows(comparison)))
    if len(comparison.pairs) > FEW_PAIRS:
        console.print(rows_table(_("Pairs"), tuple(map(_, PAIR_HEADINGS)), map(_pair_cells, comparison.pairs)))
    else:
        for pair in comparison.pairs:
            facts = facts_table(pair_name(pair))
            for name, text in pair_rows(comparison, pair):
                facts.add_row(name, text)
            console.print(facts)
    for line in lines_below(comparison):
        print_line(line)


def as_text(comparison: Comparison) -> str:
    """Return what ``show`` prints."""
    written = io.StringIO()
    show(Terminal(file=written, width=TEXT_WIDTH, markup=False, emoji=False), comparison)
    return written.getvalue().rstrip()


def run_headings(comparison: Comparison) -> tuple[str, ...]:
    """Return the headings of ``run_rows``."""
    metric = metric_with_arrow(comparison.metric, term_words(_))
    return (_("run"), _("{metric}, out of fold").format(metric=metric), _("95 % CI"), _("mean ± sd of folds"))


def run_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each run."""
    for run in comparison.runs:
        yield run.name, number(run.score), interval(run.ci95), f"{number(run.mean)} ± {number(run.sd)}"


def pair_name(pair: Pair) -> str:
    """Return which run is held against which."""
    return _(AGAINST).format(a=pair.a.name, b=pair.b.name)


def lines_below(comparison: Comparison) -> list[str]:
    """Return which figure answers what, what the configurations have otherwise, and what a reader must know."""
    first = comparison.runs[0].name
    lines = questions(comparison)
    for name, found in comparison.differs.items():
        told = [_differing(key, values, first, name) for key, values in found.items() if not _of_another(key, found)]
        listed = first_few(told, MOST_DIFFERENCES, rest=_(" and {n} more")) or _(NOTHING)
        lines.append(_("{name} differs from {first} in {listed}").format(name=name, first=first, listed=listed))
    notes = [*comparison.notes, *([_(ONE_DATA_SET)] if len(comparison.runs) > 2 else [])]
    return [*lines, *(_("note: {note}").format(note=note) for note in notes)]


def _of_another(key: str, found: Mapping[str, tuple[Any, Any]]) -> bool:
    """Whether it is an argument of a part that is another one altogether, such as that of one of two losses."""
    section = key.partition(".")[0]
    return f"{section}._target_" in found and key != f"{section}._target_" and "absent" in found[key]


def _differing(key: str, values: tuple[Any, Any], first: str, name: str) -> str:
    if key.endswith("._target_"):
        key = key.removesuffix("._target_")
        values = (str(values[0]).rpartition(".")[2], str(values[1]).rpartition(".")[2])
    here, there = short_texts(*values)
    said = _("{key} ({here} in {first}, {there} in {name})")
    return said.format(key=key, here=here, first=first, there=there, name=name)


PAIR_HEADINGS = (
    N_("pair"),
    N_("difference"),
    N_("95 % CI over rows"),
    N_("p over rows"),
    N_("p over folds"),
    N_("better | equal | better"),
)


def _pair_cells(pair: Pair) -> tuple[str, ...]:
    rows = "–" if isinstance(pair.rows, NotDefined) else f"{signed(pair.rows.ci95[0])} to {signed(pair.rows.ci95[1])}"
    probable = "–"
    if not isinstance(pair.probable, NotDefined):
        shares = (pair.probable.b_better, pair.probable.equal, pair.probable.a_better)
        probable = " | ".join(f"{100 * share:.0f} %" for share in shares)
    p = [
        p_text(pair.p[test]).removeprefix("p = ").removeprefix("p ") if test in pair.p else "–"
        for test in ("rows", "folds")
    ]
    return pair_name(pair), signed(pair.lead), rows, *p, probable


def rows_table(title: str, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    """Return a table with numbers to the right."""
    table = headed_table(title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", overflow="fold")
    for cells in rows:
        table.add_row(*cells)
    return table


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return everything as plain values; what JSON lacks becomes None."""
    runs = [
        {
            "name": run.name,
            "path": str(run.run.directory),
            "score": run.score,
            "ci95": run.ci95,
            "folds": list(run.folds),
            "mean": run.mean,
            "sd": run.sd,
            "by_seed": list(run.by_seed),
            "differs": {key: list(pair) for key, pair in comparison.differs.get(run.name, {}).items()},
        }
        for run in comparison.runs
    ]
    facts = {
        "answer": answer(comparison),
        "metric": comparison.metric,
        "paired": comparison.is_paired,
        "rope": comparison.rope,
        "groups": comparison.n_groups,
        "runs": runs,
        "pairs": [_pair_dict(pair) for pair in comparison.pairs],
        "notes": list(comparison.notes),
    }
    return dict(plain(facts))


def _pair_dict(pair: Pair) -> dict[str, Any]:
    figures = {name: getattr(pair, name) for name in ("rows", "mcnemar", "delong", "folds", "probable", "smallest")}
    found = {name: asdict(figure) for name, figure in figures.items() if figure is not None}
    return {
        "a": pair.a.name,
        "b": pair.b.name,
        "difference": pair.lead,
        "same": pair.same,
        "seed_sd": pair.seed_sd,
        **found,
        "p_holm": dict(pair.p),
    }


def require_picture(path: Path) -> None:
    """Refuse a file of another kind than can be written, before anything is computed.

    Raises:
        ConfigError: it is one.
    """
    if path.suffix.lower() not in PICTURES:
        raise ConfigError(f"--plot {path}: a name that ends in {' or '.join(PICTURES)}")
