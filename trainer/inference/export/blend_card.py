"""The model card of an exported blend."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.inference.decision import load_decision
from trainer.inference.export.against_torch import Compared
from trainer.inference.export.card_parts import calibration_and_decision, score_table
from trainer.report.formatting import number
from trainer.run.copies import open_copy

CARD = """# {name}

A blend of {n} runs by {method}, exported by Foldwise {foldwise}.

## Use

```
python predict.py new.csv -o predictions.csv
```

Every run reads the same file in its own way. {needs}

| folder | weight |
|---|---|
{members}

- model.json: what puts together what they say, classes, decision, versions
- steps/: what predict.py is made of

Each folder is a model by itself too, with a card that says on which data and folds it was trained.

## Score on rows that were held out

The weights of a fold's rows were fitted on the other folds.

{score}

## Calibration and decision

{decision}

## Checked

{checked}.

## Intended use

(to be filled in: for which rows, by whom, what it must not be used for, who answers for it)
"""
NEEDS = {"words": "tokenizers", "tokens": "tokenizers", "images": "pillow"}


def blend_card(directory: Path, facts: Mapping[str, Any], done: Compared) -> str:
    """Return what a person who finds the folder has to know."""
    fitted = facts["combination"]
    weights = zip(facts["members"], fitted["weights"], strict=True)
    also = sorted({NEEDS[kind] for kind in facts["kinds"] if kind in NEEDS})
    runs = "onnxruntime" if facts["format"] == "onnx" else "torch"
    return CARD.format(
        name=directory.name,
        n=len(facts["members"]),
        method=fitted["method"],
        foldwise=facts["versions"]["foldwise"],
        needs=f"It needs {', '.join(['numpy', *also])} and {runs}, not Foldwise.",
        members="\n".join(f"| `{name}` | {number(weight)} |" for name, weight in weights),
        score=score_table(directory),
        decision=calibration_and_decision(directory, load_decision(open_copy(directory)), tuple(facts["classes"])),
        checked=done.line[0].upper() + done.line[1:],
    )
