"""The end of a search: the table, the best trial's report, and what its score is worth."""

from typing import TYPE_CHECKING

from trainer.errors import NonFiniteError
from trainer.report.page.page_words import page_language
from trainer.run.merge import Merged, merge
from trainer.run.page_facts import PageRequest
from trainer.search.memory import HALVED
from trainer.search.search_page import PAGE, write_page
from trainer.search.search_table import TrialRow, show_table, standing, write_table
from trainer.search.trial import Search, begun, suggested
from trainer.search.worth import honest_figures
from trainer.store.fold_files import ALL, fold_directory
from trainer.store.own_files import trial_directory

if TYPE_CHECKING:
    from rich.console import Console


def end_search(current: Search, console: "Console") -> Merged | None:
    """Print the trials, and report the best one; None where others still train trials.

    Raises:
        NonFiniteError: no trial has a score.
    """
    now = standing(current.study, current.order)
    write_table(current.directory, now, current.metric, current.configs.space)
    show_table(now, current.metric, current.configs.space, console)
    if running := now.count("running"):
        current.print_line(f"{running} trials are other processes'; the last of them to end reports the search")
        return None
    if now.best is None:
        why = next((row.why for row in now.rows if row.state == "failed"), "no trial was trained")
        raise NonFiniteError(f"{current.directory}: no trial has a score; the first failed so: {why}")
    honest = honest_figures(current, now, now.best)
    for line in honest.lines():
        current.print_line(line)
    if current.options.final != "none":
        language = page_language(current.configs.config.report.language)
        write_page(current.directory, now, current.study, current.configs.space, honest, language)
        current.print_line(f"page: {current.directory / PAGE}")
    return _final(current, now.best)


def _final(current: Search, best: TrialRow) -> Merged | None:
    """Write the report of the best trial, and fit it on all rows where that is wanted."""
    directory = trial_directory(current.directory, best.number)
    if current.options.final == "none":
        return None
    if current.options.final == "refit":
        _refit(current, best)
    request = PageRequest(current.configs.config.report.language, current.experiment.samples)
    merged = merge(directory, page=request)
    current.print_line(f"best trial: {best.number}; report: {merged.report}")
    return merged


def _refit(current: Search, best: TrialRow) -> None:
    """Train the best trial's settings on all rows, for ``foldwise predict --model all``."""
    from optuna.trial import FixedTrial

    trained = current.study.trials[best.number]
    again = FixedTrial(trained.params, number=best.number)
    again.set_user_attr(HALVED, trained.user_attrs.get(HALVED, 0))
    choice, values = suggested(current.configs, again)
    directory = trial_directory(current.directory, best.number)
    begun(current, choice, values, directory)(ALL)
    place = fold_directory(directory, ALL)
    current.print_line(f"fitted on all rows: {place}; foldwise predict {directory} FILE --model all")
