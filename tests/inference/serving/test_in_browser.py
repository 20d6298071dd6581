"""The page in headless Chromium: typed, chosen, filled in; what is seen is what was predicted (make test-browser)."""

import json

import pytest

from tests.browser import IN_BROWSER
from tests.inference.run_cases import image_options, regression_options, table_options, text_options, trained_in
from tests.inference.serving.serving_cases import opened, serving

pytestmark = IN_BROWSER
WIDTHS = {"narrow": 360, "wide": 1200}
ENTER, TAB, CTRL = ("Enter", 13), ("Tab", 9), 2


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """``served(options)``: a client of a server of such a run."""
    made, open_ones = {}, []

    def client(options):
        if options not in made:
            folder = tmp_path_factory.mktemp("run")
            running = serving(opened(trained_in(folder, *options(folder), "cv.parallel=1")))
            open_ones.append(running)
            made[options] = running.__enter__(), folder
        return made[options]

    yield client
    for running in open_ones:
        running.__exit__(None, None, None)


def said_of(client, **request):
    [answer] = client.post("/predict?folds=true", **request).json()["predictions"]
    return answer


def require_shown(page, answer):
    assert page.text(".said") == answer["prediction"]
    names = page.run("[...document.querySelectorAll('.bars .name')].map(one => one.textContent)")
    shares = page.run("[...document.querySelectorAll('.bars .number')].map(one => one.textContent)")
    expected = sorted(answer["probabilities"].items(), key=lambda one: -one[1])
    assert [name for name, _ in expected] == names
    assert [f"{share:.3f}" for _, share in expected] == shares
    dots = page.run(
        "[...document.querySelector('.track').querySelectorAll('.dot')].map(one => parseFloat(one.style.left))"
    )
    assert dots == pytest.approx([100 * said[names[0]] for said in answer["folds"].values()], abs=1e-3)
    rows = page.run("[...document.querySelectorAll('tbody tr')].map(row => row.cells[0].textContent)")
    assert rows == list(answer["folds"])


def test_a_text_is_typed_and_sent_by_keyboard(page, served):
    client, _ = served(text_options)
    page.open(str(client.base_url))
    page.type("textarea", "a <b>good</b> film")
    page.press(*ENTER, modifiers=CTRL)
    page.until("document.querySelector('.said')")
    require_shown(page, said_of(client, json={"text": "a <b>good</b> film"}))
    page.press(*TAB)
    assert page.run("document.activeElement.id") == "predict"


def test_a_form_is_filled_in_and_what_is_wrong_is_told(page, served):
    client, _ = served(table_options)
    page.open(str(client.base_url))
    page.type("[data-column=size]", "1.25")
    page.type("[data-column=share]", "40%")
    page.run("document.querySelector('[data-column=colour]').value = 'green'")
    page.run("document.getElementById('predict').click()")
    page.until("document.querySelector('.said')")
    require_shown(page, said_of(client, json={"size": "1.25", "share": "40%", "colour": "green"}))
    page.type("[data-column=size]", "<i>many</i>")
    before = len(page.complaints)
    page.run("document.getElementById('predict').click()")
    page.until("document.querySelector('[role=alert]')")
    assert "column 'size' row 1 '1.25<i>many</i>' is not as the run's numbers" in page.text("[role=alert]")
    assert page.run("document.querySelectorAll('#result i').length") == 0
    assert all("422" in complaint for complaint in page.complaints[before:])  # the browser's own line about the status
    del page.complaints[before:]
    page.run("document.querySelector('[type=reset]').click()")
    assert page.text("#result") == ""


def test_an_image_is_chosen_and_shown(page, served):
    client, folder = served(image_options)
    file = next((folder / "pictures").rglob("*.png"))
    page.open(str(client.base_url))
    page.choose("#file", file)
    page.until("document.getElementById('preview').naturalWidth === 8")
    page.run("document.getElementById('form').requestSubmit()")
    page.until("document.querySelector('.said')")
    require_shown(page, said_of(client, files={"file": file.read_bytes()}))


def test_an_image_is_dropped(page, served):
    client, folder = served(image_options)
    file = next((folder / "pictures").rglob("*.png"))
    page.open(str(client.base_url))
    content = json.dumps(list(file.read_bytes()))
    page.run(f"""(() => {{
        const given = new DataTransfer();
        given.items.add(new File([new Uint8Array({content})], "x.png", {{type: "image/png"}}));
        document.getElementById("drop").dispatchEvent(new DragEvent("drop", {{dataTransfer: given, cancelable: true}}));
    }})()""")
    page.until("document.querySelector('.said')")
    require_shown(page, said_of(client, files={"file": file.read_bytes()}))


def test_a_number_is_shown_with_a_dot_for_each_fold(page, served):
    client, _ = served(regression_options)
    page.open(str(client.base_url), "zh-CN")
    page.type("[data-column=size]", "1")
    page.run("document.getElementById('predict').click()")
    page.until("document.querySelector('.said')")
    answer = said_of(client, json={"size": "1", "share": None, "colour": None})
    assert float(page.text(".said")) == pytest.approx(answer["prediction"], rel=1e-5)
    assert page.run("document.querySelectorAll('.dot').length") == 2
    assert page.run("document.documentElement.lang") == "zh-CN"
    assert "每一折" in page.text("#result")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_and_can_be_read(page, served, width, dark):
    client, _ = served(table_options)
    page.look(width=width, dark=dark)
    page.open(str(client.base_url))
    page.run("document.getElementById('predict').click()")
    page.until("document.querySelector('.said')")
    assert page.run("document.documentElement.scrollWidth") <= width
    for selector in (".said", ".aside", ".legend", "label", "header p", "button[type=submit]"):
        assert contrast(page, selector) >= 4.5, selector  # WCAG 2.2 AA


def contrast(page, selector):
    """The ratio of the luminances of a text and of what is behind it, as WCAG defines it."""
    colours = page.run(f"""(() => {{
        let one = document.querySelector({json.dumps(selector)});
        const ink = getComputedStyle(one).color;
        while (getComputedStyle(one).backgroundColor === "rgba(0, 0, 0, 0)") one = one.parentElement;
        return [ink, getComputedStyle(one).backgroundColor].map(text => text.match(/[0-9.]+/g).slice(0, 3).map(Number));
    }})()""")
    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
