"""Lines and names of the page that stand beside its tables, in the language of whoever reads it."""

from collections.abc import Mapping, Sequence

from trainer.metrics.undefined import undefined_reasons
from trainer.report.formatting import number, primary_first
from trainer.report.nested_table import NestedTable
from trainer.report.page.note_words import Say, note_word
from trainer.report.page.term_words import metric_word
from trainer.results import CVResult, OutOfFold
from trainer.wording.translations import N_

Words = Mapping[str, str]
FACTS = (  # what the notes about a run are called
    N_("data"),
    N_("positive class"),
    N_("notes"),
    N_("starts from"),
    N_("selection"),
    N_("seed"),
    N_("device"),
    N_("went on although"),
    N_("training time"),
    N_("fingerprint of the folds"),
)


TECHNICAL = {  # facts about precision and cost
    "opt level": N_("opt level"),
    "half type": N_("half type"),
    "In force": N_("In force"),
    "cast model type": N_("cast model type"),
    "autocast": N_("autocast"),
    "keep batchnorm fp32": N_("keep batchnorm fp32"),
    "master weights": N_("master weights"),
    "loss scale": N_("loss scale"),
    "batch rows": N_("batch rows"),
    "params": N_("params"),
    "params trainable": N_("params trainable"),
    "params embedding": N_("params embedding"),
    "flops": N_("flops"),
    "thop macs": N_("thop macs"),
    "thop params": N_("thop params"),
    "thop batchnorm macs": N_("thop batchnorm macs"),
    "missed": N_("missed"),
    "padded": N_("padded"),
    "param memory": N_("param memory"),
    "grad memory": N_("grad memory"),
    "optimizer memory": N_("optimizer memory"),
    "activation memory": N_("activation memory"),
    "peak memory": N_("peak memory"),
    "peak measured": N_("peak measured"),
    "train step time": N_("train step time"),
    "train step slow time": N_("train step slow time"),
    "train step cores": N_("train step cores"),
    "threads": N_("threads"),
    "eval batch time": N_("eval batch time"),
    "problems": N_("problems"),
    "time": N_("time"),
    "Cost estimate": N_("Cost estimate"),
    "folds": N_("number of folds"),
    "parallel folds": N_("parallel folds"),
    "train steps": N_("train steps"),
    "eval batches": N_("eval batches"),
    "seconds per fold": N_("seconds per fold"),
    "yes": N_("yes"),
    "no": N_("no"),
}


def technical(text: str, say: Say) -> str:
    """Return the name, or a yes or no, of a fact about precision or cost in the language of the page."""
    return say(TECHNICAL[text]) if text in TECHNICAL else text


def fact_rows(rows: Sequence[tuple[str, str]], say: Say) -> list[tuple[str, str]]:
    """Return facts about a run under what they are called; of several notes each in the language of the page."""
    return [
        (say(name) if name in FACTS else name, "; ".join(note_word(note, say) for note in text.split("; ")))
        for name, text in rows
    ]


def seed_lines(result: CVResult, words: Words, say: Say) -> list[str]:
    """Return what the seeds of a run say of its leading metric; nothing where there is one seed."""
    if not result.seeds:
        return []
    found = result.seeds["metrics"][result.primary]
    line = say("seeds {seeds} on the same folds: {metric} out of fold {values}").format(
        seeds=", ".join(map(str, result.seeds["seeds"])),
        metric=metric_word(result.primary, words),
        values=", ".join(map(number, found["oof"])),
    )
    if "sd" not in found:
        return [say("{line}; its spread: {why}").format(line=line, why=note_word(found["undefined"], say))]
    line += say(" (sd {sd})").format(sd=number(found["sd"]))
    if found["shares"] is None:
        return [line]
    seed, rows, folds = (f"{100 * share:.0f} %" for share in found["shares"])
    shares = say("of the variance of a fold's value: seed {seed}, held-out rows {rows}, folds {folds}")
    return [f"{line}; {shares.format(seed=seed, rows=rows, folds=folds)}"]


def undefined_lines(result: CVResult, oof: OutOfFold, words: Words, say: Say) -> list[str]:
    """Return why a dash or a mean of fewer folds stands in the tables, one line per reason."""
    if not result.undefined:
        return []
    reasons = undefined_reasons(result.metrics, oof, result.task, result.classes, say)
    names: dict[str, list[str]] = {}
    for name in primary_first(result):
        if name in result.undefined:
            names.setdefault(reasons.get(name, result.undefined[name]), []).append(metric_word(name, words))
    return [f"{', '.join(labels)}: {why}" for why, labels in names.items()]


def nested_heading(nested: NestedTable, words: Words, say: Say) -> list[str]:
    """Return what stands above the columns of the table of what the folds picked."""
    metric = metric_word(nested.metric, words)
    inner, held_out = say("inner {metric}").format(metric=metric), say("held-out {metric}").format(metric=metric)
    return [words["fold"], say("picked"), words["epoch_axis"], inner, held_out, say("diverged candidates")]
