"""What metrics, baselines and the audit's findings are called on the page, in the language of whoever reads it.

A metric, a baseline or a kind of finding that is not here is called as on the terminal.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from trainer.metrics.find import metric_or_none
from trainer.report.baseline_table import fitted, label
from trainer.report.formatting import number, plain_label, signed
from trainer.results import CVResult, Lead
from trainer.wording.translations import N_

Words = Mapping[str, str]
METRICS = {
    "accuracy": N_("accuracy"),
    "average_precision": N_("average precision"),
    "balanced_accuracy": N_("balanced accuracy"),
    "brier": N_("Brier score"),
    "cost": N_("cost (missed {:g})"),
    "coverage_error": N_("coverage error"),
    "ece": N_("ECE"),
    "f1_macro": N_("F1 (macro)"),
    "f1_micro": N_("F1 (micro)"),
    "f1_weighted": N_("F1 (weighted)"),
    "g_mean": N_("G-mean"),
    "hamming_loss": N_("Hamming loss"),
    "jaccard_macro": N_("Jaccard (macro)"),
    "jaccard_samples": N_("Jaccard (rows)"),
    "kappa": N_("Cohen's kappa"),
    "kappa_linear": N_("kappa (linear)"),
    "kappa_quadratic": N_("kappa (quadratic)"),
    "lift": N_("lift at {:g}"),
    "log_loss": N_("log loss"),
    "lrap": N_("LRAP"),
    "mae": N_("MAE"),
    "mape": N_("MAPE"),
    "mcc": N_("MCC"),
    "medae": N_("median absolute error"),
    "partial_roc_auc": N_("ROC AUC to FPR {:g}"),
    "pearson": N_("Pearson"),
    "precision": N_("precision"),
    "precision_macro": N_("precision (macro)"),
    "ranking_loss": N_("ranking loss"),
    "recall": N_("recall"),
    "recall_at_precision": N_("recall at precision {:g}"),
    "recall_at_specificity": N_("recall at specificity {:g}"),
    "recall_macro": N_("recall (macro)"),
    "rmse": N_("RMSE"),
    "rmsle": N_("RMSLE"),
    "spearman": N_("Spearman ρ"),
    "specificity": N_("specificity"),
    "specificity_at_recall": N_("specificity at recall {:g}"),
    "subset_accuracy": N_("subset accuracy"),
    "top_k": N_("top-{:g} accuracy"),
}
FINDINGS = {
    "overlap": N_("Rows are trained on and held out at once."),
    "exact_copies": N_("Rows are the same as others."),
    "near_copies": N_("Rows are nearly the same as others."),
    "hidden_copies": N_("Rows are the same as others but for a column such as an id."),
    "label_conflicts": N_("The same input has different labels."),
    "near_label_conflicts": N_("Images that are nearly the same have different labels."),
    "frequent_input": N_("One input is very common."),
    "label_column": N_("A column says the label, or nearly."),
    "id_column": N_("A column numbers the rows."),
    "split_column": N_("A column looks like a split that is not used."),
    "group_column": N_("A column looks like a group that is not used."),
    "groups": N_("Rows of one group are on both sides, or would be."),
    "no_time": N_("Rows have no time."),
    "time_backwards": N_("Earlier rows are predicted from later ones."),
    "row_order": N_("Where a row stands in the file says its label."),
}
MODELS = {  # of ``trainer.run.baselines``
    name: name
    for name in (
        N_("gradient-boosted trees (scikit-learn's HistGradientBoosting)"),
        N_("logistic regression"),
        N_("ridge regression"),
        N_("logistic regression on character n-grams (tf-idf)"),
        N_("ridge regression on character n-grams (tf-idf)"),
    )
}
SENTENCES = {
    "model_is": N_("{name}: {model}."),
    "better": N_("{metric}, better than {name}: {gap} out of fold (interval {low} – {high}, 95 %){by_folds}."),
    "worse": N_("{metric}, worse than {name}: {gap} out of fold (interval {low} – {high}, 95 %){by_folds}."),
    "tie": N_("{metric}, a tie with {name}: {gap} out of fold (interval {low} – {high}, 95 %){by_folds}."),
    "by_folds": N_(", by folds {mean} ± {sd}"),
}


def term_words(say: Callable[[str], str]) -> dict[str, str]:
    """Return all of it in a language, under keys of its own."""
    parts = {"metric": METRICS, "finding": FINDINGS, "model": MODELS, "lead": SENTENCES}
    return {f"{part}:{key}": say(text) for part, texts in parts.items() for key, text in texts.items()}


def metric_word(name: str, words: Words) -> str:
    """Return what a metric is called, with the number behind its name where there is one."""
    base, _, given = name.partition("@")
    found, metric = words.get(f"metric:{base}"), metric_or_none(name)
    if found is None or metric is None:
        return plain_label(name)
    return found if metric.number is None else found.format(float(given) if given else metric.number.default)


def metric_with_arrow(name: str, words: Words) -> str:
    """Return the same with an arrow towards better."""
    metric, word = metric_or_none(name), metric_word(name, words)
    return word if metric is None else f"{word} {'↑' if metric.greater_is_better else '↓'}"


def in_words(rows: Sequence[Sequence[str]], names: Iterable[str], words: Words) -> list[list[str]]:
    """Return rows of a table whose first cells are metrics, with these as they are called."""
    return [[metric_with_arrow(name, words), *row[1:]] for name, row in zip(names, rows, strict=True)]


def finding_words(kind: str, words: Words) -> str:
    """Return what a kind of finding is, for where the audit's own sentence is in another language."""
    return words.get(f"finding:{kind}", "")


def called(result: CVResult, words: Words) -> dict[str, str]:
    """Return what the metrics and baselines of a run are called, by what notes in English call them."""
    metrics = {plain_label(name): metric_word(name, words) for name in result.metrics}
    return metrics | {label(name): words.get(name, label(name)) for name in result.baselines}


def baseline_lines(result: CVResult, words: Words) -> tuple[list[str], list[str]]:
    """Return what each baseline is, and how the run stands against it in the leading metric."""
    models, leads = [], []
    for name, one in fitted(result).items():
        called = words.get(name, label(name))
        model = words.get(f"model:{one.model}", one.model)
        models.append(words["lead:model_is"].format(name=called[:1].upper() + called[1:], model=model))
        lead = one.lead[result.primary]
        if lead.ci95 is not None:
            leads.append(_lead(lead, lead.ci95, metric_word(result.primary, words), called, words))
    return models, leads


def _lead(lead: Lead, ci95: tuple[float, float], metric: str, called: str, words: Words) -> str:
    by_folds = ""
    if sum(not math.isnan(gap) for gap in lead.folds) > 1:
        by_folds = words["lead:by_folds"].format(mean=signed(lead.mean), sd=number(lead.sd))
    low, high = map(signed, ci95)
    said = words[f"lead:{lead.verdict}"]
    return said.format(metric=metric, name=called, gap=signed(lead.oof), low=low, high=high, by_folds=by_folds)
