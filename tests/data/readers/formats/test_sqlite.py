import sqlite3
from contextlib import closing

import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.errors import ConfigError, DataError


def opened(path, **options):
    return open_table(path, ColumnOptions(**options))


@pytest.fixture
def database(tmp_path):
    def make(*statements, name="a %b?.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return tmp_path / name

    return make


ROWS = "CREATE TABLE rows (id INTEGER PRIMARY KEY, x REAL, word TEXT, code TEXT)"
VALUES = "INSERT INTO rows VALUES (1, 1.5, 'é', '001'), (2, 2, NULL, '002')"


def test_the_only_table(database):
    path = database(ROWS, VALUES, "CREATE INDEX i ON rows (x)", "ANALYZE")
    before = path.read_bytes()
    path.chmod(0o444)
    rows = {"id": [1, 2], "x": [1.5, 2.0], "word": ["é", None], "code": ["001", "002"]}
    assert opened(path).rows.to_pydict() == rows
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_table_or_view_is_named_where_there_are_several(database):
    path = database(ROWS, VALUES, 'CREATE VIEW "a ""view" AS SELECT id AS n, code FROM rows WHERE id > 1')
    with pytest.raises(DataError, match=r"2 tables and views: name one of them\ndata\.table=rows, "):
        opened(path)
    assert opened(path, table='a "view').rows.to_pydict() == {"n": [2], "code": ["002"]}
    with pytest.raises(ConfigError, match="did you mean 'rows'"):
        opened(path, table="row")


def test_types_mixed_in_a_column_are_told(database):
    path = database("CREATE TABLE t (a, b)", "INSERT INTO t VALUES (1, 1), ('x', 2.5), (NULL, 3)")
    read = opened(path)
    assert read.rows.to_pydict() == {"a": ["1", "x", None], "b": [1.0, 2.5, 3.0]}
    assert read.notes == ("column 'a' holds numbers (row 1: 1) and text (row 2: x): all of it is read as text",)


def test_bytes_are_named(database):
    with pytest.raises(DataError, match=r"column 'picture' holds bytes \(row 2\)"):
        opened(database("CREATE TABLE t (picture)", "INSERT INTO t VALUES (NULL), (x'00ff')"))


def test_what_is_no_finished_database(database, tmp_path):
    path = database(ROWS, VALUES)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO rows (id) VALUES (3)")
        connection.commit()
        with pytest.raises(DataError, match=r"-wal still.*wal_checkpoint"):
            opened(path)
    with pytest.raises(DataError, match="the database has no table"):
        opened(database("PRAGMA user_version = 1", name="none.sqlite"))
    cut = tmp_path / "cut.sqlite3"
    cut.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"cut\.sqlite3: cut off: 5000 bytes of 8192"):
        opened(cut)
    (tmp_path / "no.db").write_bytes(b"\1\0" * 500)
    with pytest.raises(DataError, match=r"no\.db: not a readable SQLite database \(file is not a database\)"):
        opened(tmp_path / "no.db")


def test_names_that_are_not_utf_8(database):
    path = database("CREATE TABLE rows (word)", "INSERT INTO rows VALUES ('x')")
    path.write_bytes(path.read_bytes().replace(b"rows", b"row\xff"))
    with pytest.raises(DataError, match="not a readable SQLite database"):
        opened(path)
