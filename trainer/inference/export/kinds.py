"""Which models can be exported in which format, and what is particular to rows of tables, words and tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns.features import MISSING
from trainer.data.preprocess.estimator import FittedEstimator
from trainer.data.preprocess.pixels import FittedImages
from trainer.data.preprocess.raw import FittedRaw
from trainer.data.preprocess.sparse import FittedSparse
from trainer.data.preprocess.table import FittedTable
from trainer.data.preprocess.tokenizer import FittedTokenizer
from trainer.data.preprocess.vocabulary import SPECIAL_TOKENS, FittedVocabulary
from trainer.data.texts.words import SEPARATOR, word_tokenizer
from trainer.errors import ConfigError
from trainer.inference.export.steps.cells import MISSING as MISSING_CODE
from trainer.inference.export.steps.cells import UNSEEN
from trainer.inference.export.steps.texts import FILE, UNKNOWN
from trainer.inference.export.wanted import HF, ONNX, SAFETENSORS, TORCH
from trainer.inference.fold_model import FoldModel
from trainer.inference.needed_columns import known_features
from trainer.inference.predictor import Predictor
from trainer.models.image_cnn import ImageCNN
from trainer.models.mlp import MLP
from trainer.models.rnn import RNN
from trainer.models.text_cnn import TextCNN
from trainer.models.transformer import Transformer

Facts = dict[str, Any]
KINDS: tuple[tuple[Any, str], ...] = (  # what a model is given, and what such rows are called here
    (FittedTable, "table"),
    (FittedVocabulary, "words"),
    (FittedTokenizer, "tokens"),
    (FittedImages, "images"),
)
HELD: dict[str, tuple[Any, ...]] = {  # whose code the folder has, or transformers
    TORCH: (MLP, TextCNN, RNN, ImageCNN),
    SAFETENSORS: (MLP, TextCNN, RNN, ImageCNN),
    HF: (Transformer,),
}
INSTEAD = "foldwise predict, and serve, answer with this run"
NO_WAY = {
    FittedSparse: "sparse columns cannot be exported: a graph takes rows of all columns, zeros written out\n"
    "foldwise predict answers with this run",
    FittedEstimator: "data/preprocess=estimator cannot be exported: scikit-learn runs it, which predict.py has not\n"
    f"{INSTEAD}",
    FittedRaw: "data/preprocess=raw cannot be exported: it takes arrays as they are, which no file has; "
    "columns of a table can be with data/preprocess=table\n"
    "run.predict(rows) in Python answers with this run, and foldwise predict where they are of a table",
}


def kind_of(predictor: Predictor, form: str) -> str:
    """Return what the rows of a run are called here.

    Raises:
        ConfigError: its model cannot be exported, or not in this format; says which can.
    """
    found = {_kind(fold) for fold in predictor.models}
    if len(found) > 1 or len({type(fold.model) for fold in predictor.models}) > 1:
        raise ConfigError("the folds have models of several kinds: export one of them, --mode fold=0")
    model = type(predictor.models[0].model)
    if form != ONNX and model not in HELD[form]:
        others = [ONNX, *(other for other, held in HELD.items() if model in held)]
        raise ConfigError(f"--format {form} has no way to hold a {model.__name__}: give --format {' or '.join(others)}")
    return found.pop()


def _kind(fold: FoldModel) -> str:
    for fitted, kind in KINDS:
        if type(fold.fitted) is fitted:
            return kind
    made = f"rows made by {type(fold.fitted).__name__}, of a plugin, cannot be exported: predict.py would not have it"
    raise ConfigError(NO_WAY.get(type(fold.fitted), f"{made}\n{INSTEAD}"))


def fitted_facts(kind: str, predictor: Predictor) -> tuple[Facts, list[Facts]]:
    """Return what model.json says of the rows, and what of each fold."""
    return {"table": _tables, "words": _words, "tokens": _tokens, "images": _images}[kind](predictor)


def _tables(predictor: Predictor) -> tuple[Facts, list[Facts]]:
    known = known_features(predictor)
    words = {name: sorted(known.known.get(name, ())) for name in known.categorical}
    columns = {
        "numeric": list(known.numeric),
        "categories": words,
        "written": dict(known.written),
        "missing": list(predictor.run.spec.reading.get("missing", MISSING)),
    }
    return {"columns": columns}, [_table(fold.fitted, words) for fold in predictor.models]


def _table(fitted: FittedTable, words: dict[str, list[str]]) -> Facts:
    codes = []
    for of_column, known in zip(words.values(), fitted.categories, strict=True):
        of_fold = {word: code for code, word in enumerate(known, start=2)}
        codes.append([UNSEEN, MISSING_CODE, *(of_fold.get(word, UNSEEN) for word in of_column)])
    return {
        "medians": fitted.medians_F.tolist(),
        "means": fitted.means_F.tolist(),
        "scales": fitted.scales_F.tolist(),
        "flagged": list(fitted.flagged),
        "codes": codes,
    }


def _words(predictor: Predictor) -> tuple[Facts, list[Facts]]:
    fitted = [fold.fitted for fold in predictor.models]
    _require_alike([(one.max_length, one.lowercase, one.unit) for one in fitted], "split texts in different ways")
    union = all_words(predictor)
    separator = union.index(SEPARATOR) if SEPARATOR in union else UNKNOWN
    tokens = {"kind": "words", "max_length": fitted[0].max_length, "separator": separator}
    of_folds = []
    for one in fitted:
        codes = {word: code for code, word in enumerate(one.words) if code >= len(SPECIAL_TOKENS)}
        of_folds.append({"codes": [0, UNKNOWN, *(codes.get(word, UNKNOWN) for word in union[len(SPECIAL_TOKENS) :])]})
    return {"columns": _text_columns(predictor), "tokens": tokens}, of_folds


def all_words(predictor: Predictor) -> list[str]:
    """Return the words that any fold knows, behind padding and the unknown one."""
    known = {word for fold in predictor.models for word in fold.fitted.words[len(SPECIAL_TOKENS) :]}
    return [*SPECIAL_TOKENS, *sorted(known)]


def _tokens(predictor: Predictor) -> tuple[Facts, list[Facts]]:
    fitted = [fold.fitted for fold in predictor.models]
    _require_alike([(one.max_length, one.maker.sha256()) for one in fitted], "have different tokenizers or lengths")
    maker = fitted[0].maker
    tokens = {
        "kind": "pretrained",
        "max_length": fitted[0].max_length,
        "pad_id": maker.pad_id,
        "empty_id": maker.empty_id,
        "cut_left": maker.cut_left,
        "has_types": maker.has_types,
    }
    return {"columns": _text_columns(predictor), "tokens": tokens}, [{} for _ in fitted]


def _images(predictor: Predictor) -> tuple[Facts, list[Facts]]:
    fitted = [fold.fitted for fold in predictor.models]
    _require_alike([one.shape for one in fitted], "take images of different sizes")
    shape, reading = fitted[0].shape, predictor.run.spec.reading
    columns = {"file": reading.get("file", "file"), "suffix": reading.get("suffix", "")}
    pixels = {"size": list(shape.size), "channels": shape.channels, "resize": shape.resize}
    said = [one.to_json() for one in fitted]
    of_folds = [{name: one[name] for name in ("mean", "std", "views")} for one in said]
    return {"columns": columns, "pixels": pixels}, of_folds


def _text_columns(predictor: Predictor) -> Facts:
    reading = predictor.run.spec.reading
    return {part: list(reading.get(part) or []) for part in ("text", "pair")}


def _require_alike(values: Sequence[Any], said: str) -> None:
    if len(set(values)) > 1:
        raise ConfigError(f"the folds {said}: export one of them, --mode fold=0")


def write_tokenizer(predictor: Predictor, kind: str, folder: Path) -> None:
    """Write tokenizer.json beside a model of texts."""
    if kind not in ("words", "tokens"):
        return
    fitted = predictor.models[0].fitted
    if kind == "words":
        words = {word: place for place, word in enumerate(all_words(predictor))}
        tokenizer = word_tokenizer(words, fitted.lowercase, fitted.unit, unknown=SPECIAL_TOKENS[UNKNOWN])
    else:
        tokenizer = fitted.maker.backend
    (folder / FILE).write_text(tokenizer.to_str(), encoding="utf-8")
