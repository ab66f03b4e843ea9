"""Imports go downwards only, and importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nasbench_suite
from nasbench_suite import training

PACKAGE = Path(nasbench_suite.__file__).parent
LAYERS = (
    ("cli",),
    ("publishing", "scaffold"),
    ("leaderboards",),
    ("scoring", "testing"),
    ("harness",),
    ("plugins",),
    ("hookspecs",),
    ("benchmarks",),
    ("building",),
    ("training", "comparisons"),
    ("networks", "search"),
    ("tasks", "tables"),
    ("spaces", "plain"),
    ("integrity", "deprecation", "moved", "sources"),
    ("errors",),
)
RANK = {name: len(LAYERS) - place for place, names in enumerate(LAYERS) for name in names}


def modules() -> list[tuple[str, Path]]:
    return [
        (path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "__init__.py"
    ]


def imported(path: Path) -> set[str]:
    """The parts of the suite that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nasbench_suite"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("nasbench_suite.")}
    return found


@pytest.mark.parametrize(
    ("layer", "path"), modules(), ids=lambda value: value.name if isinstance(value, Path) else value
)
def test_imports_go_downwards(layer: str, path: Path) -> None:
    assert layer in RANK, f"{layer} has no place among the layers"
    for other in imported(path) - {layer, "__version__"}:
        assert other in RANK, f"{path} imports {other}, which has no place among the layers"
        allowed = RANK[other] < RANK[layer]
        assert allowed, f"{path} ({layer}) imports {other}, which lies above or beside it"


@pytest.mark.parametrize(
    "path", sorted((PACKAGE.parent / "plugins" / "nasbench_strategies").glob("*.py")), ids=lambda path: path.name
)
def test_plugins_use_public_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nasbench_suite"):
            public = {module.__name__: module.__all__ for module in (nasbench_suite, training)}
            assert node.module in public, f"{path} imports from {node.module}"
            assert {alias.name for alias in node.names} <= set(public[node.module])


def test_torch_is_imported_where_networks_are_made_and_trained_only() -> None:
    for layer, path in modules():
        text = path.read_text()
        assert layer in {"networks", "training", "building"} or "import torch" not in text, path


def test_public_names_are_sorted_and_exist() -> None:
    assert sorted(nasbench_suite.__all__) == nasbench_suite.__all__
    assert all(hasattr(nasbench_suite, name) for name in nasbench_suite.__all__)


@pytest.mark.parametrize("arguments", [["--help"], ["list", "strategies"], ["run-all", "--help"], ["list", "spaces"]])
def test_heavy_libraries_stay_out_of_light_commands(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["nasbench", *{arguments!r}]
from nasbench_suite.cli import run_command as main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = {{"torch", "h5py", "sklearn", "matplotlib", "scipy", "pandas"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_prints_nothing_and_registers_nothing() -> None:
    code = "import nasbench_suite, nasbench_suite.testing, nasbench_suite.harness, nasbench_strategies"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
