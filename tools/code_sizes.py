"""Prints how long the files and functions are, and how much of them is prose."""

import argparse
import ast
import io
import pathlib
import statistics
import tokenize
from collections.abc import Sequence

_ROOT = pathlib.Path(__file__).parent.parent
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (ast.Module, ast.ClassDef, *_FUNCTIONS)

Sizes = dict[str, int]


def function_sizes(name: str, tree: ast.Module) -> Sizes:
    """Returns the lines of each function, by `file:line function`."""
    return {
        f"{name}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, _FUNCTIONS)
    }


def docstring_lines(tree: ast.Module) -> int:
    """Returns how many lines the docstrings of a file take."""
    documented = (node for node in ast.walk(tree) if isinstance(node, _DOCUMENTED))
    strings = (node.body[0] for node in documented if ast.get_docstring(node) is not None)
    return sum(string.end_lineno - string.lineno + 1 for string in strings)


def comment_lines(text: str) -> int:
    """Returns how many lines of a file have a comment."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def report(title: str, sizes: Sizes) -> str:
    """Returns the median, the 90th percentile, the maximum and the ten largest."""
    counts = sorted(sizes.values())
    p90 = counts[int(0.9 * (len(counts) - 1))]
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
    lines = [
        f"{title}: {len(counts)}, lines: median {statistics.median(counts):g}, "
        f"p90 {p90}, max {counts[-1]}",
        *(f"{count:7d}  {name}" for name, count in largest),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the sizes of the Python files below a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=_ROOT / "dbal_tf")
    folder = parser.parse_args(arguments).folder
    files, functions, docstrings, comments = {}, {}, 0, 0
    for path in sorted(folder.rglob("*.py")):
        text, name = path.read_text("utf-8"), path.relative_to(folder).as_posix()
        tree = ast.parse(text)
        files[name] = len(text.splitlines())
        functions |= function_sizes(name, tree)
        docstrings += docstring_lines(tree)
        comments += comment_lines(text)
    if not functions:
        parser.error(f"{folder} has no Python functions; name a folder that has some.")
    total = sum(files.values())
    print(report("Files", files), report("Functions", functions), sep="\n\n")
    print(
        f"\n{total} lines: docstrings {docstrings / total:.1%}, comments {comments / total:.1%}"
    )


if __name__ == "__main__":
    main()
