"""Tokenizers of directories as people have them; what would make empty rows is refused."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertTokenizer

from trainer.data.samples import Texts
from trainer.data.texts.known_tokens import unknown_note
from trainer.data.texts.load_tokenizer import load_tokenizer, trained_length_note
from trainer.errors import CheckpointError, ConfigError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["the", "room", "was", "good", "bad", "##ly", "好", "很"]
TEXTS = Texts(("the room was good", "bad room", "很好"))
SIZES = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
}


def save(directory: Path, words=WORDS, **config) -> Path:
    (directory / "vocab.txt").write_text("\n".join([*SPECIAL, *words]) + "\n", encoding="utf-8")
    (directory / "config.json").write_text(json.dumps({**SIZES, **config}))
    return directory


def rows(maker, texts=TEXTS):
    tokens = maker.encode(texts, max)
    return [
        tokens.tokens_T[start:stop].tolist() for start, stop in zip(tokens.offsets, tokens.offsets[1:], strict=False)
    ]


def refused(directory: Path, kind=ConfigError) -> str:
    with pytest.raises(kind) as caught:
        load_tokenizer(str(directory), allow_network=False)
    assert len(str(caught.value).splitlines()) <= 4
    return str(caught.value)


def test_a_bert_without_model_type_is_tokenised_as_bert_does_and_keeps_its_limit(tmp_path):
    maker = load_tokenizer(str(save(tmp_path)), allow_network=False)
    assert rows(maker) == BertTokenizer(str(tmp_path / "vocab.txt"))(list(TEXTS.texts))["input_ids"]
    assert maker.limit == 40
    assert maker.class_token == "first"


@pytest.mark.parametrize("kind", ["roberta", "albert", "bart", "xlm-roberta", "deberta", "deberta-v2", "gpt2"])
def test_a_vocab_txt_that_the_types_own_tokenizer_does_not_read(tmp_path, kind):
    """transformers 5.23 makes an empty tokenizer of it; with the line in the message the words are known."""
    message = refused(save(tmp_path, model_type=kind))
    line = message.splitlines()[-1]
    (tmp_path / "tokenizer_config.json").write_text(line)
    maker = load_tokenizer(str(tmp_path), allow_network=False)
    assert rows(maker) == BertTokenizer(str(tmp_path / "vocab.txt"))(list(TEXTS.texts))["input_ids"]


def test_an_empty_vocabulary_is_called_so(tmp_path):
    (save(tmp_path, model_type="bert") / "vocab.txt").write_text("")
    assert "vocab.txt is empty" in refused(tmp_path)


def test_merges_that_are_not_there(tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5}))
    (tmp_path / "config.json").write_text(json.dumps({**SIZES, "model_type": "roberta"}))
    assert "merges" in refused(tmp_path)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("deberta-v2", "spm.model"),
        ("albert", "spiece.model"),
        ("xlm-roberta", "sentencepiece.bpe.model"),
        ("llama", "tokenizer.model"),
    ],
)
def test_a_sentencepiece_model_names_the_package(tmp_path, monkeypatch, kind, name):
    monkeypatch.setattr("trainer.data.texts.load_tokenizer.find_spec", lambda _: None)
    (tmp_path / name).write_bytes(b"no model")
    (tmp_path / "config.json").write_text(json.dumps({**SIZES, "model_type": kind}))
    message = refused(tmp_path)
    assert name in message
    assert "pip install sentencepiece" in message


def test_a_cased_vocabulary_whose_texts_are_lowered_is_noted_until_it_is_said(tmp_path):
    texts = Texts(("The room", "the Room"))
    directory = save(tmp_path, ["The", "the", "Room", "room"], model_type="bert")
    maker = load_tokenizer(str(directory), allow_network=False)
    assert rows(maker, texts) == [[2, 6, 8, 3]] * 2  # as transformers does
    (said,) = maker.notes
    (tmp_path / "tokenizer_config.json").write_text(said[said.index("{") : said.index("}") + 1])
    maker = load_tokenizer(str(directory), allow_network=False)
    assert rows(maker, texts) == [[2, 5, 8, 3], [2, 6, 7, 3]]
    assert maker.notes == ()


def test_an_uncased_vocabulary_lowers(tmp_path):
    maker = load_tokenizer(str(save(tmp_path, model_type="bert")), allow_network=False)
    assert rows(maker, Texts(("The ROOM",))) == [[2, 5, 6, 3]]
    assert maker.notes == ()


def test_a_pointer_in_place_of_the_vocabulary(tmp_path):
    save(tmp_path, model_type="bert")
    (tmp_path / "vocab.txt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")
    assert "git lfs pull" in refused(tmp_path, CheckpointError)


def test_the_class_token_of_xlnet_stands_at_the_end(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", *WORDS])}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="$A:0 <sep>:0 <cls>:2", special_tokens=[("<sep>", 4), ("<cls>", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=backend, cls_token="<cls>", unk_token="<unk>").save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path)("bad room")["input_ids"][-1] == 3
    assert load_tokenizer(str(tmp_path), allow_network=False).class_token == "last"


def note(directory: Path, *texts: str) -> str:
    maker = load_tokenizer(str(directory), allow_network=False)
    return unknown_note("X", maker, Texts(texts), maker.encode(Texts(texts), max))


def test_texts_of_which_nothing_is_known_are_refused(tmp_path):
    save(tmp_path, model_type="bert")
    with pytest.raises(ConfigError, match=r"no token is known \(\[UNK\] stands for"):
        note(tmp_path, "酒店", "vue magnifique", "")
    assert note(tmp_path, "", " ") == ""


def test_different_texts_that_become_the_same_are_refused(tmp_path):
    save(tmp_path, model_type="bert")
    with pytest.raises(ConfigError, match="the same row"):
        note(tmp_path, "room a", "room b", "room c")
    note(tmp_path, "room a", "room a")


def test_many_unknown_tokens_are_said(tmp_path):
    save(tmp_path, model_type="bert")
    assert note(tmp_path, "room xx", "bad yy zz").startswith("33% of the tokens are unknown")
    assert note(tmp_path, "the room was good", "bad room") == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '{"max_seq_length": 16, "do_lower_case": false}',
            "trained with 16 tokens at most (sentence_bert_config.json)",
        ),
        ('{"max_seq_length": 24}', ""),
        ('{"max_seq_length": null}', ""),
        ("[]", ""),
        ("no JSON", ""),
        (None, ""),
    ],
)
def test_the_length_that_a_sentence_model_was_trained_with(tmp_path, content, said):
    if content is not None:
        (tmp_path / "sentence_bert_config.json").write_text(content)
    found = trained_length_note(str(tmp_path), 24)
    assert bool(found) == bool(said)
    assert said in found
