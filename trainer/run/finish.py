"""The end of a run: merged and printed where all folds are there; else what is missing, and what completes it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from trainer.config.schema import RunConfig
from trainer.data.samples import Samples
from trainer.evidence.slices import cut_quickly
from trainer.report.terminal import line_printer
from trainer.run.merge import Merged, merge
from trainer.run.missing import missing_folds, missing_message
from trainer.run.page_facts import PageRequest
from trainer.run.partial import merge_finished, out_of_time
from trainer.run.resume import ResumePlan, require_none_elsewhere
from trainer.run.show_merged import show as show_merged
from trainer.store.fold_files import ALL, fold_directory
from trainer.store.status import survey
from trainer.system.folders import is_there
from trainer.system.seeds import seeds_of
from trainer.trackers.build import make_trackers
from trainer.trackers.hparams import hparams


def finish(
    config: RunConfig,
    directory: Path,
    resume_plan: ResumePlan,
    wanted: Sequence[int | str],
    console: Console,
    samples: Samples,
    going_on: str,
) -> Merged | None:
    """Merge and print the result where all folds are there; else say what is missing.

    Raises:
        FoldBusyError: other processes write folds that are wanted.
        BudgetError: the time was up before they were done.
    """
    if config.budget.hours is not None and config.executor.name == "local":
        _require_in_time(config, config.budget.hours, directory, wanted, console, going_on)
    if config.cv.fold == ALL:
        first, *others = seeds_of(config.seed)
        of = f" (seed {first}, the first of {1 + len(others)})" if others else ""
        console.print(f"fitted on all rows{of}: {fold_directory(directory, ALL)}", highlight=False, soft_wrap=True)
        return None
    missing = missing_folds(directory)
    if missing:
        console.print(missing_message(directory, missing), highlight=False, soft_wrap=True)
        require_none_elsewhere(directory, wanted, config.max_epochs)
        return None
    request = PageRequest(config.report.language, samples, slices=cut_quickly(samples.inputs))
    before = is_there(directory / "cv.json", directory)  # merged by the job that ended last
    force, beside = config.force_resume or bool(resume_plan.forced), config.cv.parallel != 1
    merged = merge(directory, force=force, page=request, beside=beside)
    by_job = before and config.executor.name != "local"
    for tracker in [] if by_job else make_trackers(config.tracker, config.plugins, directory, line_printer(console)):
        tracker.finished(merged.result, hparams(asdict(config)))
    show_merged(console, merged)
    return merged


def _require_in_time(
    config: RunConfig, hours: float, directory: Path, wanted: Sequence[int | str], console: Console, going_on: str
) -> None:
    """Merge what there is and raise where the time was up before all wanted folds were done."""
    lacking = [state.fold for state in survey(directory, wanted, config.max_epochs) if not state.done]
    if not lacking:
        return
    require_none_elsewhere(directory, wanted, config.max_epochs)
    merged = config.cv.fold is None and merge_finished(directory, missing_folds(directory), console)
    raise out_of_time(directory, lacking, hours, going_on, merged=merged)
