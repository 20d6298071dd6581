#!/usr/bin/env bash
# peft 0.21.2: LoRA on a body that has no head yet, get_peft_model(classifier, LoraConfig(target_modules=[...])).
# Guess: the freshly drawn head of the classifier is trained and saved; it is in no checkpoint, so what else could be meant.
# Seen: everything but LoRA's matrices is frozen, the random head too, and neither a warning nor the saved adapter tells.
#       Loss goes down all the same. Loaded onto the same body in a new process the adapter meets another random head:
#       other logits, no error (transformers only lists the head as newly initialised, as it did the first time).
# Instead: LoraConfig(task_type="SEQ_CLS"), which trains and saves the head; a look at what requires a gradient.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.3.5 transformers==5.23.0 peft==0.21.2
cd "$folder"
venv/bin/python -W ignore - 2>warnings.txt <<'PY'
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from transformers import BertConfig, BertForSequenceClassification, BertModel

config = BertConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
BertModel(config).save_pretrained("body")
torch.manual_seed(0)
tokens, labels = torch.randint(0, 100, (8, 10)), torch.randint(0, 2, (8,))


def head_and_change(name, **options):
    """Return the trained and the saved tensors of the head, and by how much the loaded model's logits differ."""
    lora = LoraConfig(r=4, target_modules=["query", "value"], **options)
    model = get_peft_model(BertForSequenceClassification.from_pretrained("body"), lora)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), 1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        model(input_ids=tokens, labels=labels).loss.backward()
        optimizer.step()
    before = model.eval()(input_ids=tokens).logits
    model.save_pretrained(name)
    with safe_open(f"{name}/adapter_model.safetensors", "pt") as file:
        saved = sum("classifier" in key for key in file.keys())
    trained = sum("classifier" in key for key, p in model.named_parameters() if p.requires_grad)
    loaded = PeftModel.from_pretrained(BertForSequenceClassification.from_pretrained("body"), name).eval()
    return trained, saved, float((loaded(input_ids=tokens).logits - before).abs().max())


plain, classifier = head_and_change("plain"), head_and_change("classifier", task_type="SEQ_CLS")
print(f"tensors of the head trained, saved, and change of logits after loading: {plain}; with task_type: {classifier}")
assert plain[:2] == (0, 0) and plain[2] > 0.001, "the behaviour has changed"
assert classifier[:2] == (2, 2) and classifier[2] < 1e-5, "task_type no longer helps"
PY
if grep -i "frozen\|not trained\|task_type" "$folder/warnings.txt"; then echo "a warning tells of it now"; exit 1; fi
echo "as described"
