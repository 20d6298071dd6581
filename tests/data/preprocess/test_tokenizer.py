import json
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoTokenizer, BertConfig, BertModel, GPT2Config

from tests.data.preprocess.tokenizer_cases import CHINESE, MIXED, PAIRED, SAVE, save_bert, save_gpt
from trainer.data.preprocess import tokenizer as module
from trainer.data.preprocess.tokenizer import FittedTokenizer, PretrainedTokenizer
from trainer.data.samples import TableColumns, Texts
from trainer.data.texts.hf_tokenizer import TokenMaker
from trainer.errors import ConfigError

NO_ROWS = np.array([], dtype=np.int64)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **options: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refused)
    monkeypatch.setattr(socket.socket, "connect", refused)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save(tmp_path_factory.mktemp(kind)) for kind, save in SAVE.items()}


@pytest.fixture
def never_made(monkeypatch: pytest.MonkeyPatch):
    """Call it, and from then on tokenising is an error."""

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("tokenised again")

    return lambda: monkeypatch.setattr(TokenMaker, "encode", refuse)


def made(directory: Path | str, max_length: int | str = "auto", **options) -> PretrainedTokenizer:
    return PretrainedTokenizer(str(directory), max_length, allow_network=False, **options)


def rows_of(preprocess: PretrainedTokenizer, texts: Texts):
    prepared = preprocess.prepare(texts)
    return preprocess.fit(prepared, NO_ROWS).transform(prepared)


def reference(directory: Path, texts: Texts, rows: list[int], max_length: int) -> dict[str, torch.Tensor]:
    """The tokenizer called as everybody calls it, padding on the right."""
    tokenizer = AutoTokenizer.from_pretrained(directory, padding_side="right")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    pairs = None if texts.pairs is None else [texts.pairs[row] for row in rows]
    return tokenizer(
        [texts.texts[row] for row in rows],
        pairs,
        padding=True,
        truncation="longest_first",
        max_length=max_length,
        return_tensors="pt",
    )


def same(found: dict[str, torch.Tensor], expected) -> None:
    assert set(found) == set(expected)
    for name, values in found.items():
        assert values.dtype == torch.int64
        assert torch.equal(values, expected[name]), name


@pytest.mark.parametrize("max_length", [7, 16, 500])
@pytest.mark.parametrize("texts", [MIXED, PAIRED], ids=["single", "pairs"])
@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt"])
def test_rows_are_those_of_the_tokenizer_itself(saved, kind, texts, max_length) -> None:
    filled = Texts(
        tuple(text or "ok" for text in texts.texts),
        None if texts.pairs is None else tuple(text or "ok" for text in texts.pairs),
    )
    rows = rows_of(made(saved[kind], max_length), filled)
    for wanted in ([3, 0, 8], [1], list(range(10)), [4, 4, 7]):
        same(rows.take(torch.tensor(wanted)), reference(saved[kind], filled, wanted, max_length))


