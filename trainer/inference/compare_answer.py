"""A comparison as one sentence."""

import math

from trainer.evidence.not_defined import NotDefined
from trainer.inference.compare import Comparison
from trainer.inference.compare_figures import p_text, smallest_text
from trainer.inference.compared_pairs import Pair
from trainer.inference.compared_runs import ComparedRun
from trainer.metrics.find import metric_named
from trainer.report.formatting import number, signed

_MOST_NAMED = 3  # one by one


def answer(comparison: Comparison) -> str:
    """Return what was found, in a sentence."""
    return _of_two(comparison, comparison.pairs[0]) if len(comparison.runs) == 2 else _of_several(comparison)


def _of_two(comparison: Comparison, pair: Pair) -> str:
    if pair.same:
        return f"no difference: the predictions of {pair.a.name} and {pair.b.name} are the same"
    if math.isnan(pair.lead):
        return f"nothing can be said: {comparison.label} is undefined on the held-out rows"
    if pair.is_level:
        names = f"{pair.a.name} and {pair.b.name}"
        return (
            f"no difference: {names} have the same {comparison.label} ({number(pair.a.score)}) whatever rows are drawn"
        )
    best, other = _ordered(pair)
    scores = f"{comparison.label} {number(best.score)} against {number(other.score)}"
    by = f"by {number(abs(pair.lead))}{_interval(pair)}"
    if pair.by_rows is None and pair.by_folds is None:
        return f"nothing can be said of whether it is chance: {best.name} {scores}, {by}"
    if pair.by_rows is not False and pair.by_folds is not False:
        return f"{best.name} is better than {other.name}: {scores}, {by}{_bears(comparison, pair)}"
    if pair.by_rows:
        return (
            f"{best.name} is ahead of {other.name} on these rows: {scores}, {by}; but the folds do not bear it out "
            f"(corrected t-test, {p_text(pair.p['folds'])}): trained on other rows it may turn round"
        )
    if pair.by_folds and pair.by_rows is False:
        return (
            f"{best.name} is ahead of {other.name} in the folds (corrected t-test, {p_text(pair.p['folds'])}), but the "
            f"rows are too few to tell: {scores}, {by}"
        )
    return f"no difference is shown between {other.name} and {best.name}: {scores}, {by}{_folds_too(pair)}"


def _ordered(pair: Pair) -> tuple[ComparedRun, ComparedRun]:
    return (pair.b, pair.a) if pair.lead > 0 else (pair.a, pair.b)


def _interval(pair: Pair) -> str:
    if isinstance(pair.rows, NotDefined):
        return ""
    low, high = pair.rows.ci95 if pair.lead > 0 else (-pair.rows.ci95[1], -pair.rows.ci95[0])
    return f" (95 % CI {signed(low)} to {signed(high)})"


def _bears(comparison: Comparison, pair: Pair) -> str:
    if not isinstance(pair.folds, NotDefined):
        rows = "" if pair.by_rows else "; no interval over rows"
        return f", and the folds bear it out (corrected t-test, {p_text(pair.p['folds'])}){rows}"
    if not comparison.is_paired:
        return ", as runs that have nothing in common"
    return f"; of models trained on other rows nothing can be said ({pair.folds.why})"


def _folds_too(pair: Pair) -> str:
    if isinstance(pair.folds, NotDefined):
        return ""
    shown = "" if isinstance(pair.smallest, NotDefined) else f"; {smallest_text(pair.smallest)}"
    return f", corrected t-test {p_text(pair.p['folds'])}{shown}"


def _of_several(comparison: Comparison) -> str:
    known = [run for run in comparison.runs if not math.isnan(run.score)]
    if not known:
        return f"nothing can be said: {comparison.label} is undefined on the held-out rows"
    sign = 1 if metric_named(comparison.metric).greater_is_better else -1
    best = max(known, key=lambda run: sign * run.score)
    beaten, equal = list[str](), list[str]()
    for pair in comparison.pairs:
        if best in (pair.a, pair.b):
            other = pair.b if pair.a is best else pair.a
            shown = pair.by_rows and pair.by_folds is not False
            (beaten if shown else equal).append(other.name)
    parts = [f"better than {_names(beaten)}"] if beaten else []
    parts += [f"no difference is shown to {_names(equal)}"] if equal else []
    return (
        f"{best.name} scores best ({comparison.label} {number(best.score)}): {', '.join(parts)} "
        f"(corrected for {len(comparison.pairs)} pairs)"
    )


def _names(names: list[str]) -> str:
    if len(names) > _MOST_NAMED:
        return f"{len(names)} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
