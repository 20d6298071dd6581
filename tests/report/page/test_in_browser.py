"""report.html in headless Chromium: charts, threshold, tables, print, both languages (make test-browser)."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.browser import IN_BROWSER
from tests.fake_results import make_result
from trainer.report.markdown import write_report
from trainer.report.page.run_facts import PageFacts, RowContent
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

pytestmark = IN_BROWSER
AXE = os.environ.get("FOLDWISE_AXE")  # axe.min.js of the npm package axe-core: npm pack axe-core
PRINTED_WIDTH = 703  # A4 without its margins, in CSS pixels
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "End": 35, "Home": 36, "Tab": 9, "Enter": 13}
TASKS = (BINARY, MULTICLASS, MULTILABEL)


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """``reports(task, language)``: address of such a report."""
    made = {}

    def address(task, language="en"):
        if (task, language) not in made:
            folder = tmp_path_factory.mktemp("report")
            write_report(folder, *result_of(task), {"command": "python train.py " + "x" * 200}, page=facts(language))
            made[task, language] = f"file://{folder}/report.html"
        return made[task, language]

    return address


def result_of(task):
    if task == REGRESSION:
        result, oof, folds = make_result()
        value = np.linspace(-1, 1, 90)
        return replace(result, task=task, classes=()), replace(oof, target=value, proba=value[:, None] ** 3), folds
    names = ("no", "<b>yes</b>") if task == BINARY else ("一", "<img src=x onerror=alert(1)>", "c")
    return make_result(task, names, repeats=2, monitored=True)


def facts(language):
    picture = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"
    return PageFacts("a1", language, rows=lambda ids: [RowContent(f"<i>{one}</i> text", picture) for one in ids])


def opened(page, address, *, width=1200, dark=False):
    page.look(width=width, dark=dark)
    page.open(address)
    page.until("document.documentElement.dataset.ready === 'charts'")


def figures(page):
    return {name: page.text(f"#figure-{name}") for name in ("sensitivity", "specificity", "precision", "f1")}


@pytest.mark.parametrize("task", [*TASKS, REGRESSION], ids=str)
def test_every_chart_is_drawn(page, reports, task):
    opened(page, reports(task))
    drawn = page.run("[...document.querySelectorAll('.chart')].map(one => one.querySelectorAll('.trace').length)")
    assert len(drawn) == 5 if task != REGRESSION else 4
    assert all(drawn)
    assert page.run("document.querySelectorAll('section b, .legend b, #worst i, .legend img').length") == 0


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_the_slider_moves_the_counts_by_keyboard(page, reports, task):
    opened(page, reports(task))
    page.run("document.getElementById('slider').focus()")
    first = int(page.run("document.getElementById('class')?.value ?? 0"))
    result, oof, _ = result_of(task)
    name = page.run(f"JSON.parse(document.getElementById('data').textContent).curves.classes[{first}].name")
    column = result.classes.index(name)
    truth = oof.target[:, column] if task == MULTILABEL else oof.target == column
    for keys in (["ArrowRight"] * 3, ["End"], ["Home"], []):
        for key in keys:
            page.press(key, KEYS[key])
        at = float(page.run("document.getElementById('typed').value"))
        taken = oof.proba[:, column].astype(np.float64) > at
        counts = [int(page.text(f"#{one}").replace(",", "")) for one in ("tp", "fn", "fp", "tn")]
        hits, false = int((taken & (truth == 1)).sum()), int((taken & (truth == 0)).sum())
        assert counts == [hits, int(truth.sum()) - hits, false, int((truth == 0).sum()) - false]
        assert figures(page)["sensitivity"] == f"{hits / truth.sum():.4f}"
        dot = page.run("document.getElementById('roc').data.find(one => one.mode === 'markers').y[0]")
        assert dot == pytest.approx(hits / truth.sum())
    page.run("document.getElementById('reset').click()")
    assert page.run("document.getElementById('typed').value") == "0.5"


def test_every_control_is_reached_by_tab(page, reports):
    opened(page, reports(MULTICLASS))
    page.run("document.activeElement.blur()")
    seen = []
    for _ in range(120):
        page.press("Tab", KEYS["Tab"])
        seen.append(page.run("document.activeElement.id || document.activeElement.tagName"))
    assert {"class", "slider", "typed", "reset", "filter", "only-wrong", "BUTTON", "SUMMARY"} <= set(seen)
    assert seen[0] == "A"  # skip to the results


def test_tables_are_sorted_and_filtered(page, reports):
    opened(page, reports(MULTICLASS))
    shown = "[...document.querySelectorAll('#worst-rows tbody tr:not([hidden])')]"
    losses = f"{shown}.map(row => +row.cells[6].textContent)"
    page.run("document.querySelector('#worst-rows th:nth-child(7) button').focus()")
    page.press("Enter", KEYS["Enter"])
    assert page.run(losses) == sorted(page.run(losses), reverse=True)
    page.press("Enter", KEYS["Enter"])
    assert page.run(losses) == sorted(page.run(losses))
    assert page.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "ascending"
    page.type("#filter", "row1")
    assert 0 < len(page.run(losses)) < 90
    page.run("document.getElementById('only-wrong').click()")
    assert page.run(
        "[...document.querySelectorAll('#worst-rows tbody tr:not([hidden])')].every(row => 'wrong' in row.dataset)"
    )
    assert page.text("#count").startswith(str(len(page.run(losses))))


@pytest.mark.parametrize("width", [360, 1200], ids=["narrow", "wide"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_fits_whatever_the_window(page, reports, width, dark, language):
    opened(page, reports(MULTICLASS, language), width=width, dark=dark)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run(
        "[...document.querySelectorAll('.chart svg')].every(one => one.getBoundingClientRect().right <= innerWidth)"
    )


@pytest.mark.parametrize("task", [*TASKS, REGRESSION], ids=str)
def test_no_column_is_lost_in_print(page, reports, task):
    opened(page, reports(task), width=PRINTED_WIDTH)
    page.call("Emulation.setEmulatedMedia", media="print")
    beyond = page.run(f"""[...document.querySelectorAll("th, td, pre")].filter((one) => {{
        const box = one.getBoundingClientRect();
        return box.width && (box.right > {PRINTED_WIDTH} || one.scrollWidth > one.clientWidth + 1);
    }}).map((one) => one.textContent)""")
    page.call("Emulation.setEmulatedMedia", media="")
    assert beyond == []
    assert len(page.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]) > 20_000


@pytest.mark.parametrize("task", [BINARY, REGRESSION], ids=str)
def test_charts_fit_their_places_in_print(page, reports, task):
    opened(page, reports(task), width=1400)
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.look(width=PRINTED_WIDTH)
    page.call("Emulation.setEmulatedMedia", media="print")
    beyond = page.run("""[...document.querySelectorAll(".chart")].filter((one) => {
        const box = one.getBoundingClientRect();
        return [...one.querySelectorAll("svg.main-svg")].some((drawn) => {
            const inside = drawn.getBoundingClientRect();
            return inside.right > box.right + 8 || inside.bottom > box.bottom + 1;
        });
    }).map((one) => one.id)""")
    page.call("Emulation.setEmulatedMedia", media="")
    page.run("dispatchEvent(new Event('afterprint'))")
    assert beyond == []


def test_the_page_of_a_comparison_draws_its_runs(page, tmp_path):
    drawn = comparison(tmp_path)
    opened(page, f"file://{drawn}")
    names = "document.getElementById('roc').data.map(one => one.name)"
    assert page.run(names)[1:] == ["weak", "strong"]
    assert page.run("[...document.querySelectorAll('.chart')].every(one => one.querySelector('.trace'))")
    if AXE is not None:
        require_no_serious(page)


def comparison(folder):
    from tests.inference.test_compare import run
    from trainer.inference.compare import compare
    from trainer.inference.compare_html import whole_page

    runs = [run(folder / "weak"), run(folder / "strong", strength=4.0, seed=2)]
    (folder / "c.html").write_text(whole_page(compare(runs)), encoding="utf-8")
    return folder / "c.html"


@pytest.mark.skipif(AXE is None, reason="FOLDWISE_AXE names axe.min.js of the npm package axe-core (npm pack axe-core)")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("task", [BINARY, MULTICLASS, REGRESSION], ids=str)
def test_axe_finds_nothing_serious(page, reports, task, dark):
    opened(page, reports(task), dark=dark)
    require_no_serious(page)


def require_no_serious(page):
    page.run(Path(AXE).read_text())
    found = page.run("axe.run().then(found => found.violations.map(one => [one.impact, one.id, one.nodes[0].html]))")
    assert [one for one in found if one[0] in ("serious", "critical")] == [], json.dumps(found, indent=1)