def test_a_text_means_the_same_to_the_model_in_any_batch_though_the_tokenizer_pads_left(tmp_path) -> None:
    directory = save_bert(tmp_path, padding_side="left")
    assert AutoTokenizer.from_pretrained(directory).padding_side == "left"
    rows = rows_of(made(directory), MIXED)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    model = BertModel(BertConfig(vocab_size=300, initializer_range=0.3, **sizes)).eval()
    with torch.no_grad():
        together = model(**rows.take(torch.arange(10))).last_hidden_state[:, 0]
        alone = torch.cat([model(**rows.take(torch.tensor([row]))).last_hidden_state[:, 0] for row in range(10)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_types_come_only_where_the_tokenizer_makes_them(saved) -> None:
    everything = torch.arange(10)
    assert set(rows_of(made(saved["gpt"]), PAIRED).take(everything)) == {"input_ids", "attention_mask"}
    types = rows_of(made(saved["bert"]), PAIRED).take(everything)["token_type_ids"]
    assert types.unique().tolist() == [0, 1]


def test_an_empty_text_has_a_token(saved) -> None:
    assert rows_of(made(saved["gpt"]), MIXED).lengths().min() == 1
    first = rows_of(made(saved["bert"]), MIXED).take(torch.tensor([2]))
    same(first, reference(saved["bert"], MIXED, [2], 512))


def test_the_shared_sequence_is_not_copied_per_fold(saved) -> None:
    preprocess = made(saved["bert"])
    prepared = preprocess.prepare(MIXED)
    one, two = (preprocess.fit(prepared, np.arange(n)).transform(prepared) for n in (3, 7))
    assert one.tokens.data_ptr() == two.tokens.data_ptr() == prepared.tokens.tokens_T.ctypes.data


def test_auto_is_the_shortest_multiple_of_8_that_cuts_few(saved) -> None:
    texts = Texts(tuple("ok " * n for n in range(1, 101)))  # n tokens, and two special ones
    for share, expected in ((0.0, 104), (0.02, 104), (0.05, 104), (0.1, 96), (0.5, 56)):
        prepared = made(saved["bert"], share_cut=share).prepare(texts)
        lengths = np.arange(1, 101) + 2
        assert prepared.max_length == expected
        assert (lengths > expected).mean() <= share
        assert expected == 8 or (lengths > expected - 8).mean() > share
    notes = made(saved["bert"], share_cut=0.1).prepare(texts).notes
    assert "lengths in tokens: median 52, 95 % 97, longest 102" in notes
    assert "max_length=96 (auto): 6.0% of the texts cut" in notes


def test_auto_reads_no_more_than_the_model(tmp_path: Path) -> None:
    long = Texts(("ok " * 700, "ok"))
    assert made(save_bert(tmp_path / "a")).prepare(long).max_length == 512
    prepared = made(save_bert(tmp_path / "b", model_max_length=60)).prepare(long)
    assert prepared.max_length == 60
    assert "max_length=60 (auto, all the model reads): 50.0% of the texts cut" in prepared.notes
    BertConfig(max_position_embeddings=128).save_pretrained(save_bert(tmp_path / "c"))
    assert made(tmp_path / "c").prepare(long).max_length == 128


@pytest.mark.parametrize("kind", ["Roberta", "Luke", "Esm", "MPNet", "Lilt"])
def test_auto_asks_the_model_itself_where_its_positions_start(tmp_path: Path, kind: str) -> None:
    """Behind the padding token's number, in these."""
    config = getattr(transformers, f"{kind}Config")(vocab_size=300, max_position_embeddings=66, pad_token_id=1)
    config.save_pretrained(save_bert(tmp_path))
    before = torch.get_rng_state()
    assert made(tmp_path).prepare(Texts(("ok " * 700, "ok"))).max_length == 64
    assert torch.equal(torch.get_rng_state(), before)


def test_a_number_is_taken_and_what_it_cuts_is_said(saved) -> None:
    prepared = made(saved["bert"], 4).prepare(Texts(("ok", "ok ok", "ok ok ok", "ok ok ok ok")))
    assert prepared.max_length == 4
    assert "max_length=4: 50.0% of the texts cut" in prepared.notes
    assert np.diff(prepared.tokens.offsets).tolist() == [3, 4, 4, 4]


def test_numbers_the_model_cannot_read_are_refused(tmp_path: Path) -> None:
    directory = save_bert(tmp_path, model_max_length=64)
    with pytest.raises(ConfigError, match=r"max_length=65: .* at most 64 tokens"):
        made(directory, 65).prepare(MIXED)
    made(directory, 64).prepare(MIXED)
    with pytest.raises(ConfigError, match=r"max_length=4: must be at least 5"):
        made(directory, 4).prepare(PAIRED)
    for options, named in (({"max_length": 0}, "max_length=0"), ({"share_cut": 1.0}, "share_cut=1.0")):
        with pytest.raises(ConfigError, match=named):
            made(directory, **options)


def test_lengths_in_characters_come_first(saved) -> None:
    notes = made(saved["bert"]).prepare(Texts(CHINESE)).notes
    assert notes[0] == "lengths in characters: median 15, 95 % 39, longest 39; 82.7% of them Chinese"


def test_model_arguments(saved) -> None:
    for kind in SAVE:
        tokenizer = AutoTokenizer.from_pretrained(saved[kind])
        found = made(saved[kind]).fit(MIXED, NO_ROWS)
        pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        sizes = {"vocab_size": len(tokenizer), "pad_id": pad_id, "max_length": found.max_length}
        assert found.model_arguments == {**sizes, "class_token": "none" if kind == "gpt" else "first"}
    assert any("no padding token: '<|end|>'" in note for note in made(saved["gpt"]).prepare(MIXED).notes)


@pytest.mark.parametrize("texts", [MIXED, PAIRED], ids=["single", "pairs"])
def test_a_later_run_reads_the_same_tokens_and_does_not_tokenise(saved, tmp_path, never_made, texts) -> None:
    everything = torch.arange(10)
    cold = rows_of(made(saved["bert"], cache_dir=tmp_path), texts).take(everything)
    never_made()
    later = made(saved["bert"], cache_dir=tmp_path)
    same(rows_of(later, texts).take(everything), cold)
    same(cold, reference(saved["bert"], texts, list(range(10)), 512))
    prepared = later.prepare(texts)
    assert isinstance(prepared.tokens.tokens_T, np.memmap)
    assert any(note.startswith("tokens read from") for note in prepared.notes)


def test_other_texts_tokenizers_and_lengths_have_tokens_of_their_own(saved, tmp_path) -> None:
    made(saved["bert"], cache_dir=tmp_path).prepare(MIXED)
    changed = [
        (made(saved["bert"], cache_dir=tmp_path), Texts((*MIXED.texts[:-1], "other"))),
        (made(saved["bert"], cache_dir=tmp_path), Texts(MIXED.texts[::-1])),
        (made(saved["bert"], cache_dir=tmp_path), PAIRED),
        (made(saved["bert"], cache_dir=tmp_path), Texts(("ab", "c"))),
        (made(saved["bert"], cache_dir=tmp_path), Texts(("a", "bc"))),
        (made(saved["bert"], 9, cache_dir=tmp_path), MIXED),
        (made(saved["bert"], cache_dir=tmp_path, share_cut=0.3), MIXED),
        (made(saved["roberta"], cache_dir=tmp_path), MIXED),
    ]
    for number, (preprocess, texts) in enumerate(changed, start=2):
        preprocess.prepare(texts)
        assert len(list((tmp_path / "tokens").iterdir())) == number
    made(str(saved["bert"]) + "/", cache_dir=tmp_path).prepare(MIXED)  # the same tokenizer, called otherwise
    assert len(list((tmp_path / "tokens").iterdir())) == len(changed) + 1


@pytest.mark.parametrize("newer", ["library", "code"])
def test_tokens_that_another_version_has_made_are_made_again(saved, tmp_path, monkeypatch, newer) -> None:
    first = made(saved["bert"], cache_dir=tmp_path / "cache").prepare(MIXED)
    if newer == "library":
        monkeypatch.setattr("trainer.data.preprocess.tokenizer.version", lambda _: "99")
    else:
        changed = tmp_path / "token_maker.py"
        changed.write_text("")
        monkeypatch.setattr("trainer.data.texts.hf_tokenizer.__file__", str(changed))
    later = made(saved["bert"], cache_dir=tmp_path / "cache").prepare(MIXED)
    assert any(note.startswith("tokens kept in") for note in later.notes)
    assert len(list((tmp_path / "cache" / "tokens").iterdir())) == 2
    np.testing.assert_array_equal(first.tokens.tokens_T, later.tokens.tokens_T)


def damage(directory: Path, how: str) -> None:
    file = directory / "tokens.npy"
    content = bytearray(file.read_bytes())
    if how == "bit":
        content[-3] ^= 1
        file.write_bytes(content)
    elif how == "short":
        file.write_bytes(content[:-8])
    elif how == "missing":
        (directory / "offsets.npy").unlink()
    else:
        (directory / "record.json").write_text("{}")


@pytest.mark.parametrize("how", ["bit", "short", "missing", "record"])
def test_damaged_tokens_are_made_again(saved, tmp_path, how) -> None:
    cold = rows_of(made(saved["bert"], cache_dir=tmp_path), MIXED).take(torch.arange(10))
    (directory,) = (tmp_path / "tokens").iterdir()
    damage(directory, how)
    preprocess = made(saved["bert"], cache_dir=tmp_path)
    prepared = preprocess.prepare(MIXED)
    assert "damaged and are made again" in prepared.notes[-1]
    same(preprocess.fit(prepared, NO_ROWS).transform(prepared).take(torch.arange(10)), cold)
    assert made(saved["bert"], cache_dir=tmp_path).prepare(MIXED).notes[-1].startswith("tokens read from")
    assert list((tmp_path / "tokens").iterdir()) == [directory]


@pytest.mark.parametrize("damaged", [False, True])
def test_jobs_that_write_at_the_same_time(saved, tmp_path, damaged) -> None:
    expected = rows_of(made(saved["bert"], cache_dir=tmp_path), MIXED).take(torch.arange(10))
    (directory,) = (tmp_path / "tokens").iterdir()
    damage(directory, "bit") if damaged else [file.unlink() for file in directory.iterdir()] and directory.rmdir()
    start, found = threading.Barrier(6), []

    def job() -> None:
        preprocess = made(saved["bert"], cache_dir=tmp_path)
        assert preprocess.maker
        start.wait()
        found.append(rows_of(preprocess, MIXED).take(torch.arange(10)))

    jobs = [threading.Thread(target=job) for _ in range(6)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join()
    assert len(found) == 6
    for batch in found:
        same(batch, expected)
    assert list((tmp_path / "tokens").iterdir()) == [directory]


def test_where_nothing_can_be_written_tokens_are_held_in_memory(saved, tmp_path) -> None:
    (tmp_path / "file").write_text("no directory")
    prepared = made(saved["bert"], cache_dir=tmp_path / "file").prepare(MIXED)
    assert prepared.notes[-1].startswith("tokens held in memory: cannot write to")
    assert np.array_equal(prepared.tokens.tokens_T, made(saved["bert"]).prepare(MIXED).tokens.tokens_T)


def test_a_full_disk_leaves_nothing_behind(saved, tmp_path, monkeypatch) -> None:
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("trainer.system.files.shutil.disk_usage", lambda _: usage)
    prepared = made(saved["bert"], cache_dir=tmp_path).prepare(MIXED)
    assert "disk full" in prepared.notes[-1]
    assert list((tmp_path / "tokens").iterdir()) == []


def test_progress_is_shown_per_chunk(saved, monkeypatch) -> None:
    monkeypatch.setattr("trainer.data.texts.hf_tokenizer.CHUNK_TEXTS", 4)
    told = []

    def track(items, description, total):
        told.append((description, total, len(items)))
        return items

    prepared = made(saved["bert"], 6).prepare(MIXED, track)
    assert told == [("tokenising", 3, 3), ("cutting long texts", 2, 2)]
    monkeypatch.undo()
    assert np.array_equal(prepared.tokens.tokens_T, made(saved["bert"], 6).prepare(MIXED).tokens.tokens_T)


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt"])
def test_json_rebuilds_the_transform_without_the_directory(saved, kind, monkeypatch) -> None:
    fitted = made(saved[kind], 9).fit(PAIRED, NO_ROWS)
    text = json.dumps(fitted.to_json())
    monkeypatch.setattr(module, "load_tokenizer", None)
    rebuilt = FittedTokenizer.from_json(json.loads(text))
    assert rebuilt.model_arguments == fitted.model_arguments
    everything = torch.arange(10)
    same(rebuilt.transform(PAIRED).take(everything), fitted.transform(PAIRED).take(everything))
    assert fitted.notes == rebuilt.notes


def test_a_large_tokenizer_is_read_from_where_it_was_and_must_be_the_same(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("trainer.data.texts.hf_tokenizer.SMALL_CHARACTERS", 100)
    fitted = made(save_bert(tmp_path), 9).fit(MIXED, NO_ROWS)
    saved = fitted.to_json()
    assert len(json.dumps(saved)) < 500
    everything = torch.arange(10)
    same(FittedTokenizer.from_json(saved).transform(MIXED).take(everything), fitted.transform(MIXED).take(everything))
    save_gpt(tmp_path)
    with pytest.raises(ConfigError, match="not the one the model was trained with"):
        FittedTokenizer.from_json(saved)


def test_transformers_writes_nothing_of_its_own_into_the_output(tmp_path, caplog) -> None:
    save_gpt(tmp_path)
    too_few = {"vocab_size": 298}  # tokens for its bos_token_id, which is warned of
    (tmp_path / "config.json").write_text(json.dumps(GPT2Config().to_dict() | too_few))
    made(tmp_path).prepare(MIXED)
    assert caplog.messages == []


class TestWhereThereIsNoTokenizer:
    def refused(self, pretrained: Path | str, allow_network: bool = False) -> str:
        with pytest.raises(ConfigError) as error:
            PretrainedTokenizer(str(pretrained), allow_network=allow_network).prepare(MIXED)
        assert len(str(error.value).splitlines()) <= 4
        return str(error.value)

    def test_a_hub_name_is_not_asked_for(self) -> None:
        message = self.refused("nobody/no-such-model")
        assert "model.pretrained=nobody/no-such-model" in message
        assert "model.allow_network=true" in message
        assert "HF_ENDPOINT" in message

    def test_a_directory_without_tokenizer_files(self, tmp_path) -> None:
        assert "has no tokenizer.json" in self.refused(tmp_path)
        BertConfig().save_pretrained(tmp_path)
        message = self.refused(tmp_path)
        assert "has no tokenizer.json" in message
        assert "data.preprocess.pretrained=DIR" in message
        assert "data.preprocess.pretrained=DIR" in self.refused(tmp_path / "config.json")

    def test_a_directory_that_is_not_there(self, tmp_path) -> None:
        assert "no such directory" in self.refused(tmp_path / "x")
        (tmp_path / "model.safetensors").write_bytes(b"")
        assert "give the directory" in self.refused(tmp_path / "model.safetensors")

    def test_damaged_files(self, tmp_path) -> None:
        save_bert(tmp_path)
        (tmp_path / "tokenizer.json").write_text("{")
        assert "cannot be read" in self.refused(tmp_path)

    def test_a_config_that_transformers_refuses_is_named_with_the_reason(self, tmp_path) -> None:
        save_bert(tmp_path)
        BertConfig().save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": "two"}))
        message = self.refused(tmp_path)
        assert "config.json" in message
        assert "two" in message

    def test_an_empty_name_is_not_the_working_directory(self) -> None:
        assert "model.pretrained is empty" in self.refused("")

    def test_foreign_code_is_never_run(self, tmp_path) -> None:
        canary = tmp_path / "canary"
        (tmp_path / "evil.py").write_text(f"open({str(canary)!r}, 'w')\nclass T: pass\n")
        (tmp_path / "tokenizer_config.json").write_text(
            json.dumps({"auto_map": {"AutoTokenizer": ["evil.T", None]}, "tokenizer_class": "T"})
        )
        for allow_network in (False, True):
            assert "never run" in self.refused(tmp_path, allow_network)
        assert not canary.exists()

    def test_config_json_stands_for_its_directory(self, saved, tmp_path) -> None:
        save_bert(tmp_path)
        BertConfig().save_pretrained(tmp_path)
        found = rows_of(made(tmp_path / "config.json"), MIXED).take(torch.arange(10))
        same(found, reference(tmp_path, MIXED, list(range(10)), 512))

    def test_tables(self, saved) -> None:
        table = TableColumns(np.ones((1, 1)), np.empty((1, 0), dtype=object), ("a",))
        with pytest.raises(ConfigError, match="for images model=image_cnn"):
            made(saved["bert"]).prepare(table)
        with pytest.raises(ConfigError, match="for texts"):
            made(saved["bert"]).fit(MIXED, NO_ROWS).transform(table)


def test_a_directory_with_vocab_txt_alone(saved, tmp_path) -> None:
    """What models of 2019 come with."""
    vocabulary = AutoTokenizer.from_pretrained(saved["bert"]).get_vocab()
    (tmp_path / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)) + "\n", encoding="utf-8")
    BertConfig().save_pretrained(tmp_path)
    found = rows_of(made(tmp_path), PAIRED).take(torch.arange(10))
    same(found, reference(saved["bert"], PAIRED, list(range(10)), 512))
