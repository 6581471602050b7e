"""Property: the page of a run of scenarios is well-formed, asks for nothing outside of itself, and can be read in light
and dark, on a phone and on a wide screen, in print and without seeing colours as most people do."""
import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy
import pytest
from browser import BROWSER, Browser
from conftest import ROOT

BUILD = Path(os.environ.get("CAIRN_BUILD", ROOT / "build/release"))
PAGES = ["sample", "long", "hostile", "tiny", "empty"]
SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = [320, 390, 800, 1280, 2200]

# Texts of a chart that leave its view box or lie on each other.
CHART_FAULTS = """[...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
  const view = svg.viewBox.baseVal, boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBBox()]);
  const out = boxes.filter(([, b]) => b.x < -1 || b.y < -2 || b.x + b.width > view.width + 1 || b.y + b.height > view.height + 2);
  const on = (a, b) => a.x + a.width > b.x + 0.5 && b.x + b.width > a.x + 0.5 && a.y + a.height > b.y + 3 && b.y + b.height > a.y + 3;
  const pairs = boxes.flatMap(([n, a], i) => boxes.slice(i + 1).filter(([, b]) => on(a, b)).map(([m]) => n + ' on ' + m));
  return [...out.map(([n]) => n + ' outside'), ...pairs];
})"""
# Elements that reach over the page's edge, except inside of what scrolls by itself.
WIDE_ELEMENTS = """[...document.body.querySelectorAll('*')].filter(e => !e.closest('table') && !e.closest('svg') &&
  e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.tagName + '.' + e.className)"""
# The least contrast of texts with what lies behind them.
CONTRASTS = """(() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                       return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                        if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  const of = (e, colour) => ratio(light(rgb(colour).slice(0, 3)), light(behind(e)));
  const own = e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim());
  const texts = [...document.body.querySelectorAll('*')].filter(e => own(e) && !e.closest('title,desc'));
  return {text: Math.min(...texts.map(e => of(e, e.namespaceURI.includes('svg') ? getComputedStyle(e).fill : getComputedStyle(e).color))),
          line: Math.min(99, ...[...document.querySelectorAll('.line')].map(e => of(e, getComputedStyle(e).stroke))),
          paper: light(behind(document.body))};
})()"""


@pytest.fixture(scope="module")
def pages():
    tests = BUILD / "bin/bench_test"
    if not tests.exists():
        pytest.skip("bench_test is not built")
    done = subprocess.run([tests, "--gtest_filter=ScenarioHtml.WritesThePagesForTheBrowser"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return {name: BUILD / f"report_pages/{name}.html" for name in PAGES}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if BROWSER is None:
        pytest.skip("no Chromium is installed: tools/setup check")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_well_formed_and_its_parts_have_names(pages, name):
    root = ET.fromstring(pages[name].read_text().replace("<!DOCTYPE html>\n", "", 1))
    charts = [svg for svg in root.iter(SVG + "svg") if svg.get("role") == "img"]
    assert len(charts) == 4
    identifiers = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))
    for chart in charts:
        ET.fromstring(ET.tostring(chart))
        assert all(identifier in identifiers for identifier in chart.get("aria-labelledby").split())
        assert chart.find(SVG + "title").text and chart.find(SVG + "desc").text
    for table in root.iter("table"):
        assert table.find("caption/div/strong").text
        width = sum(int(cell.get("colspan", 1)) for cell in table.findall("thead/tr")[-1])
        for row in table.findall("tbody/tr"):
            assert sum(int(cell.get("colspan", 1)) for cell in row) in (width, 1 + (width - 1) * (len(row) > 1)), ET.tostring(row)
    assert not re.search(r"\b(nan|inf|NaN|Infinity|undefined|null)\b", "".join(root.find("body").itertext()))


@pytest.mark.parametrize("name", PAGES)
def test_the_page_fits_every_width_in_light_and_dark(pages, browser, name):
    shots = {}
    for width in WIDTHS:
        for dark in (False, True) if width in (390, 1280) else (False,):
            browser.open(pages[name], width, dark=dark)
            assert browser.value_of("document.documentElement.scrollWidth") <= width
            assert browser.value_of(WIDE_ELEMENTS) == [], width
            assert browser.value_of(CHART_FAULTS) == [], width
            assert browser.logged == []
            assert browser.requested == [pages[name].resolve().as_uri()]
            contrast = browser.value_of(CONTRASTS)
            assert contrast["text"] >= 4.5 and contrast["line"] >= 3, contrast
            assert (contrast["paper"] < 0.05) if dark else (contrast["paper"] > 0.85)
            if width in (390, 1280):  # the widths that are looked at by night too
                shots[width, dark] = browser.screenshot()
    browser.value_of("document.body.replaceChildren()")
    blank = browser.screenshot()
    assert all(len(shot) > 5 * len(blank) for shot in shots.values())
    assert len({bytes(shot) for shot in shots.values()}) == len(shots)


def test_it_prints(pages, browser):
    browser.open(pages["sample"], 1280, dark=True)
    browser.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert browser.value_of(CONTRASTS)["paper"] > 0.95  # night's colours cost ink
    assert browser.printed().startswith(b"%PDF")


# Linear RGB as seen without the long, the middle or the short cones (Machado, Oliveira, Fernandes 2009, severity 1).
SEEN = {
    "as most": numpy.eye(3),
    "protanopia": numpy.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": numpy.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": numpy.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


def lab(colour, seen):
    value = numpy.array([int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = numpy.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = numpy.clip(SEEN[seen] @ linear, 0, 1)
    xyz = numpy.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    xyz = xyz / numpy.array([0.9505, 1, 1.089])
    f = numpy.where(xyz > 0.008856, numpy.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return numpy.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("seen", SEEN)
def test_colours_that_stand_side_by_side_can_be_told_apart(pages, seen):
    """Four scenarios and four sources; lines have markers and dashes besides."""
    text = pages["sample"].read_text()
    for theme in re.findall(r":root\{(.*?)\}", text, re.S):
        colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", theme))
        for group, least in [(["s0", "s1", "s2", "s3"], 15), (["p0", "p1", "p2", "p7"], 18)]:
            for i, one in enumerate(group):
                for other in group[:i]:
                    distance = numpy.linalg.norm(lab(colours[one], seen) - lab(colours[other], seen))
                    assert distance >= least, (seen, one, other, distance)
