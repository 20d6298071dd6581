"""Small tokenizers, trained and saved as those of pretrained models are."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizerFast, PreTrainedTokenizerFast

from trainer.data.samples import Texts

ENGLISH = (
    "The hotel was clean, and the staff were friendly!",
    "Never again.",
    "",
    "Breakfast: cold coffee, stale bread; the view from the roof made up for a part of it, though not for all of it.",
    "ok",
)
CHINESE = (
    "酒店的位置很好，离地铁站很近。",
    "房间太小，隔音不好，早餐一般。",
    "服务员态度很差，下次不会再来了！希望酒店能够改善服务质量，不然客人会越来越少。",
    "好",
    "性价比高 👍 wifi 很快",
)
MIXED = Texts(ENGLISH + CHINESE)
PAIRED = Texts(ENGLISH + CHINESE, CHINESE[::-1] + ENGLISH[::-1])
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def save_bert(directory: Path, **options) -> Path:
    """A WordPiece tokenizer with BERT's template."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(ENGLISH + CHINESE, trainer)
    BertTokenizerFast(tokenizer_object=tokenizer, **options).save_pretrained(directory)
    return directory


def save_gpt(directory: Path, **options) -> Path:
    """A byte-level BPE tokenizer: no special tokens around a text, no types."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|end|>"], show_progress=False)
    tokenizer.train_from_iterator(ENGLISH + CHINESE, trainer)
    options = {"eos_token": "<|end|>", "model_input_names": ["input_ids", "attention_mask"], **options}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options).save_pretrained(directory)
    return directory


def save_roberta(directory: Path, **options) -> Path:
    """A BPE tokenizer with a template of its own for pairs, padded and cut on the left."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=250, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(ENGLISH + CHINESE, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    options = {"padding_side": "left", "truncation_side": "left", **names, **options}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options).save_pretrained(directory)
    return directory


SAVE = {"bert": save_bert, "gpt": save_gpt, "roberta": save_roberta}
