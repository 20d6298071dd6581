"""The page of `foldwise runs` in headless Chromium, in both languages (make test-browser)."""

import pytest

from tests.browser import IN_BROWSER
from tests.search.run_cases import FOCAL, begun_run, finished_run
from trainer.search.run_folder import read_runs
from trainer.search.run_list import listed
from trainer.search.run_page import runs_page

pytestmark = IN_BROWSER
A4_ACROSS = 1032  # without its margins, in CSS pixels
BOX = "document.querySelector({!r}).getBoundingClientRect()"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for number in range(40):
        finished_run(folder / f"run-{number:02d}-{'of-a-long-name-' * 3}", 0.5 + number / 100, seed=number % 3, **FOCAL)
    begun_run(folder / "waits", seed=1)
    file = folder.parent / "runs.html"
    file.write_text(runs_page(listed(read_runs(folder)), "runs"), encoding="utf-8")
    return f"file://{file}"


@pytest.mark.parametrize("width", [360, 1200], ids=["narrow", "wide"])
@pytest.mark.parametrize(("language", "state"), [("en-US", "finished"), ("zh-CN", "完成")])
def test_headings_and_names_stay_in_sight(page, address, width, language, state):
    page.look(width=width, height=600, dark=width == 360)
    page.open(address, language)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.text("tbody tr:first-child td:nth-child(2)") == state  # beside the name, not beyond all settings
    page.run("document.querySelector('.wide').scrollTo(9999, 9999)")
    head, table = (page.run(f"{BOX.format(one)}.top") for one in ("th:nth-child(3)", ".wide"))
    assert head == pytest.approx(table, abs=2)
    names, edge = (page.run(f"{BOX.format(one)}.left") for one in ("tbody tr:last-child td", ".wide"))
    assert names == pytest.approx(edge, abs=2)
    assert page.run(f"{BOX.format('tbody tr:last-child td')}.width") <= width / 2


def test_it_sorts_filters_and_changes_its_language(page, address):
    page.look()
    page.open(address)
    assert page.text("tbody td:nth-child(3)") == "accuracy ↑"
    page.run("document.getElementById('language').click()")
    assert page.text("tbody td:nth-child(3)") == "准确率 ↑"
    page.run("document.querySelector('th:nth-child(4) button').click()")
    page.run("document.querySelector('th:nth-child(4) button').click()")
    assert page.text("tbody td:nth-child(4)") == "0.8900"
    page.type("#filter", "等待")
    assert page.text("#counted") == "共 41 个运行，显示 1 个"


def test_no_column_is_lost_in_print(page, address):
    page.look(width=A4_ACROSS)
    page.open(address)
    page.call("Emulation.setEmulatedMedia", media="print")
    right = page.run(
        "Math.max(...[...document.querySelectorAll('th, td')].map(one => one.getBoundingClientRect().right))"
    )
    page.call("Emulation.setEmulatedMedia", media="")
    assert right <= A4_ACROSS + 1
