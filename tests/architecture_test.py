"""The rules of the house that neither ruff nor import-linter can check (see pyproject.toml)."""

import ast
import dataclasses
import functools
import pathlib
import re
import runpy
import statistics
from collections.abc import Callable, Iterator

import pytest
from absl import flags

from dbal_tf import config

ROOT = pathlib.Path(__file__).parent.parent
MEASURE = runpy.run_path(str(ROOT / "tools" / "code_sizes.py"))["measure"]

SEES_HIDDEN_LABELS = ("components/oracle.py", "components/example_gen.py", "datasets/")
MAX_LINES = {"main.py": 99}


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of dbal_tf: its path below that folder, and its text."""

    path: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def at(self, node: ast.AST, problem: str) -> str:
        return f"dbal_tf/{self.path}:{node.lineno} {problem}"

    def find(self, *kinds: type[ast.AST]) -> Iterator:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


@functools.cache
def sources() -> tuple[Source, ...]:
    folder = ROOT / "dbal_tf"
    return tuple(
        Source(path.relative_to(folder).as_posix(), path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.py"))
    )


@pytest.fixture(scope="module")
def sizes():
    """The sizes that tools/code_sizes.py prints."""
    return MEASURE(ROOT / "dbal_tf")


def only_the_oracle_sees_hidden_labels(source: Source) -> list[str]:
    if source.path.startswith(SEES_HIDDEN_LABELS):
        return []
    return [
        source.at(node, f"reads `{ast.unparse(node)}`")
        for node in source.find(ast.Attribute, ast.Call)
        if re.search(r"(\.hidden|^getattr\(.*, 'hidden'.*\))$", ast.unparse(node))
    ]


def files_are_short(source: Source) -> list[str]:
    lines, limit = len(source.text.splitlines()), MAX_LINES.get(source.path, 350)
    return [f"dbal_tf/{source.path} has {lines} lines, above {limit}"] * (lines > limit)


def functions_are_short(source: Source) -> list[str]:
    return [
        source.at(node, f"`{node.name}` has {lines} lines, above 50")
        for node in source.find(ast.FunctionDef, ast.AsyncFunctionDef)
        if (lines := node.end_lineno - node.lineno + 1) > 50
    ]


def no_option_lets_pickles_in(source: Source) -> list[str]:
    return [
        source.at(node, f"passes {ast.unparse(node)}")
        for node in source.find(ast.keyword)
        if ast.unparse(node) in ("allow_pickle=True", "safe_mode=False")
    ]


RULES: dict[Callable[[Source], list[str]], tuple[tuple[str, str], ...]] = {
    only_the_oracle_sees_hidden_labels: (
        ("components/trainer.py", "labels = dataset.hidden"),
        ("components/trainer.py", "labels = dataset.hidden.classes[0]"),
        ("loop/asking.py", "getattr(dataset, 'hidden')"),
    ),
    files_are_short: (("main.py", "\n" * 100), ("loop/asking.py", "\n" * 351)),
    functions_are_short: (("loop/asking.py", "def f():\n" + "    f()\n" * 50),),
    no_option_lets_pickles_in: (
        ("loop/asking.py", "np.load(path, allow_pickle=True)"),
        ("loop/asking.py", "keras.models.load_model(path, safe_mode=False)"),
    ),
}
WELL_BEHAVED = Source(
    "components/oracle.py",
    "class Oracle:\n"
    "    def run(self, run: 'Run', *ids: str) -> int:\n"
    "        def helper(x): return np.load(x, allow_pickle=False)\n"
    "        return self.dataset.hidden\n",
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_dbal_tf_keeps_the_rule(rule):
    offenders = [offender for source in sources() for offender in rule(source)]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_what_breaks_it_and_nothing_else(rule):
    for path, text in RULES[rule]:
        assert rule(Source(path, text)), f"{path}: {text[:80]!r} went unnoticed"
    assert rule(WELL_BEHAVED) == []


def test_the_median_file_is_short(sizes):
    assert statistics.median(sizes.files.values()) <= 110


def test_the_top_level_is_small(sizes):
    assert len(sizes.top_level) <= 8, f"{sizes.top_level}: put some into rooms"


def test_the_whys_are_written_down(sizes):
    share = sizes.comments / sizes.total
    assert share >= 0.03, f"{share:.1%} of lines have a comment, below 3 %"


def test_sizes_are_counted(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "top.py").write_text('"""One\n\ntwo."""\nx = "# no"  # why\n')
    (tmp_path / "room" / "a.py").write_text("# why\n@f\ndef g():\n    return 1\n")
    sizes = MEASURE(tmp_path)
    assert sizes.files == {"room/a.py": 4, "top.py": 4}
    assert sizes.functions == {"room/a.py:3 g": 2}
    assert (sizes.docstrings, sizes.comments, sizes.top_level) == (3, 2, ["top.py"])


def test_every_file_has_a_test_file_of_its_name():
    paths = [pathlib.PurePosixPath(source.path) for source in sources()]
    tests = [ROOT / "tests" / path.with_name(f"{path.stem}_test.py") for path in paths]
    missing = [
        f"dbal_tf/{path} has no {test.relative_to(ROOT)}"
        for path, test in zip(paths, tests, strict=True)
        if path.stem != "__init__" and not test.is_file()
    ]
    assert not missing, "\n".join(missing)


def read_flagfile(path: pathlib.Path) -> config.Config:
    values = flags.FlagValues()
    defines = {
        str: flags.DEFINE_string,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        bool: flags.DEFINE_bool,
        tuple: lambda name, default, *rest, **more: flags.DEFINE_list(
            name, list(default), *rest, **more
        ),
    }
    config.define_flags(
        {kind: functools.partial(f, flag_values=values) for kind, f in defines.items()}
    )
    values(["dbal_tf", f"--flagfile={path}"])
    return config.from_flags(values.flag_values_dict())


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.cfg")), ids=lambda p: p.name)
def test_every_flagfile_can_be_used(path):
    assert read_flagfile(path).rounds > 0


def test_quickstart_needs_no_download():
    quickstart = read_flagfile(ROOT / "configs" / "quickstart.cfg")
    assert (quickstart.dataset, quickstart.run_dir) == ("digits", "runs/quickstart")


def test_mnist_flagfile_is_the_defaults_written_out():
    assert read_flagfile(ROOT / "configs" / "mnist.cfg") == config.Config()
