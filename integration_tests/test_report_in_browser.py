"""The report as a browser shows it, from a file: complete, readable, and without a word of complaint on the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driver.checklist import CHECKLIST
from driver.report.html import render_html
from support.browser import CHROMEDRIVER, CHROMIUM, Browser
from support.sample_result import failed_result, passed_tests, result_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="needs chromium and chromedriver"),
]

LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
VISIBLE = """
return [...document.querySelectorAll('li[id^=line-]')].map(item => {
    const mark = item.querySelector('.mark').getBoundingClientRect();
    const text = item.querySelector('.line').getBoundingClientRect();
    return [item.id, item.querySelector('.line').innerText, mark.width > 20 && text.width > 100 && text.height > 15,
        text.right <= innerWidth && mark.left >= 0];
});
"""
# Numbers of failing rows that stand on more than one line.
BROKEN = """
return [...document.querySelectorAll('.rows .nowrap')].filter(number => number.checkVisibility()
    && number.getClientRects().length > 1).map(number => number.innerText);
"""
# Every text against the first background behind it that is not transparent, by the formula of WCAG 2.
CONTRAST = """
const luminance = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(value => {
        value /= 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
    for (let at = element; at; at = at.parentElement) {
        const color = getComputedStyle(at).backgroundColor;
        if (!/, 0\\)$/.test(color)) return color;
    }
    return 'rgb(255, 255, 255)';
};
const poor = [];
for (const element of document.body.querySelectorAll('*')) {
    const text = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join('');
    if (!text || !element.checkVisibility()) continue;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
}
return poor;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(params=["passed", "failed"])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    result = failed_result() if request.param == "failed" else result_of(passed_tests())
    file = tmp_path / "report of a run.html"
    file.write_text(render_html(result), encoding="utf-8")
    return file


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_page_is_complete_and_readable(browser: Browser, page: Path, width: int, scheme: str) -> None:
    browser.look_like(width, scheme)
    browser.open(page)
    lines = {name: (text, visible, inside) for name, text, visible, inside in browser.run(VISIBLE)}
    assert list(lines) == [f"line-{line.key}" for line in CHECKLIST]
    for name, (text, visible, inside) in lines.items():
        assert text.strip(), name
        assert visible, name
        assert inside, name
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run(BROKEN) == []
    assert browser.run(CONTRAST) == []
    assert browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)") == []
    assert browser.console() == []


def test_light_and_dark_are_two_looks(browser: Browser, page: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        browser.look_like(1280, scheme)
        browser.open(page)
        grounds.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


def test_failing_rows_are_open_and_a_keyboard_opens_the_others(browser: Browser, page: Path) -> None:
    browser.look_like(1280, "light")
    browser.open(page)
    closed = browser.run("return [...document.querySelectorAll('li.failed > details')].filter(d => !d.open).length")
    assert closed == 0
    focusable = "const s = document.querySelector('summary'); s.focus(); return document.activeElement === s"
    assert browser.run(focusable)
