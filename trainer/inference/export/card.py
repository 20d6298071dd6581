"""The model card: README.md of an exported folder."""

from collections.abc import Mapping
from typing import Any

from trainer.inference.export.against_torch import Compared
from trainer.inference.export.card_parts import calibration_and_decision, score_table
from trainer.inference.export.wanted import ALL, HF, ONNX, SAFETENSORS, SOUP, TORCH, Request
from trainer.inference.predictor import Predictor
from trainer.inference.verify import DATA
from trainer.run.copies import FOLDS

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

It {use}. {columns}

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
        score=score_table(run.directory),
        decision=calibration_and_decision(run.directory, predictor.decision, spec.classes),
        checked=done.line[0].upper() + done.line[1:],
    )


def _use(form: str, facts: Mapping[str, Any]) -> str:
    also = {"words": "tokenizers", "tokens": "tokenizers", "images": "pillow"}.get(facts["kind"])
    return USE[form].replace("numpy", f"numpy, {also}", 1) if also and form != HF else USE[form]


def _columns(facts: Mapping[str, Any]) -> str:
    if facts["kind"] == "images":
        return (
            f"Images are a folder, a zip file, or those that a table names in its column `{facts['columns']['file']}`; "
            f"they are brought to {' x '.join(map(str, facts['pixels']['size']))} pixels."
        )
    columns = facts["columns"]
    named = [name for part in ("numeric", "categories", "text", "pair") for name in columns.get(part, ())]
    listed = ", ".join(f"`{name}`" for name in named[:20]) + (f" and {len(named) - 20} more" if len(named) > 20 else "")
    return f"Columns of the new file are found by name, further ones do no harm. Needed: {listed}."
