"""The page of a leaderboard, in a real browser where there is one."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import shutil
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scored import small_plan, small_results

from nasbench_suite.leaderboards import write_leaderboard
from nasbench_suite.leaderboards.appearance import HUES, look
from nasbench_suite.leaderboards.checklist import checklist
from nasbench_suite.leaderboards.markdown import readme
from nasbench_suite.leaderboards.page import page
from nasbench_suite.scoring import Scoreboard, score
from nasbench_suite.search.strategies import FAMILIES

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    return score(small_plan(), small_results())


@pytest.fixture(scope="module")
def path(board: Scoreboard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("page")
    write_leaderboard(board, directory)
    return directory / "index.html"


def test_the_page_names_every_strategy_and_where_the_figures_come_from(path: Path, board: Scoreboard) -> None:
    text = path.read_text()
    assert len(text) < 2_000_000
    for label in board.entrants:
        assert f'id="s-{label}"' in text
    for fact in (
        board.boards[0].contest.provenance["table sha256"],
        board.entrants["random-search"].version,
        "not test accuracies",
        "Lindauer",
        "Reproduce",
    ):
        assert fact in text


def test_nothing_on_the_page_is_fetched(path: Path) -> None:
    text = path.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"""<(script|link|img|iframe)[^>]*(src|href)=(?!["']?data:)""", text)
    assert "@import" not in text and "url(" not in text


def test_what_strangers_write_is_shown_and_never_run(board: Scoreboard) -> None:
    evil = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
    entrants = {
        label: dataclasses.replace(entrant, summary=evil, tuning=evil, paper="javascript:alert(1)")
        for label, entrant in board.entrants.items()
    }
    text = page(dataclasses.replace(board, entrants=entrants))
    assert evil not in text and "<img src=x" not in text
    assert 'href="javascript:' not in text
    assert text.count("</script>") == 2


def test_the_data_of_the_chart_are_the_curves(path: Path, board: Scoreboard) -> None:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.S)
    assert found
    data = json.loads(found[1])
    held = board.boards[0]
    for row, standing in zip(data["charts"][0]["rows"], held.standings, strict=True):
        for key, values in zip(("y", "low", "high"), standing.regrets, strict=True):
            missing, *rest = row[key]
            unpacked = [math.nan] * missing + [1e-5 * value for value in accumulate(rest)]
            np.testing.assert_allclose(unpacked, values, atol=0.6e-5)
    assert data["charts"][-1]["kind"] == "rank"


def test_checklist_is_honest(board: Scoreboard) -> None:
    items = {item.item: item for item in checklist(board)}
    assert len(items) == 16
    assert items["comparison with random sampling and random search"].met
    assert not items["ablation studies"].met
    assert not items["code of the training pipeline of the final architectures"].met
    assert (
        items["confounding factors are controlled"].met
        and "no run trained anything" in items["confounding factors are controlled"].evidence
    )
    assert "72 of 72 runs kept to the budget" in items["same evaluation protocol for all"].evidence
    assert items["same evaluation protocol for all"].met
    results = small_results()
    for run in small_plan().runs["random-sampling", "nas-bench-201/cifar10"]:
        del results[run.id]
    for run in small_plan().runs["random-sampling", "nas-bench-201/cifar100"]:
        del results[run.id]
    (item,) = (i for i in checklist(score(small_plan(), results)) if "random sampling" in i.item)
    assert (item.answer, item.evidence) == ("no", "not ranked here: random-sampling")
    note = "Without random-sampling as a reference these figures say little"
    assert note in page(score(small_plan(), results)) and note in readme(score(small_plan(), results))
    assert "as a reference these figures" not in page(board) + readme(board)


def answers(board: Scoreboard) -> dict[str, str]:
    return {item.item: item.answer for item in checklist(board)}


def with_entrants(board: Scoreboard, **changes: Any) -> Scoreboard:
    entrants = {label: dataclasses.replace(entrant, **changes) for label, entrant in board.entrants.items()}
    return dataclasses.replace(board, entrants=entrants)


def with_contest(board: Scoreboard, **changes: Any) -> Scoreboard:
    boards = tuple(
        dataclasses.replace(held, contest=dataclasses.replace(held.contest, **changes)) for held in board.boards
    )
    return dataclasses.replace(board, boards=boards)


