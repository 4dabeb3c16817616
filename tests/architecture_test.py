"""The rules of the house, checked on the source of dbal_tf itself."""

import ast
import dataclasses
import functools
import graphlib
import pathlib
import re
from collections.abc import Callable, Iterator

import pytest
from absl import flags

from dbal_tf import config

ROOT = pathlib.Path(__file__).parent.parent

# From the top to the bottom. A room imports from its own layer and from those
# below. Every file and folder right in dbal_tf/ is a room and has its layer.
LAYERS = (
    {"main", "audit"},
    {"experiments"},
    {"loop"},
    {"components"},
    {"acquisition", "bayesian", "datasets", "baselines", "labelling", "reporting"},
    {"store", "config", "runtime"},
    {"core", "artifacts", "seeds"},
)
DEPTH = {room: depth for depth, layer in enumerate(LAYERS) for room in layer}

SEES_HIDDEN_LABELS = ("components/oracle.py", "components/example_gen.py", "datasets/")
PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
MAX_LINES = {"main.py": 99}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of dbal_tf: its path below that folder, and its text."""

    path: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")

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


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree but for what only a type checker reads."""
    yield node
    only_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    for child in node.orelse if only_types else ast.iter_child_nodes(node):
        yield from runtime_nodes(child)


def imported_rooms(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """The rooms of dbal_tf that a file imports at run time."""
    for node in runtime_nodes(source.tree):
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            names = [".".join([*parts, alias.name]) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names if a.asname or a.name != "dbal_tf"]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        else:
            continue
        rooms = {f"{name}.".split(".")[1] for name in names if re.match(r"dbal_tf\b", name)}
        yield from ((node, room) for room in sorted(rooms - {"__version__"}))


def imports_go_downward(source: Source) -> list[str]:
    if source.path == "__init__.py":
        return []
    if source.room not in DEPTH:
        return [f"dbal_tf/{source.path} has no layer; give `{source.room}` one in LAYERS"]
    own = DEPTH[source.room]
    return [
        source.at(node, f"imports `{room or 'dbal_tf'}`, which is above or has no layer")
        for node, room in imported_rooms(source)
        if DEPTH.get(room, -1) < own
    ]


def imports_are_absolute(source: Source) -> list[str]:
    return [
        source.at(node, "imports by a relative name")
        for node in source.find(ast.ImportFrom)
        if node.level
    ]


def only_main_reads_flags(source: Source) -> list[str]:
    if source.path == "main.py":
        return []
    pattern = re.compile(r"from absl import .*\bflags\b|absl\.flags|\bFLAGS\b")
    kinds = (ast.Import, ast.ImportFrom, ast.Name, ast.Attribute)
    return [
        source.at(node, "reads flags")
        for node in source.find(*kinds)
        if pattern.search(ast.unparse(node))
    ]


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
        source.at(node, f"`{node.name}` has {lines} lines, above 60")
        for node in source.find(*FUNCTIONS)
        if (lines := node.end_lineno - node.lineno + 1) > 60
    ]


def nothing_is_asserted(source: Source) -> list[str]:
    return [source.at(node, "asserts; raise an error") for node in source.find(ast.Assert)]


def nothing_is_left_to_do(source: Source) -> list[str]:
    return [
        f"dbal_tf/{source.path}:{number} {line.strip()}"
        for number, line in enumerate(source.text.splitlines(), start=1)
        if re.search(r"\b(TODO|FIXME|XXX)\b", line)
    ]


