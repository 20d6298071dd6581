"""What the page says, in the language of whoever reads it."""

from trainer.report.page.term_words import term_words
from trainer.wording.translations import N_, translated, wanted_languages

SHIPPED = ("en", "zh")
LANG = {"en": "en", "zh": "zh-CN"}
WORDS = {
    "report": N_("Cross validation report"),
    "comparison": N_("Comparison of runs"),
    "runs": N_("Runs"),
    "pairs": N_("Pairs"),
    "by_fold": N_("{metric} by fold"),
    "differences": N_("Differences with their intervals; the figures are in the tables"),
    "compared_classes": N_("F1 of each class, out of fold"),
    "compared_labels": N_("F1 of each label, out of fold"),
    "skip": N_("Skip to the results"),
    "sections": N_("Sections"),
    "answer": N_("{label} {mean} over {folds}"),
    "one_fold": N_("1 fold"),
    "in_folds": N_("{n} folds"),
    "in_repeats": N_("{n} folds x {r} repeats"),
    "in_seeds": N_("{folds} x {n} seeds"),
    "answer_oof": N_("out of fold {oof}, interval {interval} (95 %)"),
    "note": N_("Note"),
    "hint": N_("Hint"),
    "metrics": N_("Metrics"),
    "metric": N_("metric"),
    "mean_sd": N_("mean ± sd"),
    "oof": N_("out of fold"),
    "interval": N_("interval (95 %)"),
    "about_rows": N_(
        "Mean ± standard deviation over folds; out of fold is the metric on the held-out predictions of all rows "
        "together, with a percentile bootstrap interval over rows. It covers the sampling of rows, not of splits or "
        "seeds. Arrows point to better; – means undefined."
    ),
    "about_groups": N_(
        "Mean ± standard deviation over folds; out of fold is the metric on the held-out predictions of all rows "
        "together, with a percentile bootstrap interval over groups: {n} groups were drawn, each with all its rows, "
        "since rows of one group are alike. It covers the sampling of groups, not of splits or seeds. Arrows point to "
        "better; – means undefined."
    ),
    "positive": N_("The positive class, which precision and recall speak of, is {name}."),
    "decided_binary": N_(
        "Accuracy, precision, recall and F1 stand for the decision at a probability above 0.5 of {name}."
    ),
    "decided_multiclass": N_("Accuracy, precision, recall and F1 stand for the most probable class of each row."),
    "decided_labels": N_("Precision, recall and F1 stand for labels with a probability above 0.5."),
    "split": N_("How the rows were split"),
    "strategy": N_("strategy"),
    "n_folds": N_("folds of each repeat"),
    "repeats": N_("repeats"),
    "groups": N_("groups"),
    "no_groups": N_("none: each row is by itself"),
    "rows": N_("rows"),
    "never": N_("rows that no fold holds out"),
    "fingerprint": N_("fingerprint of the folds"),
    "both_sides": N_("groups on both sides"),
    "folds": N_("Folds"),
    "fold": N_("fold"),
    "train_rows": N_("train rows"),
    "held_out_rows": N_("held-out rows"),
    "epoch": N_("epoch scored"),
    "time": N_("time"),
    "held_out_groups": N_("held-out groups"),
    "audit": N_("What the audit found"),
    "audit_none": N_("Nothing was found."),
    "audit_off": N_("Nothing was looked for, or it was not noted."),
    "severity": N_("severity"),
    "found": N_("finding"),
    "leak": N_("leak"),
    "warning": N_("warning"),
    "fix": N_("fix: {fix}"),
    "audit_warning": N_("audit, {severity}: {message}"),
    "curves": N_("Curves"),
    "class": N_("Class"),
    "every_class": N_("All classes, out of fold"),
    "roc": N_("ROC curve"),
    "pr": N_("Precision and recall"),
    "reliability": N_("Reliability"),
    "learning": N_("Training loss"),
    "learning_score": N_("{metric} by epoch (dot: epoch scored)"),
    "fpr": N_("false positive rate (1 - specificity)"),
    "tpr": N_("sensitivity (recall)"),
    "recall": N_("recall"),
    "precision": N_("precision"),
    "said": N_("probability given"),
    "share": N_("share that is so"),
    "loss_axis": N_("loss"),
    "epoch_axis": N_("epoch"),
    "legend": N_(
        "Thick line: all out-of-fold rows together. Thin lines: each fold. Band: mean of the folds ± one standard "
        "deviation; in the reliability diagram, Wilson's interval (95 %) of each of ten bins. Dot: "
        "the threshold chosen below."
    ),
    "chance": N_("by chance"),
    "each_fold": N_("each fold"),
    "band": N_("folds, mean ± sd"),
    "wilson": N_("interval (95 %)"),
    "ideal": N_("calibrated"),
    "some_classes": N_("Curves of {shown} of {all} classes: those with the lowest F1."),
    "some_folds": N_("Lines of {shown} of {all} folds; the band is of all of them."),
    "some_rows": N_("The curves are of {shown} of {all} rows, drawn at random; the counts below are of all rows."),
    "threshold": N_("Threshold"),
    "threshold_label": N_("A row is taken for {name} above a probability of"),
    "reset": N_("Back to 0.5"),
    "taken": N_("taken for it"),
    "left": N_("left out"),
    "is_it": N_("is it"),
    "is_not": N_("is not"),
    "sensitivity": N_("sensitivity (recall)"),
    "specificity": N_("specificity"),
    "npv": N_("negative predictive value"),
    "f1": "F1",
    "flagged": N_("rows taken for it"),
    "threshold_note": N_(
        "Counts of all out-of-fold rows, each once per repeat. A threshold that is picked by looking at these rows "
        "flatters on them; foldwise decide fits one and scores it cross-fitted."
    ),
    "needs_script": N_("The threshold needs JavaScript."),
    "no_library": N_("The plotting library is not at hand: pictures stand for the charts."),
    "confusion": N_("Confusion matrix"),
    "confusion_note": N_("Rows: what it is. Columns: what it was taken for. Colour: share of the true class."),
    "confusions": N_("Most frequent confusions"),
    "true": N_("true"),
    "predicted": N_("predicted"),
    "classes": N_("Classes, out of fold"),
    "labels": N_("Labels, out of fold"),
    "support": N_("support"),
    "some_listed": N_("{shown} of {all} are listed: those with the lowest F1."),
    "per_repeat": N_("Each row is counted once per repeat."),
    "residuals": N_("Residuals, out of fold"),
    "residual": N_("true minus predicted"),
    "mean": N_("mean"),
    "sd": N_("sd"),
    "against": N_("Predicted against true"),
    "some_dots": N_("{shown} of {all} rows are drawn."),
    "slices": N_("Slices"),
    "slice": N_("slice"),
    "right": N_("share right"),
    "error": N_("mean absolute error"),
    "rest": N_("all other rows"),
    "q": N_("q value"),
    "slices_note": N_(
        "Each slice is compared with all other rows; those with a q value up to 0.05 differ beyond what chance makes "
        "of so many looks (Benjamini and Hochberg). {n} slices were looked at."
    ),
    "slices_groups": N_("Rows of one group are alike: these intervals and q values, which count rows, are too small."),
    "some_slices": N_("{shown} of {all} are listed, those of the smallest q value."),
    "slices_none": N_("There are no slices with 20 rows or more inside and outside."),
    "slices_later": N_("foldwise report {run} compares the slices of the data."),
    "worst": N_("Worst rows"),
    "worst_note": N_("{shown} of {all} rows, the worst first: held-out predictions, of repeats the mean."),
    "filter": N_("Show rows with"),
    "only_wrong": N_("wrong predictions only"),
    "count": N_("{n} rows shown"),
    "id": N_("id"),
    "label": N_("label"),
    "p_label": N_("p(label)"),
    "p_predicted": N_("p(predicted)"),
    "loss": N_("log loss"),
    "abs_error": N_("absolute error"),
    "holds": N_("what it holds"),
    "picture": N_("picture of row {id}"),
    "sort": N_("sort by {name}"),
    "baselines": N_("Baselines"),
    "this_model": N_("this model, out of fold"),
    "linear": N_("linear probe"),
    "boosting": N_("boosting"),
    "baseline_oof": N_("{name}, out of fold"),
    "baseline_skipped": N_("{name} skipped: {why}"),
    "baseline_mean": N_("{name}, mean ± sd"),
    "ahead": N_("this model ahead by, over folds"),
    "optimism": N_("Optimism of picking the epoch on the held-out fold"),
    "optimism_column": N_("optimism"),
    "optimism_note": N_(
        "Each fold was scored at the epoch its own held-out rows liked best. The honest score of a fold is its score "
        "at the epoch the other folds pick; the difference is how much the figures above flatter (+)."
    ),
    "nested": N_("Nested cross validation"),
    "nested_note": N_(
        "In each fold, {n} inner folds of its training rows picked what it was trained with; the held-out rows had no "
        "part in it."
    ),
    "decision": N_("Decision"),
    "decision_note": N_(
        "Fitted on held-out rows; what a fold's rows are decided by comes from the other folds (cross-fitted)."
    ),
    "run": N_("This run"),
    "training_time": N_("training time"),
    "configuration": N_("Configuration"),
    "versions": N_("Versions"),
    "precision_mixed": N_("Mixed precision"),
    "profile": N_("Profile"),
    "again": N_("How to reproduce"),
    "made_by": N_("Made by Foldwise. Charts: Plotly.js (MIT licence), inside this file; nothing is loaded from afar."),
}
FOR_THE_SCRIPT = (
    *("every_class", "fpr", "tpr", "recall", "precision", "said", "share", "chance", "band", "wilson", "ideal", "oof"),
    *(
        "fold",
        "each_fold",
        "roc",
        "pr",
        "reliability",
        "learning",
        "learning_score",
        "loss_axis",
        "epoch_axis",
        "threshold",
    ),
    *("threshold_label", "count", "against", "residuals", "residual", "rows", "true", "predicted", "no_library"),
)


def page_language(wanted: str) -> str:
    """Return the language of a page: the one that is wanted, or of ``auto`` the user's own where there is one."""
    if wanted in SHIPPED:
        return wanted
    own = (name.replace("_", "-").partition("-")[0].partition(".")[0] for name in wanted_languages())
    return next((tag for tag in own if tag in SHIPPED), "en")


def page_words(language: str) -> dict[str, str]:
    """Return what the page says in one of ``SHIPPED``."""
    say = translated(language)
    return {name: say(text) for name, text in WORDS.items()} | term_words(say)
