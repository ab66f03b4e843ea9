"""The version of a strategy changes exactly when code changes that it runs."""

from __future__ import annotations

import importlib
import json
import py_compile
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nasbench_strategies
import pytest

import nasbench_suite
from nasbench_suite import Strategy, sources

FILES = {
    "__init__.py": "",
    "one.py": """
from nasbench_suite import strategy
from versioned_plugin.tools import draw

@strategy("one")
def one(problem, rng):
    problem.evaluate(draw(problem, rng))
""",
    "two.py": """
from nasbench_suite import strategy
from . import relative

@strategy("two")
def two(problem, rng):
    from .late import (
        LIMIT,
    )
    problem.evaluate(problem.space.sample(rng))
""",
    "tools.py": "import versioned_plugin.deep\n\ndef draw(problem, rng):\n    return versioned_plugin.deep.sample(problem, rng)\n",
    "deep.py": "def sample(problem, rng):\n    return problem.space.sample(rng)\n",
    "relative.py": "ANSWER = 42\n",
    "late.py": "LIMIT = 3\n",
    "unused.py": "NOTHING = 0\n",
}


Writer = Callable[[dict[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    """Write files under a directory that can be imported from; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        importlib.invalidate_caches()
        return tmp_path

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


PACKAGE = {f"versioned_plugin/{name}": text for name, text in FILES.items()}


def version(module: str, name: str = "search") -> str:
    """The hash of a strategy, as a fresh process computes it."""
    strategy: Strategy = getattr(importlib.import_module(module), name)
    return sources.strategy_sources(strategy, strategy.function, module.partition(".")[0]).hash


def versions() -> dict[str, str]:
    found = {name: version(f"versioned_plugin.{name}", name) for name in ("one", "two")}
    assert "versioned_plugin.late" not in sys.modules
    return found


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("one.py", {"one"}),
        ("two.py", {"two"}),
        ("tools.py", {"one"}),
        ("deep.py", {"one"}),
        ("relative.py", {"two"}),
        ("late.py", {"two"}),
        ("unused.py", set()),
    ],
)
def test_only_what_runs_the_code_is_new(write: Writer, edited: str, changed: set[str]) -> None:
    package = write(PACKAGE) / "versioned_plugin"
    before = versions()
    assert before["one"] != before["two"]
    for harmless in ("# a comment\n", '"""A text that does nothing."""\n'):
        with (package / edited).open("a") as file:
            file.write(harmless)
        assert versions() == before
    with (package / edited).open("a") as file:
        file.write("EDITED = 1\n")
    after = versions()
    assert {name for name in after if after[name] != before[name]} == changed


STRATEGY = "from nasbench_suite import strategy\n"
PARTIAL = (
    "import functools\nfrom nasbench_suite import strategy\ndef body(problem, rng, *, size=1, wide=2):\n    pass\n"
)
BARE = """
def bare(function):
    def wrapper(problem, rng):
        return function(problem, rng)
    return wrapper
"""
SEARCH = "@strategy('search')\ndef search(problem, rng):\n    "
KINDS = {
    # what changes -> the files, the module that has `search`, and the edit: file, old text, new text
    "a partial function's body": (
        {"kind/__init__.py": PARTIAL + "search = strategy('search')(functools.partial(body, wide=3))\n"},
        ("kind", "kind/__init__.py", "pass", "print(1)"),
    ),
    "what a partial function binds": (
        {"kind/__init__.py": PARTIAL + "search = strategy('search')(functools.partial(body, wide=3))\n"},
        ("kind", "kind/__init__.py", "wide=3", "wide=4"),
    ),
    "what a decorator without wraps hides": (
        {
            "kind/__init__.py": STRATEGY + "from kind.bare import bare\nfrom kind.body import body\n"
            "search = strategy('search')(bare(body))\n",
            "kind/bare.py": BARE,
            "kind/body.py": "def body(problem, rng):\n    pass\n",
        },
        ("kind", "kind/body.py", "pass", "print(1)"),
    ),
    "a second top-level package": (
        {
            "kind/__init__.py": STRATEGY + "from kind_helpers.draws import draw\n" + SEARCH + "draw()\n",
            "kind_helpers/__init__.py": "",
            "kind_helpers/draws.py": "def draw():\n    return 1\n",
        },
        ("kind", "kind_helpers/draws.py", "return 1", "return 2"),
    ),
    "a second top-level module": (
        {
            "kind.py": STRATEGY + SEARCH + "import kind_helper\n    kind_helper.draw()\n",
            "kind_helper.py": "def draw():\n    return 1\n",
        },
        ("kind", "kind_helper.py", "return 1", "return 2"),
    ),
    "a module imported by a name that is written out": (
        {
            "kind.py": STRATEGY + "import importlib\n" + SEARCH + "importlib.import_module('kind_late').draw()\n",
            "kind_late.py": "def draw():\n    return 1\n",
        },
        ("kind", "kind_late.py", "return 1", "return 2"),
    ),
    "a module imported by a name that is made": (
        {
            "kind/__init__.py": "",
            "kind/start.py": STRATEGY + "from importlib import import_module as load\n"
            "import importlib\n" + SEARCH + "importlib.import_module('kind.' + ''.join(['la', 'te'])).draw()\n",
            "kind/late.py": "def draw():\n    return 1\n",
        },
        ("kind.start", "kind/late.py", "return 1", "return 2"),
    ),
    "a lazy import in a namespace package": (
        {
            "kind/part/start.py": STRATEGY + SEARCH + "from kind.part.deep import late\n    late.draw()\n",
            "kind/part/deep/late.py": "def draw():\n    return 1\n",
        },
        ("kind.part.start", "kind/part/deep/late.py", "return 1", "return 2"),
    ),
    "a data file of the package": (
        {
            "kind/__init__.py": "",
            "kind/start.py": STRATEGY + SEARCH + "open(__file__ + '/../weights/prior.json')\n",
            "kind/weights/prior.json": "[1]",
        },
        ("kind.start", "kind/weights/prior.json", "1", "2"),
    ),
    "a data file beside a module": (
        {"kind.py": STRATEGY + SEARCH + "open(HERE / 'kind-prior.csv')\n", "kind-prior.csv": "1"},
        ("kind", "kind-prior.csv", "1", "2"),
    ),
    "a class that is called": (
        {
            "kind/__init__.py": STRATEGY + "from kind.tool import Tool\nsearch = strategy('search')(Tool())\n",
            "kind/tool.py": "class Tool:\n    __name__ = 'tool'\n    def __call__(self, problem, rng):\n        pass\n",
        },
        ("kind", "kind/tool.py", "pass", "print(1)"),
    ),
    "a bound method": (
        {
            "kind/__init__.py": STRATEGY + "from kind.tool import Tool\nsearch = strategy('search')(Tool().run)\n",
            "kind/tool.py": "class Tool:\n    def run(self, problem, rng):\n        pass\n",
        },
        ("kind", "kind/tool.py", "pass", "print(1)"),
    ),
    "a program": (
        {
            "kind.py": "from pathlib import Path\nfrom nasbench_suite import command_strategy\n"
            "search = command_strategy('search', ['sh', str(Path(__file__).parent / 'search.sh')])\n",
            "search.sh": "echo 1",
        },
        ("kind", "search.sh", "1", "2"),
    ),
    "an indentation": (
        {"kind.py": STRATEGY + SEARCH + "for _ in ():\n        print(1)\n    print(2)\n"},
        ("kind", "kind.py", "    print(2)", "        print(2)"),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_code_that_is_hidden_from_import_statements_counts(write: Writer, kind: str) -> None:
    files, (module, edited, old, new) = KINDS[kind]
    directory = write(files)
    first = version(module)
    assert version(module) == first
    text = (directory / edited).read_text()
    assert old in text
    write({edited: text.replace(old, new)})
    for name in [name for name in sys.modules if name.partition(".")[0] in ("kind", "kind_helpers", "kind_helper")]:
        del sys.modules[name]
    assert version(module) != first


def test_the_source_is_that_of_the_plugin_and_not_of_the_standard_library(write: Writer) -> None:
    files, (module, *_) = KINDS["a partial function's body"]
    write(files)
    strategy: Strategy = importlib.import_module(module).search
    made = sources.strategy_sources(strategy, strategy.function, "kind")
    assert [file.name for file in made.own] == ["kind"]


def archived(directory: Path, constant: int, *, compiled: bool) -> Path:
    """A package in a zip file, with its text or without."""
    path = directory / f"archive-{constant}.zip"
    source = directory / "zipped_kind.py"
    source.write_text(STRATEGY + SEARCH + f"problem.evaluate((0,) * {constant})\n")
    with zipfile.ZipFile(path, "w") as archive:
        if compiled:
            py_compile.compile(str(source), cfile=str(directory / "zipped_kind.pyc"), doraise=True)
            archive.write(directory / "zipped_kind.pyc", "zipped_kind.pyc")
        else:
            archive.write(source, "zipped_kind.py")
    source.unlink()
    return path


@pytest.mark.parametrize("compiled", [False, True])
def test_constants_in_an_archive_count(tmp_path: Path, compiled: bool) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import zipped_kind; from nasbench_suite import sources\n"
        "search = zipped_kind.search; print(sources.strategy_sources(search, search.function, 'zipped_kind').hash)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, str(archived(tmp_path, constant, compiled=compiled))],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for constant in (6, 7, 6)
    }
    assert len(found) == 2


def copy_of_the_suite(tmp_path: Path) -> Path:
    """The suite and its strategies, to be edited."""
    for package in (nasbench_suite, nasbench_strategies):
        place = Path(package.__file__).parent
        shutil.copytree(place, tmp_path / place.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def identities(directory: Path) -> dict[str, str]:
    """Versions of strategies and identities of benchmarks in a copy of the suite."""
    code = """
import json, sys
sys.path.insert(0, sys.argv[1])
import nasbench_suite, nasbench_strategies
assert nasbench_suite.__file__.startswith(sys.argv[1])
from nasbench_strategies.darts import darts
from nasbench_strategies.random_search import random_search
from nasbench_strategies.regularized_evolution import regularized_evolution
from nasbench_suite import sources, spaces
from nasbench_suite.training import check_torch
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
found = {
    name: sources.strategy_sources(strategy, strategy.function, "nasbench_strategies").hash
    for name, strategy in {
        "darts": darts,
        "random-search": random_search,
        "regularized-evolution": regularized_evolution,
    }.items()
}
found["space"] = spaces.space_identity(spaces.nas_bench_201())
found["trainings"] = sources.code_hash(check_torch, rooms=sources.TRAINING_ROOMS)
found["synthetic"] = SyntheticBenchmark("synthetic", spaces.nas_bench_201()).identity
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code, str(directory)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


EDITS = {
    # a file of the suite, the edit, and what must be new after it
    "training/trainer.py": ("EVALUATION_BATCH = 500", "EVALUATION_BATCH = 250", {"darts", "trainings"}),
    "networks/cells/cell_network.py": ("def ", "EDITED = 1\ndef ", {"darts", "trainings"}),
    "tasks/task.py": ("@dataclass", "EDITED = 1\n\n@dataclass", {"darts", "trainings"}),
    "spaces/space.py": (
        "return self._all[int(rng.random() * self.size)]",
        "return self._all[-1 - int(rng.random() * self.size)]",
        {"space", "trainings", "synthetic"},
    ),
    "benchmarks/synthetic.py": ("0.6 + (effect", "0.5 + (effect", {"synthetic"}),
    "cli/show.py": ("import", "EDITED = 1\nimport", set()),
}


def test_editing_the_suite_makes_exactly_that_new_which_depends_on_it(tmp_path: Path) -> None:
    directory = copy_of_the_suite(tmp_path)
    before = identities(directory)
    for name, (old, new, changed) in EDITS.items():
        path = directory / "nasbench_suite" / name
        text = path.read_text()
        assert old in text, name
        # After the first lines, which may have to come first.
        place = text.index(old, text.index("from __future__"))
        path.write_text(f"{text[:place]}{text[place:].replace(old, new, 1)}\n# and a comment\n")
        after = identities(directory)
        path.write_text(text + "# a comment alone\n")
        assert {what for what in after if after[what] != before[what]} == changed, name
    assert identities(directory) == before
