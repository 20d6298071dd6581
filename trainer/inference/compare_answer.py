"""A comparison as one sentence."""

import math

from trainer.evidence.not_defined import NotDefined
from trainer.inference.compare import Comparison
from trainer.inference.compare_figures import p_text, smallest_text
from trainer.inference.compared_pairs import Pair
from trainer.inference.compared_runs import ComparedRun
from trainer.metrics.find import metric_named
from trainer.report.formatting import number, signed
from trainer.wording.translations import _

_MOST_NAMED = 3  # one by one


def answer(comparison: Comparison) -> str:
    """Return what was found, in a sentence."""
    return _of_two(comparison, comparison.pairs[0]) if len(comparison.runs) == 2 else _of_several(comparison)


def _of_two(comparison: Comparison, pair: Pair) -> str:
    label, names = comparison.label, {"a": pair.a.name, "b": pair.b.name}
    if pair.same:
        return _("no difference: the predictions of {a} and {b} are the same").format(**names)
    if math.isnan(pair.lead):
        return _("nothing can be said: {label} is undefined on the held-out rows").format(label=label)
    if pair.is_level:
        said = _("no difference: {a} and {b} have the same {label} ({score}) whatever rows are drawn")
        return said.format(**names, label=label, score=number(pair.a.score))
    best, other = _ordered(pair)
    told = {"best": best.name, "other": other.name, "figures": _figures(comparison, pair)}
    return _found(comparison, pair).format(**told, p=p_text(pair.p["folds"]) if "folds" in pair.p else "")


def _found(comparison: Comparison, pair: Pair) -> str:
    """Return the sentence of two runs that differ, with fields for names and figures."""
    if pair.by_rows is None and pair.by_folds is None:
        return _("nothing can be said of whether it is chance: {best} {figures}")
    if pair.by_rows is not False and pair.by_folds is not False:
        return _("{best} is better than {other}: {figures}") + _plain(_bears(comparison, pair))
    if pair.by_rows and pair.folds_lean_away:
        return _(
            "{best} is ahead of {other} on these rows: {figures}; but the mean of the folds leans the other way "
            "(corrected t-test, {p}): trained on other rows it may turn round"
        )
    if pair.by_rows:
        return _(
            "{best} is ahead of {other} on these rows: {figures}; but the folds do not bear it out (corrected t-test, "
            "{p}): trained on other rows it may turn round"
        )
    if pair.by_folds and pair.by_rows is False:
        return _(
            "{best} is ahead of {other} in the folds (corrected t-test, {p}), but the rows are too few to tell: "
            "{figures}"
        )
    return _("no difference is shown between {other} and {best}: {figures}") + _plain(_folds_too(pair))


def _plain(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _figures(comparison: Comparison, pair: Pair) -> str:
    best, other = _ordered(pair)
    said = _("{label} {best} against {other}, by {gap}").format(
        label=comparison.label, best=number(best.score), other=number(other.score), gap=number(abs(pair.lead))
    )
    if isinstance(pair.rows, NotDefined):
        return said
    low, high = pair.rows.ci95 if pair.lead > 0 else (-pair.rows.ci95[1], -pair.rows.ci95[0])
    return said + _(" (95 % CI {low} to {high})").format(low=signed(low), high=signed(high))


def _ordered(pair: Pair) -> tuple[ComparedRun, ComparedRun]:
    return (pair.b, pair.a) if pair.lead > 0 else (pair.a, pair.b)


def _bears(comparison: Comparison, pair: Pair) -> str:
    if not isinstance(pair.folds, NotDefined):
        said = _(", and the folds bear it out (corrected t-test, {p})").format(p=p_text(pair.p["folds"]))
        return said if pair.by_rows else said + _("; no interval over rows")
    if not comparison.is_paired:
        return _(", as runs that have nothing in common")
    return _("; of models trained on other rows nothing can be said ({why})").format(why=pair.folds.why)


def _folds_too(pair: Pair) -> str:
    if isinstance(pair.folds, NotDefined):
        return ""
    said = _(", corrected t-test {p}").format(p=p_text(pair.p["folds"]))
    if pair.folds_lean_away:
        said += _("; the mean of the folds leans the other way")
    if isinstance(pair.smallest, NotDefined):
        return said
    return said + _("; {smallest}").format(smallest=smallest_text(pair.smallest))


def _of_several(comparison: Comparison) -> str:
    known = [run for run in comparison.runs if not math.isnan(run.score)]
    if not known:
        return _("nothing can be said: {label} is undefined on the held-out rows").format(label=comparison.label)
    sign = 1 if metric_named(comparison.metric).greater_is_better else -1
    best = max(known, key=lambda run: sign * run.score)
    beaten, equal = list[str](), list[str]()
    for pair in comparison.pairs:
        if best in (pair.a, pair.b):
            other = pair.b if pair.a is best else pair.a
            shown = pair.by_rows and pair.by_folds is not False
            (beaten if shown else equal).append(other.name)
    better = _("better than {names}").format(names=_names(beaten))
    level = _("no difference is shown to {names}").format(names=_names(equal))
    both = _("{better}, {level}").format(better=better, level=level)
    return _("{best} scores best ({label} {score}): {found} (corrected for {n} pairs)").format(
        best=best.name,
        label=comparison.label,
        score=number(best.score),
        found=both if beaten and equal else better if beaten else level,
        n=len(comparison.pairs),
    )


def _names(names: list[str]) -> str:
    if len(names) > _MOST_NAMED:
        return _("{n} others").format(n=len(names))
    if len(names) < 2:
        return "".join(names)
    return _("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])
