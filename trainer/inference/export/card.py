"""The model card: README.md of an exported folder."""

from collections.abc import Mapping
from typing import Any

from trainer.inference.decision import Decision
from trainer.inference.export.against_torch import Compared
from trainer.inference.export.wanted import ALL, HF, ONNX, SAFETENSORS, SOUP, TORCH, Request
from trainer.inference.predictor import Predictor
from trainer.inference.verify import DATA
from trainer.report.formatting import interval, metric_label, number
from trainer.run.copies import FOLDS
from trainer.store.result_files import read_cv_json
from trainer.system.folders import is_there

USE = {
    ONNX: "needs numpy and onnxruntime, neither torch nor Foldwise",
    TORCH: "needs numpy and torch, not Foldwise",
    SAFETENSORS: "needs numpy, torch and safetensors, not Foldwise",
    HF: "needs numpy, torch, tokenizers and transformers, not Foldwise",
}
STATE = "the weights of all folds by name; steps/torch_model.py puts them into the network"
BY = {ALL: "The model of all rows", SOUP: "One model of the mean weights of all folds"}
OUTPUTS = "`proba` (rows, classes), the mean, and `proba_by_fold` (folds, rows, classes)"
FILES = {
    ONNX: f"model.onnx: one graph for all folds; its outputs are {OUTPUTS}",
    TORCH: f"model.pth: {STATE}",
    SAFETENSORS: f"model.safetensors: {STATE}",
    HF: "config.json, model.safetensors: `AutoModelForSequenceClassification.from_pretrained` and `AutoTokenizer` load "
    "this folder",
}
CARD = """# {name}

{task}. {folds}, exported by Foldwise {foldwise} from the run `{name}` (torch {torch}).

## Use

```
python predict.py new.csv -o predictions.csv
```

It {use}. Columns of the new file are found by name, further ones do no harm. {columns}

- {file}
- model.json: how rows are read, preprocessing of each fold, classes, decision, versions
{tokenizer}- steps/: what predict.py is made of

## Data

{n_rows} rows of {data}; sha256 of the inputs `{sha256}`, fingerprint of the folds `{fingerprint}`.

## Score on rows that were held out

{score}

## Calibration and decision

{decision}

## Checked

{checked}.

## Intended use

(to be filled in: for which rows, by whom, what it must not be used for, who answers for it)
"""


def model_card(predictor: Predictor, facts: Mapping[str, Any], done: Compared, request: Request) -> str:
    """Return what a person who finds the folder has to know."""
    run = predictor.run
    spec, content = run.spec, run.facts["identity"]["content"]
    names = [str(fold.name) for fold in predictor.models]
    return CARD.format(
        name=run.directory.name,
        task=spec.task.described(len(spec.classes)).capitalize(),
        folds=BY.get(names[0], f"The mean of folds {', '.join(names)}"),
        foldwise=facts["versions"]["foldwise"],
        torch=facts["versions"]["torch"],
        use=_use(request.form, facts),
        columns=_columns(facts),
        file=FILES[request.form],
        tokenizer="- tokenizer.json: how texts become tokens\n" if "tokens" in facts else "",
        n_rows=run.plan.fold_of_row.shape[1],
        data=run.config.data.get("path") or run.facts["about"].get("data", "a program"),
        sha256=content.get(DATA, "unknown"),
        fingerprint=content[FOLDS],
        score=_score(predictor),
        decision=_decision(predictor.decision, spec.classes),
        checked=done.line[0].upper() + done.line[1:],
    )


def _use(form: str, facts: Mapping[str, Any]) -> str:
    return USE[form].replace("numpy", "numpy, tokenizers", 1) if "tokens" in facts and form != HF else USE[form]


def _columns(facts: Mapping[str, Any]) -> str:
    columns = facts["columns"]
    named = [name for part in ("numeric", "categories", "text", "pair") for name in columns.get(part, ())]
    listed = ", ".join(f"`{name}`" for name in named[:20]) + (f" and {len(named) - 20} more" if len(named) > 20 else "")
    return f"Needed: {listed}."


def _score(predictor: Predictor) -> str:
    run = predictor.run
    path = run.directory / "cv.json"
    if not is_there(path, run.directory):
        return "None: folds are missing."
    result = read_cv_json(path)
    lines = ["| metric | mean ± sd over folds | all held-out rows | 95 % interval |", "|---|---|---|---|"]
    for name, found in result.metrics.items():
        lines.append(
            f"| {metric_label(name)} | {number(found.mean)} ± {number(found.sd)} | {number(found.oof)} | "
            f"{interval(found.ci95)} |"
        )
    return "\n".join(lines)


def _decision(decision: Decision | None, classes: tuple[str, ...]) -> str:
    if decision is None:
        return "None: probabilities are as training left them, and the likeliest class is predicted."
    said = []
    if decision.calibration is not None:
        said.append(f"probabilities calibrated by {decision.calibration.line}")
    if decision.thresholds:
        named = zip(classes, decision.thresholds, strict=True)
        said.append(f"thresholds for {decision.metric}: " + ", ".join(f"{name} {value:.4g}" for name, value in named))
    if decision.cost:
        said.append("the class of least expected cost is predicted")
    if decision.conformal is not None:
        said.append(f"sets or intervals that hold the truth in {decision.conformal.coverage:g} of the rows")
    return f"Fitted on held-out rows, applied by predict.py (`--raw` leaves it out): {'; '.join(said)}."
