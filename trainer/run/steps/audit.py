"""The leak audit at the start of a run: what makes its scores too good is said before the first step."""

import time
from typing import Any

from rich.console import Console

from trainer.audit.checks.sides import as_dates
from trainer.audit.findings import Finding, count
from trainer.audit.measure import measure, not_measured
from trainer.audit.pseudo_chain import pseudo_findings
from trainer.audit.run import audit
from trainer.data.samples import DataSpec, Images, Inputs, Samples
from trainer.errors import DataError
from trainer.folds.each_seed import of_one_seed
from trainer.folds.plan import FoldPlan
from trainer.report.audit_table import show
from trainer.run.experiment import Experiment
from trainer.system.mapped_arrays import give_way
from trainer.wording.lists import first_few

MOST_TEXTS = 50_000  # more are searched for near copies only under audit=strict and by ``foldwise audit``
MOST_IMAGES = 10_000  # likewise; every file is decoded
MOST_NAMED = 3


def audit_start(
    samples: Samples, spec: DataSpec, plan: FoldPlan, *, mode: str, console: Console
) -> list[dict[str, Any]]:
    """Audit the rows under the run's split and print what was found.

    Args:
        samples: all rows.
        spec: what they mean.
        plan: which row is held out when.
        mode: warn, strict or off.
        console: where it is printed.

    Returns:
        The findings as plain values.

    Raises:
        DataError: ``audit=strict`` and a held-out row is known from training.
    """
    if mode == "off":
        return []
    plan = of_one_seed(plan)
    started, strict = time.perf_counter(), mode == "strict"
    near = 0.8 if strict or len(samples) <= most_near(samples.inputs) else None

    def train_rows(repeat: int, fold: int) -> Any:
        return plan.rows(repeat, fold)[0]

    times_N = None if samples.times_N is None else as_dates(samples.times_N)
    findings = audit(
        samples,
        spec,
        plan.fold_of_row,
        times_N=times_N,
        train_rows=train_rows,
        given=plan.strategy == "predefined",
        near=near,
    )
    give_way()
    if findings:
        show(findings, console)
    if not findings or isinstance(samples.inputs, Images):
        seconds = time.perf_counter() - started
        console.print(in_time(samples.inputs, bool(findings), near is not None, seconds), highlight=False)
    leaks = [finding for finding in findings if finding.severity == "leak"]
    if strict and leaks:
        gaps = measure(samples, spec, plan.fold_of_row, train_rows=train_rows, times_N=times_N)
        worth = [*(gap.to_finding() for gap in gaps), *not_measured(samples)]
        show(worth, console, title="What the leak is worth")
        raise DataError(refusal(leaks))
    return [finding.to_dict() for finding in findings]


def pseudo_start(experiment: Experiment, *, mode: str, console: Console) -> list[dict[str, Any]]:
    """Show whether the run's pseudo-labels leak, as ``trainer.audit.pseudo_chain`` proves it; return it as values.

    Raises:
        DataError: ``audit=strict`` and they do.
    """
    facts = None if experiment.pseudo is None else experiment.pseudo.facts
    findings = [] if mode == "off" else pseudo_findings(facts, experiment.plan)
    if findings:
        show(findings, console)
    leaks = [finding for finding in findings if finding.severity == "leak"]
    if mode == "strict" and leaks:
        raise DataError(refusal(leaks))
    return [finding.to_dict() for finding in findings]


def most_near(inputs: Inputs) -> int:
    """Return up to how many rows near copies are looked for under ``audit=warn``."""
    return MOST_IMAGES if isinstance(inputs, Images) else MOST_TEXTS


def in_time(inputs: Inputs, found: bool, near: bool, seconds: float) -> str:
    """Return what the audit took, and of many images what it left out."""
    said = f"audit: {'done' if found else 'nothing found'} in {seconds:.1f} s"
    if isinstance(inputs, Images) and not near:
        said += f"; above {MOST_IMAGES:,} images near copies are looked for by audit=strict and foldwise audit only"
    return said


def refusal(leaks: list[Finding]) -> str:
    """Return the message of ``audit=strict``: the leaks, and the options that close them."""
    fixes = list(dict.fromkeys(leak.fix for leak in leaks if leak.fix))
    named = [leak.message.partition(". ")[0].rstrip(".") for leak in leaks]
    listed = first_few(named, MOST_NAMED, between="; ", rest="; and {n} more")
    advice = f"use {' or '.join(fixes)}, or audit=warn" if fixes else "repair the data, or use audit=warn"
    return f"the audit found {count(len(leaks), 'leak')}: {listed}\n{advice} to train all the same"


def as_message(finding: dict[str, Any]) -> str:
    """Return a finding as one line of the report."""
    fix = f" Fix: {finding['fix']}." if finding["fix"] else ""
    return f"audit, {finding['severity']}: {finding['message']}{fix}"
