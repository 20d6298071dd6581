import io

from rich.console import Console

from trainer.report.weights_table import listed, show, weights_table

REPORT = {
    "path": "w.pth",
    "format": "zip",
    "sha256": "0123456789abcdef",
    "found_in": "state_dict",
    "tensors_loaded": 4,
    "tensors_model": 7,
    "params_loaded": 1500,
    "params_model": 2000,
    "body_params": 1600,
    "body_share": 0.9375,
    "stripped": "bert.",
    "added": "backbone.",
    "wrappers": ["module", "_orig_mod"],
    "dropped": ["total_ops", "a.total_ops"],
    "reinitialised": [["head.weight", [7, 16], [3, 16]], ["head.bias", [7], [3]]],
    "mismatched": [["embedding.weight", [50, 4], [60, 4]]],
    "missing": ["pooler.weight"],
    "unexpected": [f"cls.{i}" for i in range(9)],
    "notes": ["cast from float16 to float32", "warning: rows were seen [bold]"],
}
LISTS = ("wrappers", "dropped", "reinitialised", "mismatched", "missing", "unexpected", "notes")
NOTHING = {key: [] for key in LISTS}


def printed(report):
    file = io.StringIO()
    show(report, 0.9, Console(file=file, width=80))
    assert max(map(len, file.getvalue().splitlines()[:-2])) <= 80
    return {line[:19].strip(): line[19:].strip() for line in file.getvalue().splitlines() if line.strip()}


def test_every_part_of_the_report_is_shown():
    lines = printed(REPORT)
    assert lines["file"] == "zip, sha256 0123456789ab, under 'state_dict'"
    assert lines["tensors loaded"] == "4 of 7"
    assert lines["parameters loaded"] == "1,500 of 2,000"
    assert lines["of the backbone"] == "93.8% (at least 90% wanted)"
    assert lines["wrappers removed"] == "module., _orig_mod."
    assert lines["prefix stripped"] == "'bert.'"
    assert lines["prefix added"] == "'backbone.'"
    assert lines["dropped"] == "2 counters that thop left (total_ops, total_params)"
    assert lines["new head"] == "head.weight (7, 16) there, (3, 16) here"
    assert lines["other shape"] == "embedding.weight (50, 4) there, (60, 4) here"
    assert lines["not in the file"] == "pooler.weight"
    assert lines["not in the model"] == "cls.0, cls.1, cls.2, cls.3, cls.4, cls.5, ... 3 more"


def test_notes_stand_below_and_markup_in_them_is_text():
    file = io.StringIO()
    show(REPORT, 0.9, Console(file=file, width=80))
    assert file.getvalue().endswith("note: cast from float16 to float32\nwarning: rows were seen [bold]\n")


def test_a_clean_load_is_short():
    assert weights_table({**REPORT, **NOTHING, "stripped": "", "added": ""}, 0.9).row_count == 4


def test_listed_says_how_many_more():
    assert listed(list("abcdef")) == "a, b, c, d, e, f"
    assert listed(list("abcdefgh"), "\n") == "a\nb\nc\nd\ne\nf\n... 2 more"
