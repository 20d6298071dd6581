"""How a run stands against its baselines: lines for the terminal, and the table of the report."""

import math
from dataclasses import dataclass

from trainer.report.formatting import metric_label, number, plain_label, plus_minus, primary_first, signed
from trainer.results import Baseline, CVResult, Lead

LABELS = {"linear": "linear probe", "boosting": "boosting"}
VERDICTS = {"better": "better than", "worse": "worse than", "tie": "a tie with"}


def baseline_lines(result: CVResult) -> list[str]:
    """Return the leading metric of the baselines and of the run, its lead, and which were skipped."""
    shown = fitted(result)
    lines = [f"{label(name)} skipped: {one.skipped}" for name, one in result.baselines.items() if one.skipped]
    if not shown:
        return lines
    metric = plain_label(result.primary)
    scores = [f"{label(name)} {number(one.metrics[result.primary].oof)}" for name, one in shown.items()]
    said = " · ".join([*scores, f"this model {number(result.metrics[result.primary].oof)}"])
    leads = [_lead_text(label(name), one.lead[result.primary]) for name, one in shown.items()]
    return [f"{metric} out of fold: {said}", *filter(None, leads), *lines]


def _lead_text(name: str, lead: Lead) -> str:
    """Return the difference to one baseline, with its spread over folds and its interval over rows."""
    if lead.ci95 is None:
        return ""
    by_folds = f", by folds {_by_folds(lead)}" if _n_defined(lead) > 1 else ""
    interval = f"{signed(lead.ci95[0])} – {signed(lead.ci95[1])}"
    return f"{VERDICTS[lead.verdict]} {name}: {signed(lead.oof)} out of fold (95 % interval {interval}){by_folds}"


def _n_defined(lead: Lead) -> int:
    return sum(not math.isnan(gap) for gap in lead.folds)


def _by_folds(lead: Lead) -> str:
    """Return the mean lead ± its standard deviation, which one fold does not have."""
    spread = f" ± {number(lead.sd)}" if _n_defined(lead) > 1 else ""
    return f"{signed(lead.mean)}{spread}"


@dataclass(frozen=True)
class BaselineTable:
    """Baselines as the report shows them.

    Attributes:
        heading: of the columns.
        rows: one per metric.
        models: what each baseline is, one line each.
        leads: how the run stands against each in the leading metric, one line each.
        skipped: which were not fitted and why, one line each.
    """

    heading: list[str]
    rows: list[list[str]]
    models: list[str]
    leads: list[str]
    skipped: list[str]


def baseline_table(result: CVResult) -> BaselineTable | None:
    """Return the table of the report; None where the run has no baselines."""
    if not result.baselines:
        return None
    shown = fitted(result)
    heading = ["metric", "this model, out of fold"]
    for name in shown:
        heading += [f"{label(name)}, out of fold", f"{label(name)}, mean ± sd", "this model ahead by, over folds"]
    rows = []
    for metric in primary_first(result):
        cells = [metric_label(metric), number(result.metrics[metric].oof)]
        for one in shown.values():
            lead = one.lead[metric]
            ahead = _by_folds(lead)
            cells += [number(one.metrics[metric].oof), plus_minus(one.metrics[metric]), ahead]
        rows.append(cells)
    models = [f"{label(name).capitalize()}: {one.model}." for name, one in shown.items()]
    skipped = [
        f"{label(name).capitalize()} skipped: {one.skipped}" for name, one in result.baselines.items() if one.skipped
    ]
    leads = [_lead_text(label(name), one.lead[result.primary]) for name, one in shown.items()]
    named = [f"{plain_label(result.primary)}, {text}." for text in leads if text]
    return BaselineTable(heading, rows if shown else [], models, named, skipped)


def fitted(result: CVResult) -> dict[str, Baseline]:
    """Return the baselines that every fold has."""
    return {name: one for name, one in result.baselines.items() if not one.skipped and one.metrics}


def label(name: str) -> str:
    """Return what a baseline is called."""
    return LABELS.get(name, name)