def test_every_answer_of_the_checklist_can_be_no(board: Scoreboard) -> None:
    """No yes is written into it: for each item there is a scoreboard of which it is not true."""
    nothing = score(small_plan(), {})
    curve = dataclasses.replace(board.boards[0].standings[0].curves[0], spent=41.0, charged=1.0)
    standing = dataclasses.replace(board.boards[0].standings[0], curves=(curve,) * 12)
    dear = dataclasses.replace(board, boards=(dataclasses.replace(board.boards[0], standings=(standing,)),))
    one = dataclasses.replace(board, comparison=dataclasses.replace(board.comparison, seeds=(0,)))
    counterexamples = [
        answers(held)
        for held in (
            board,
            nothing,
            dear,
            one,
            dataclasses.replace(nothing, entrants={}, boards=()),
            with_entrants(board, package="mine.py"),
            with_entrants(board, parameters={"size": 3}, tuning=""),
            with_contest(board, provenance={}),
        )
    ]
    yes = answers(with_entrants(with_contest(board, currency="measured"), tuning="on another table, 3 h"))
    for item, answer in counterexamples[0].items():
        assert "no" in {held[item] for held in counterexamples}, f"{item} is never answered no"
        assert answer == "yes" or yes[item] == "yes" or item == "ablation studies", item


def test_who_trains_by_itself_may_depend_on_the_machine(board: Scoreboard) -> None:
    held = board.boards[0]
    curves = tuple(dataclasses.replace(curve, charged=1.0) for curve in held.standings[0].curves)
    changed = dataclasses.replace(held.standings[0], curves=curves)
    boards = (dataclasses.replace(held, standings=(changed, *held.standings[1:])), *board.boards[1:])
    items = {item.item: item for item in checklist(dataclasses.replace(board, boards=boards))}
    found = items["confounding factors are controlled"]
    assert not found.met and changed.label in found.evidence and "processor" in found.evidence


def test_a_strategy_looks_the_same_whatever_else_is_there() -> None:
    assert set(HUES) == set(FAMILIES)
    assert look("regularized-evolution", "evolution") == look("regularized-evolution", "evolution")
    assert look("regularized-evolution", "evolution").light == "#0072b2"
    assert look("a", "no such family").light == look("a", "other").light


SCREENS = {
    "wide-light": (1280, False),
    "wide-dark": (1280, True),
    "phone-light": (390, False),
    "phone-dark": (390, True),
}


@pytest.fixture(scope="module", params=SCREENS.values(), ids=SCREENS)
def browser(request: pytest.FixtureRequest, path: Path) -> Iterator[Any]:
    """A headless Chromium that has opened the page."""
    if BROWSER is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium (pip install -e '.[test]')")
    from selenium.webdriver.chrome.service import Service

    width, dark = request.param
    options = selenium.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=Service(DRIVER))
    try:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        driver.get(path.as_uri())
        driver.test_width, driver.test_dark = width, dark
        yield driver
    finally:
        driver.quit()


def column(browser: Any, table: int, place: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('table[data-sortable]')[arguments[0]].tBodies[0].rows]"
        ".filter(row => !row.hidden).map(row => row.cells[arguments[1]].textContent.trim())"
    )
    found: list[str] = browser.execute_script(script, table, place)
    return found


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def test_page_fits_the_width_and_the_scheme(browser: Any) -> None:
    assert browser.execute_script("return document.documentElement.scrollWidth") <= browser.test_width
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(21, 24, 28)" if browser.test_dark else "rgb(255, 255, 255)")


def test_sorting_by_click_and_by_keyboard(browser: Any) -> None:
    heads = browser.find_elements("css selector", "#overall th button")
    ranks = column(browser, 0, 3)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", heads[3])
    browser.execute_script("arguments[0].click()", heads[3])
    assert column(browser, 0, 3) == sorted(ranks, key=float)
    heads[3].send_keys("\n")
    assert column(browser, 0, 3) == sorted(ranks, key=float, reverse=True)
    assert browser.execute_script("return arguments[0].parentNode.ariaSort", heads[3]) == "descending"
    heads[1].send_keys(" ")
    assert column(browser, 0, 1) == sorted(column(browser, 0, 1))


def test_filtering(browser: Any) -> None:
    box = find(browser, "#filter")
    box.clear()
    box.send_keys("evolution")
    assert column(browser, 0, 1) == ["regularized-evolution"]
    assert column(browser, 1, 1) == ["regularized-evolution†"]
    assert find(browser, "#matches").text == "1 of 3 strategies"
    box.send_keys(" nonsense")
    assert column(browser, 0, 1) == []
    box.clear()
    box.send_keys("x")
    box.send_keys("\b")
    assert len(column(browser, 0, 1)) == 3


