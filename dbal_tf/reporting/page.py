"""A report as one HTML page, which needs no network, and as Markdown."""

import dataclasses
import html
from collections.abc import Sequence

# No external fonts or scripts: reports are archived, mailed and read offline.
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #333; max-width: 1150px;
  margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.15em; margin: 2em 0 .4em; }
.wide { overflow-x: auto; }
svg { width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .9em; font-variant-numeric: tabular-nums; }
th, td { padding: .25em .6em; border-bottom: 1px solid #e3e3e3; text-align: right; }
th, td { vertical-align: bottom; } th { max-width: 9em; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 2px solid #bbb; font-weight: 600; }
.note { color: #666; font-size: .85em; max-width: 60em; }
"""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        title: The heading above it.
        header: The columns' names.
        rows: Cells, as many in each row as there are columns.
        notes: Sentences below it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: Its name.
        status: Sentences on how complete it is.
        captions: Sentences below the figure, if there is one.
        tables: In order.
    """

    title: str
    status: Sequence[str]
    captions: Sequence[str]
    tables: Sequence[Table]


def to_html(page: Page, figure_svg: str = "") -> str:
    """Returns the page as self-contained HTML.

    Args:
        page: The report.
        figure_svg: Its figure, the text of an SVG file; empty: none.
    """
    title = html.escape(page.title)
    # An XML prolog is not HTML.
    svg = figure_svg[figure_svg.index("<svg") :] if figure_svg else ""
    parts = [
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n",
        _paragraphs(page.status),
        f"<figure>\n{svg}\n</figure>\n" if svg else "",
        _paragraphs(page.captions, "note"),
        *(_html_table(table) for table in page.tables),
        "</html>\n",
    ]
    return "".join(parts)


def _html_table(table: Table) -> str:
    header = "".join(f"<th>{html.escape(name)}</th>" for name in table.header)
    rows = ["".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in table.rows]
    lines = [f"<tr>{row}</tr>\n" for row in (header, *rows)]
    return (
        f'<h2>{html.escape(table.title)}</h2>\n<div class="wide"><table>\n{"".join(lines)}'
        f"</table></div>\n{_paragraphs(table.notes, 'note')}"
    )


def _cell(text: str) -> str:
    """Returns a cell that breaks only before brackets."""
    # Otherwise a narrow window would separate numbers from their units.
    unbroken = html.escape(text).replace(" ", "&nbsp;")
    return unbroken.replace("&nbsp;(", " (").replace("&nbsp;[", " [")


def _paragraphs(sentences: Sequence[str], style: str = "") -> str:
    opening = f'<p class="{style}">' if style else "<p>"
    return "".join(f"{opening}{html.escape(sentence)}</p>\n" for sentence in sentences)


def to_markdown(page: Page, figure: str = "") -> str:
    """Returns the page as Markdown.

    Args:
        page: The report.
        figure: The file name of its figure; empty: none.
    """
    parts = [
        f"# {page.title}",
        *map(_text, page.status),
        *([f"![{page.title}]({figure})"] if figure else []),
        *map(_text, page.captions),
        *(_markdown_table(table) for table in page.tables),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    lines = [table.header, ["---"] + ["---:"] * (len(table.header) - 1), *table.rows]
    body = "\n".join(f"| {' | '.join(map(_text, cells))} |" for cells in lines)
    return "\n\n".join([f"## {table.title}", body, *map(_text, table.notes)])


def _text(cell: str) -> str:
    # A bar would end the cell, and < would begin an HTML tag.
    return cell.replace("|", "\\|").replace("<", "&lt;")
