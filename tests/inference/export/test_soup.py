"""The mean of the folds' weights: of the same start only, and only where it does not hurt."""

import pytest
import torch

from tests.inference.run_cases import table_options, trained_in, transformer_options
from trainer.errors import CheckpointError, ConfigError
from trainer.inference.export.soup import souped
from trainer.inference.export.write import export_run
from trainer.inference.predictor import open_predictor
from trainer.inference.trained import samples_of
from trainer.inference.verify_export import verify_export


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    where_the_mean_helps = ("optimizer.lr=0.01", "seed=3")  # 0.63 of the rows right, a fold alone 0.50
    return trained_in(folder, *transformer_options(folder), *where_the_mean_helps)


def test_the_mean_of_weights_is_one_model_that_transformers_loads(run, tmp_path):
    from safetensors.torch import load_file

    done = export_run(run, tmp_path / "model", form="hf", mode="soup")
    assert (done.held_out, done.largest <= 1e-4) == (None, True)
    assert "the mean of weights has" in (tmp_path / "model/README.md").read_text("utf-8")
    found = verify_export(run, tmp_path / "model")
    assert found.folds == ()
    assert "the mean of weights has seen every row, so it has no held-out rows: compared with torch" in found.notes[0]
    folds = [load_file(path) for path in sorted(run.glob("fold_*/model.safetensors"))]
    name = next(name for name in folds[0] if name.endswith("word_embeddings.weight"))
    found = load_file(tmp_path / "model/model.safetensors")["bert." + name.removeprefix("body.")]
    torch.testing.assert_close(found, (folds[0][name] + folds[1][name]) / 2)


def test_a_mean_of_other_weights_is_told_from_the_folds_by_the_proof(run, tmp_path):
    from safetensors.torch import load_file, save_file

    export_run(run, tmp_path / "model", form="hf", mode="soup")
    weights = load_file(tmp_path / "model/model.safetensors")
    weights["bert.embeddings.word_embeddings.weight"] *= 1.5
    save_file(weights, tmp_path / "model/model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="predicts otherwise than"):
        verify_export(run, tmp_path / "model")


def test_a_mean_that_hurts_is_refused_with_what_was_measured(run):
    predictor = open_predictor(run)
    samples = samples_of(predictor.run, None, {})
    one, two = (fold.model for fold in predictor.models)
    with torch.no_grad():
        gap_N = torch.from_numpy(predictor.predict(samples.inputs)[0].logits).diff(dim=1)
        one.head.linear.bias[1] -= gap_N.median()  # so that it says either class
        two.load_state_dict(one.state_dict())
        target = predictor.predict(samples.inputs)[0].proba.argmax(axis=1)
        mixed, said = souped(predictor, samples.inputs, target)
        assert mixed.models[0].name == "soup"
        assert "1.0000, a fold alone 1.0000" in said
        norm = two.body.encoder.layer[-1].output.LayerNorm
        for weights in (norm.weight, norm.bias, two.head.linear.weight):
            weights.neg_()  # says the same as before, by weights whose mean with the others is 0
    assert (predictor.predict(samples.inputs)[1].proba.argmax(axis=1) == target).all()
    with pytest.raises(ConfigError, match=r"--mode soup: the mean of weights has .* it hurts, and nothing was written"):
        souped(predictor, samples.inputs, target)


def test_weights_that_started_apart_have_no_mean(tmp_path):
    run = trained_in(tmp_path, *table_options(tmp_path))
    with pytest.raises(ConfigError, match="weights that started alike"):
        export_run(run, tmp_path / "model", mode="soup")