def test_chart_tells_values_under_the_pointer_and_by_arrow_keys(browser: Any, board: Scoreboard) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.wait import WebDriverWait

    outputs = browser.find_elements("css selector", "#legend output")
    assert len(outputs) == 3
    final = board.boards[0]
    texts = dict(zip((s.label for s in final.standings), (o.text for o in outputs), strict=True))
    for standing in final.standings:
        regret = 100 * standing.regrets[0, -1]
        assert float(texts[standing.label].split()[0]) == pytest.approx(regret, rel=0.01)
    over = find(browser, "#chart .u-over")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", over)
    offsets = itertools.cycle((-40, -20, 0, 20))

    def told_under_the_pointer(_: object) -> bool:
        """Move again until the page has settled: what comes into view is laid out as it does."""
        ActionChains(browser).move_to_element_with_offset(over, next(offsets), 0).perform()
        return "(100 % of the budget)" not in find(browser, "#at").text

    WebDriverWait(browser, 20).until(told_under_the_pointer)
    before = find(browser, "#at").text
    find(browser, "#chart").send_keys("\ue012")  # arrow left
    assert find(browser, "#at").text != before
    browser.execute_script("document.getElementById('bands').click()")  # they tint the lines
    drawn = browser.execute_script(
        "const c = document.querySelector('#chart canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 120) seen.add([d[i], d[i+1], d[i+2]].join());"
        "return [...seen]"
    )
    browser.execute_script("document.getElementById('bands').click()")
    shown = look("regularized-evolution", "evolution")
    colour = shown.dark if browser.test_dark else shown.light
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    near = [d for d in drawn if all(abs(int(a) - b) <= 12 for a, b in zip(d.split(","), wanted, strict=True))]
    assert near, "the strategy's colour is not in the chart"


def test_chart_shows_what_is_chosen(browser: Any) -> None:
    def ticked() -> int:
        return len(browser.find_elements("css selector", "#legend input:checked"))

    for button, expected in (("none", 0), ("all", 3), ("none", 0), ("some", 3)):
        browser.execute_script("document.getElementById(arguments[0]).click()", button)
        assert ticked() == expected
    for choice in ("1", "2", "0"):
        script = "const s = document.getElementById('chart-of'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))"
        browser.execute_script(script, choice)
        assert len(browser.find_elements("css selector", "#legend li")) == 3
    for box in ("log-x", "bands", "log-x", "bands"):
        browser.execute_script("document.getElementById(arguments[0]).click()", box)


def test_everything_works_with_the_keyboard_alone(browser: Any) -> None:
    browser.execute_script("const b = document.querySelector('#overall thead button'); b.click(); b.focus()")
    active = browser.switch_to.active_element
    active.send_keys("\ue004")  # Tab to the next head: strategy
    focused = browser.switch_to.active_element
    assert focused.text.startswith("strategy")
    focused.send_keys("\ue007")  # Enter
    names = column(browser, 0, 1)
    assert names == sorted(names)
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    focusable = "a[href], button, input, select, summary, [tabindex='0']"
    hidden = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].filter(e => e.tabIndex < 0).length", focusable
    )
    assert hidden == 0
    browser.execute_script("document.querySelector('#overall thead button').click()")


def test_badges_and_intervals_are_on_every_row(browser: Any) -> None:
    assert column(browser, 0, 11) == ["self-reported"] * 3
    widths = browser.execute_script(
        "return [...document.querySelectorAll('#overall .range')].map(e => getComputedStyle(e, '::before').width)"
    )
    assert len(widths) == 3 and all(float(width.removesuffix("px")) >= 3 for width in widths)
    box = find(browser, "#filter")
    box.clear()
    box.send_keys("self-reported")
    assert len(column(browser, 0, 1)) == 3
    box.clear()
    box.send_keys("re-run")
    assert column(browser, 0, 1) == []
    box.clear()
    box.send_keys("x")
    box.send_keys("\b")


def test_text_can_be_read_on_its_ground(browser: Any) -> None:
    """WCAG's contrast of 4.5 for badges, links and soft text, light and dark."""
    pairs = browser.execute_script(
        "const ground = getComputedStyle(document.body).backgroundColor;"
        "return ['.badge', 'td', 'a[href]', '.facts', 'summary', 'thead button']"
        ".map(s => [s, getComputedStyle(document.querySelector(s)).color, ground])"
    )
    for name, ink, ground in pairs:
        light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ink, ground)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_link_opens_the_section_of_a_strategy(browser: Any) -> None:
    browser.execute_script("location.hash = '#s-random-search'")
    assert browser.execute_async_script(
        "setTimeout(() => arguments[0](document.getElementById('s-random-search').open), 100)"
    )


def test_no_errors_and_no_requests(browser: Any) -> None:
    assert browser.get_log("browser") == []
    requests = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in requests if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []
