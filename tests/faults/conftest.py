"""A workshop for runs that are killed: an empty directory and a fork server."""

import pytest

from tests.faults import harness


@pytest.fixture(scope="session")
def _fork_server(pytestconfig):
    with harness.fork_server(figures=pytestconfig.option.markexpr == "battery") as server:
        yield server


@pytest.fixture(scope="session")
def _without_figures(request, pytestconfig):
    """The fork server of the ordinary tests; in the battery, whose own renders figures, another one."""
    if pytestconfig.option.markexpr != "battery":
        yield request.getfixturevalue("_fork_server")
        return
    with harness.fork_server(figures=False) as server:
        yield server


@pytest.fixture(scope="module")
def shop_without_figures(_without_figures, tmp_path_factory):
    return harness.Workshop(tmp_path_factory.mktemp("shop"), _without_figures)


@pytest.fixture(scope="module")
def shop(_fork_server, tmp_path_factory):
    directory = tmp_path_factory.mktemp("shop")
    harness.write_texts(directory / "texts.csv")
    return harness.Workshop(directory, _fork_server)
