"""Prints the lengths of files and functions, and the shares of docstrings and comments."""

import argparse
import ast
import dataclasses
import io
import pathlib
import statistics
import tokenize
from collections.abc import Sequence

_ROOT = pathlib.Path(__file__).parent.parent
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (ast.Module, ast.ClassDef, *_FUNCTIONS)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of the Python files below a folder, in lines.

    Attributes:
        files: By the path of the file, relative to the folder.
        functions: By `path:line name`, without decorators.
        docstrings: Lines of all docstrings.
        comments: Lines that are a comment or end in one.
    """

    files: dict[str, int]
    functions: dict[str, int]
    docstrings: int
    comments: int

    @property
    def total(self) -> int:
        """The lines of all files."""
        return sum(self.files.values())

    @property
    def top_level(self) -> list[str]:
        """The files directly in the folder."""
        return [name for name in self.files if "/" not in name]


def measure(folder: pathlib.Path) -> Sizes:
    """Returns the sizes of the Python files below a folder."""
    files, functions, docstrings, comments = {}, {}, 0, 0
    for path in sorted(folder.rglob("*.py")):
        text, name = path.read_text("utf-8"), path.relative_to(folder).as_posix()
        tree = ast.parse(text)
        files[name] = len(text.splitlines())
        functions |= function_sizes(name, tree)
        docstrings += docstring_lines(tree)
        comments += comment_lines(text)
    return Sizes(files, functions, docstrings, comments)


def function_sizes(name: str, tree: ast.Module) -> dict[str, int]:
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


def report(title: str, sizes: dict[str, int]) -> str:
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
    sizes = measure(folder)
    if not sizes.functions:
        parser.error(f"{folder} has no Python functions; name a folder that has some.")
    print(report("Files", sizes.files), report("Functions", sizes.functions), sep="\n\n")
    print(f"\nTop level: {len(sizes.top_level)} files: {', '.join(sizes.top_level)}")
    print(
        f"{sizes.total} lines: docstrings {sizes.docstrings / sizes.total:.1%}, "
        f"comments {sizes.comments / sizes.total:.1%} ({sizes.comments})"
    )


if __name__ == "__main__":
    main()
