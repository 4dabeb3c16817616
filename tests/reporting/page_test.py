"""The page of a report, as HTML and as Markdown."""

from html.parser import HTMLParser

import pytest

from dbal_tf.reporting.page import Page, Table, to_html, to_markdown

SVG = '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg id="figure"><path d="M0 0"/></svg>\n'
PAGE = Page(
    "Ours & theirs",
    ["3 of 4 runs are finished.", "Missing: bald/1."],
    ["Errors < 5 %."],
    [
        Table(
            "Errors",
            ["technique", "error"],
            [["a|b", "1.5 (1 to 2)"], ["<i>", "-"]],
            ["A note."],
        )
    ],
)


class _Seen(HTMLParser):
    """Collects what a browser would show and load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.loaded = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "path"):
            self.open.append(tag)
        self.loaded += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        if tag != "path":
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.texts.append((self.open[-1], data.strip().replace("\xa0", " ")))


def test_the_html_shows_everything_and_loads_nothing():
    seen = _Seen(to_html(PAGE, SVG))
    assert seen.open == []
    assert seen.loaded == []
    assert seen.texts == [
        *(("title", "Ours & theirs"), ("h1", "Ours & theirs")),
        *(("p", "3 of 4 runs are finished."), ("p", "Missing: bald/1.")),
        *(("p", "Errors < 5 %."), ("h2", "Errors")),
        *(("th", "technique"), ("th", "error"), ("td", "a|b"), ("td", "1.5 (1 to 2)")),
        *(("td", "<i>"), ("td", "-"), ("p", "A note.")),
    ]


def test_the_figure_is_inside_without_its_prolog():
    text = to_html(PAGE, SVG)
    assert '<figure>\n<svg id="figure">' in text
    assert "<?xml" not in text
    assert text.count("<!DOCTYPE") == 1


def test_a_cell_breaks_before_its_brackets_only():
    assert "<td>1.5 (1&nbsp;to&nbsp;2)</td>" in to_html(PAGE, SVG)


def test_the_markdown():
    assert to_markdown(PAGE, "figure1.svg").splitlines() == [
        "# Ours & theirs",
        "",
        "3 of 4 runs are finished.",
        "",
        "Missing: bald/1.",
        "",
        "![Ours & theirs](figure1.svg)",
        "",
        "Errors &lt; 5 %.",
        "",
        "## Errors",
        "",
        "| technique | error |",
        "| --- | ---: |",
        "| a\\|b | 1.5 (1 to 2) |",
        "| &lt;i> | - |",
        "",
        "A note.",
    ]


def test_a_figure_that_is_no_svg_is_refused():
    with pytest.raises(ValueError, match="substring not found"):
        to_html(PAGE, "a picture")


def test_a_page_without_a_figure():
    assert "<figure>" not in to_html(PAGE)
    assert "![" not in to_markdown(PAGE)
    assert _Seen(to_html(PAGE)).texts == _Seen(to_html(PAGE, SVG)).texts
