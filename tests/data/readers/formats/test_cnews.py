from tests.data.readers.formats.annotations import format_of, opened


def test_label_and_text_without_a_header(tmp_path):
    path = tmp_path / "cnews.train.txt"
    path.write_text('体育\t马晓旭意外受伤让国奥警惕\n体育\t"商瑞华首战\n财经\t基金"净值\n', encoding="utf-8")
    rows = opened(path).rows.to_pydict()
    assert rows["label"] == ["体育", "体育", "财经"]
    assert rows["text"] == ["马晓旭意外受伤让国奥警惕", '"商瑞华首战', '基金"净值']


def test_other_files_are_none(tmp_path):
    for name, content in (("news.txt", "a\tb\n"), ("cnews.test.txt", "a text of more\tthan two\tcells\n")):
        (tmp_path / name).write_text(content)
        assert format_of(tmp_path / name) == "delimited"