def nothing_is_pickled(source: Source) -> list[str]:
    imports = [
        source.at(node, f"imports {name}")
        for node in source.find(ast.Import, ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        if name and name.split(".")[0] in PICKLES
    ]
    return imports + [
        source.at(node, f"passes {ast.unparse(node)}")
        for node in source.find(ast.keyword)
        if ast.unparse(node) in ("allow_pickle=True", "safe_mode=False")
    ]


def only_programs_print(source: Source) -> list[str]:
    if source.path in ("main.py", "audit/command.py"):
        return []
    return [
        source.at(node, "prints")
        for node in source.find(ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def public_functions(body: list[ast.stmt], methods: bool = False) -> Iterator[tuple]:
    """Pairs of a public function and its parameters, `self` left out."""
    for node in body:
        dunder = node.name.endswith("__") if hasattr(node, "name") else False
        if not hasattr(node, "name") or (node.name.startswith("_") and not dunder):
            continue
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node.body, methods=True)
        elif isinstance(node, FUNCTIONS):
            arguments = node.args
            static = any(ast.unparse(d) == "staticmethod" for d in node.decorator_list)
            named = [*arguments.posonlyargs, *arguments.args][methods and not static :]
            extra = filter(None, [arguments.vararg, arguments.kwarg])
            yield node, [*named, *arguments.kwonlyargs, *extra]


def public_functions_are_typed(source: Source) -> list[str]:
    found = []
    for node, parameters in public_functions(source.tree.body):
        untyped = [p.arg for p in parameters if p.annotation is None]
        untyped += ["its result"] * (node.returns is None)
        if untyped:
            found.append(source.at(node, f"`{node.name}` has no type for {', '.join(untyped)}"))
    return found


RULES: dict[Callable[[Source], list[str]], tuple[tuple[str, str], ...]] = {
    imports_go_downward: (
        ("core.py", "def f():\n    from dbal_tf.bayesian import masks"),
        ("bayesian/masks.py", "from dbal_tf import loop"),
        ("components/trainer.py", "import dbal_tf.experiments.run"),
        ("loop.py", "import dbal_tf as dbal"),
        ("loop.py", "import dbal_tf\nscores = dbal_tf.main.scores"),
        ("attic/old.py", ""),
    ),
    imports_are_absolute: (("loop.py", "from .core import Oracle"),),
    only_main_reads_flags: (
        ("loop.py", "from absl import app, flags"),
        ("loop.py", "import absl.flags"),
        ("loop.py", "from dbal_tf.core import FLAGS"),
    ),
    only_the_oracle_sees_hidden_labels: (
        ("components/trainer.py", "labels = dataset.hidden"),
        ("components/trainer.py", "labels = dataset.hidden.classes[0]"),
        ("loop.py", "getattr(dataset, 'hidden')"),
    ),
    files_are_short: (("main.py", "\n" * 100), ("loop.py", "\n" * 351)),
    functions_are_short: (("loop.py", "def f():\n" + "    f()\n" * 60),),
    nothing_is_asserted: (("loop.py", "assert True"),),
    nothing_is_left_to_do: (("loop.py", "# TO" + "DO: more"),),
    nothing_is_pickled: (
        ("loop.py", "import pickle as p"),
        ("loop.py", "from joblib import load"),
        ("loop.py", "np.load(path, allow_pickle=True)"),
        ("loop.py", "keras.models.load_model(path, safe_mode=False)"),
    ),
    only_programs_print: (("loop.py", "print(1)"),),
    public_functions_are_typed: (
        ("loop.py", "def f(a: int): pass"),
        ("loop.py", "class A:\n    def f(self, *, a) -> int: pass"),
        ("loop.py", "def f(*args, **kwargs) -> None: pass"),
    ),
}
WELL_BEHAVED = Source(
    "components/oracle.py",
    "from typing import TYPE_CHECKING\n"
    "import dbal_tf\nVERSION = dbal_tf.__version__\n"
    "from dbal_tf import __version__, acquisition\n"
    "if TYPE_CHECKING:\n    from dbal_tf.loop import Run\n"
    "class Oracle:\n"
    "    def run(self, run: 'Run', *ids: str) -> int:\n"
    "        def helper(x): return np.load(x, allow_pickle=False)\n"
    "        return self.dataset.hidden\n"
    "def _private(a): return a\n",
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


def test_rooms_do_not_import_each_other_in_a_circle():
    graph = {source.room: set() for source in sources()}
    for source in sources():
        if source.path != "__init__.py":
            graph[source.room] |= {room for _, room in imported_rooms(source)} - {source.room}
    tuple(graphlib.TopologicalSorter(graph).static_order())


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
