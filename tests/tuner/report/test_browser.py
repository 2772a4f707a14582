"""The page in a real browser: every figure is drawn, nothing is wider than a phone."""

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from models.config_file import to_mapping
from models.training.showcase import DecodedRow, LatentPlane, Showcase
from tuner.record.confirmations import Confirmation, Confirmed, Difference, write_confirmations
from tuner.record.paths import RunPaths
from tuner.report.material import read_material
from tuner.report.report import write_report
from tuner.report.showing import Shown

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SCREENSHOTS = os.environ.get("REPORT_SCREENSHOTS")
"""Where pictures of the page go; none are taken without it."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt install chromium, or name one "
                       "in CHROMIUM"),
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        with suppress(Exception):
            browser.close()


@pytest.fixture(scope="module")
def whole(run_of_64, tmp_path_factory):
    """Return the report of a run in which every section has something to show."""
    folder = tmp_path_factory.mktemp("whole") / "pdes"
    paths = RunPaths(shutil.copytree(run_of_64.folder, folder))
    best = read_material(paths).best
    values = {"11": 0.95, "12": 0.94, "13": 0.96}
    baseline = Confirmed(name="pde_reference", values={k: v - 0.1 for k, v in values.items()},
                         failures={})  # fmt: skip
    winner = Confirmed(
        number=best.row.number, name=f"trial {best.row.number}", values=values, failures={},
        leaderboard=best.value, wins=True,
        difference=Difference(mean=0.1, low=0.08, high=0.12, level=0.95),
    )  # fmt: skip
    write_confirmations(paths, [Confirmation(
        id="c1", metric="val/seq_acc", mode="max", seeds=(11, 12, 13), epochs=30, hours=0.1,
        gpu_hours=0.02, baseline=baseline, candidates=(winner,), ended=1.79e9,
    )])  # fmt: skip
    plane = LatentPlane(
        x=tuple(range(40)), y=tuple(i % 7 for i in range(40)), explained=(0.5, 0.2),
        labels=tuple(f"family {i % 16:02d} of equations" for i in range(40)), labelled_by="family",
    )  # fmt: skip
    long = "dtt(u) - 1.234 * dxx(u) + 0.123 * sin(u) " * 3
    row = DecodedRow(original=long, decoded=long, exact=True)
    program = "def program(v0: int) -> int:\n    return v0\n"
    shown = Showcase(what="rows", num_val=40, plane=plane, decoded=(
        row, DecodedRow(original=program, decoded=program, exact=True)))  # fmt: skip
    kept = Shown(number=best.row.number, trial=best.row.trial, epoch=best.epoch, showcase=shown)
    paths.showcase_file.write_text(json.dumps(to_mapping(kept)))
    return write_report(paths)[0]


class Opened:
    """A page in the browser, with all that it said and asked for."""

    def __init__(self, browser, file, size, scheme):
        width, height = SIZES[size]
        viewport = {"width": width, "height": height}
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(Path(file).as_uri())
        self.page.wait_for_selector("body[data-drawn=yes]", timeout=60_000)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def marks(self):
        """Return how many marks each figure has that can be seen."""
        return self.page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll("[data-figure]")].map(
                (place) => [place.dataset.figure, [...place.querySelectorAll(
                    ".role-mark path, .role-mark line, .role-mark text")].filter((each) => {
                        const box = each.getBBox();
                        return box.width + box.height > 0;
                    }).length]))"""
        )

    def too_wide(self):
        """Return what reaches beyond the window without being scrolled in a place of its own."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll("body *")].filter((each) =>
                each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
                && !each.closest(".scroll, pre, svg, details:not([open])")
            ).map((each) => `${each.tagName}.${each.className}`)"""
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_figure_is_drawn_and_fits(browser, whole, size, scheme):
    with Opened(browser, whole, size, scheme) as opened:
        assert opened.said == []
        assert opened.asked == [Path(whole).as_uri()]
        marks = opened.marks()
        assert len(marks) >= 20
        assert all(marks.values()), marks
        assert opened.too_wide() == []
        width = SIZES[size][0]
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        if SCREENSHOTS:
            file = Path(SCREENSHOTS) / f"{size}-{scheme}.png"
            opened.page.screenshot(path=file, full_page=True)


def test_text_and_axes_have_the_colours_of_the_scheme(browser, whole):
    colour = """() => {
        const text = document.querySelector("[data-figure=curves] .role-axis-label text");
        return [getComputedStyle(document.body).backgroundColor, getComputedStyle(text).fill];
    }"""
    found = {}
    for scheme in ("light", "dark"):
        with Opened(browser, whole, "desktop", scheme) as opened:
            found[scheme] = [
                sum(int(part) for part in value.strip("rgb()").split(",")[:3])
                for value in opened.page.evaluate(colour)
            ]
    (light_back, light_text), (dark_back, dark_text) = found["light"], found["dark"]
    assert light_back > 700
    assert light_text < 320
    assert dark_back < 120
    assert dark_text > 450


def test_words_and_tables_stand_without_scripts(browser, whole):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(Path(whole).as_uri())
    assert page.locator("noscript").inner_text().startswith("The figures need JavaScript")
    assert page.locator("section").count() == 14
    assert page.locator("#leaderboard table tbody tr").count() == 64
    context.close()


def test_what_stands_in_a_run_does_not_run(browser, hand_made):
    evil = "<img src=x onerror=\"document.title='broken into'\"><script>document.title='x'</script>"
    run = hand_made()
    run.environment(command=["tuner", evil])
    for number in range(12):
        run.trial([number / 12], params={"lr": 0.5})
    run.trial([], state="failed", cause="error", message=evil)
    with Opened(browser, write_report(run.paths)[0], "phone", "light") as opened:
        assert opened.page.title() == "first: report of a search"
        assert opened.said == []


def test_figures_without_data_are_seen_to_have_no_marks(browser, whole, tmp_path):
    head, data, rest = re.split(
        r'(?s)(?<=id="data">)(.*?)(?=</script>)', whole.read_text(), maxsplit=1
    )
    names = {n: {column: [] for column in columns} for n, columns in json.loads(data).items()}
    file = tmp_path / "empty.html"
    file.write_text(head + json.dumps(names) + rest)
    with Opened(browser, file, "desktop", "light") as opened:
        marks = opened.marks()
        assert len(marks) >= 20
        assert not any(marks.values()), marks


def test_a_figure_that_cannot_be_drawn_says_so(browser, whole, tmp_path):
    text = whole.read_text().replace('"mark":{"type":"circle"', '"mark":{"type":"nothing"', 1)
    file = tmp_path / "broken.html"
    file.write_text(text)
    with Opened(browser, file, "desktop", "light") as opened:
        assert any(line.startswith("error") for line in opened.said)
        assert opened.page.get_by_text("This figure could not be drawn").count() == 1
