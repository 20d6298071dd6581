"""Of a large file a part is looked at, as a file of its own."""

import bz2
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from trainer.look import column_files, sampling
from trainer.look.look_at import look_at
from trainer.look.page import as_page


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "WHOLE_BYTES", 1 << 16)
    monkeypatch.setattr(sampling, "FIRST_BYTES", 1 << 14)
    monkeypatch.setattr(sampling, "FURTHER_BYTES", 1 << 12)
    rng = random.Random(0)
    rows = "".join(f"{i},{rng.random():.4f},{'early' if i < 10_000 else 'late'}\n" for i in range(20_000))
    path = tmp_path / "large.csv"
    path.write_text(f"n,x,label\n{rows}")
    return path


def test_beginning_middle_and_end_are_looked_at_and_rows_estimated(large):
    found = look_at(str(large))
    assert found.estimated
    assert found.n_rows == pytest.approx(20_000, rel=0.02)
    assert set(found.balance) == {"early", "late"}  # the beginning alone has only one of them
    assert "3 pieces of its middle and end" in found.sample
    assert f"~{found.n_rows:,} rows" in as_page(found)
    assert str(large) in found.train


def test_of_rows_that_span_lines_the_beginning_is_looked_at(large):
    rows = "".join(f'{i:05d},"a\nb",{"xy"[i % 2]}\n' for i in range(10_000))
    large.write_text(f"n,text,label\n{rows}")
    found = look_at(str(large))
    assert "pieces" not in found.sample
    assert found.n_rows == pytest.approx(10_000, rel=0.05)
    assert not [one for one in found.refusals if one.refused]


def test_messages_name_the_file_and_not_the_part(large):
    large.write_text(large.read_text() + "1,2,3,4\n")
    found = look_at(str(large))
    assert found.refusals[0].why.startswith(f"{large}: ")
    assert "were looked at" in found.refusals[0].why
    assert "a row of its middle or end has 4 cells" in found.refusals[0].why  # whose number the part does not say
    large.write_text(large.read_text().replace("\n100,", "\n100,7,", 1))
    assert "row 101 (line 102) has 4 cells" in look_at(str(large)).refusals[0].why


def test_a_compressed_file_is_unpacked_in_part(large):
    packed = large.with_name("large.csv.bz2")
    packed.write_bytes(bz2.compress(large.read_bytes()))
    found = look_at(str(packed))
    assert found.what == "a CSV file in a .bz2 file"
    assert found.sample
    assert "every row of column 'label' has the label 'early'" in found.refusals[-1].why  # so far


def test_utf16_is_cut_between_characters(large):
    large.write_bytes(large.read_text().replace("label", "标签").encode("utf-16"))
    found = look_at(str(large))
    assert found.form["encoding"] == "utf-16"
    assert [column.name for column in found.columns] == ["n", "x", "标签"]


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_rows_of_a_large_column_file_are_read_and_all_are_counted(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(column_files, "LARGE_BYTES", 1)
    monkeypatch.setattr(column_files, "ROWS", 300)
    table = pa.table({"x": [i / 7 for i in range(4000)], "label": ["early"] * 2500 + ["late"] * 1500})
    path = tmp_path / f"large.{ending}"
    if ending == "parquet":
        pq.write_table(table, path, row_group_size=500)
    else:
        feather.write_feather(table, path, chunksize=500)
    found = look_at(str(path))
    assert (found.n_rows, found.estimated) == (4000, False)
    assert found.balance == {"early": 200, "late": 100}
    assert str(path) in found.train
    assert "beginning, middle and end" in found.sample
