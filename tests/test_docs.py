"""Documentation that is checked: commands, options, hooks and examples."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import click
import pytest
from repository import REPOSITORY

import nasbench_suite
from nasbench_suite import hookspecs
from nasbench_suite.cli import api, cli
from nasbench_suite.cli.reference import commands, page
from nasbench_suite.deprecation import renamed
from nasbench_suite.plugins import load_plugin, load_registry
from nasbench_suite.testing import assert_conforms, tiny_benchmark
from nasbench_suite.testing.conformance import documentation_findings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def console_lines(text: str) -> list[str]:
    """The commands in ``console`` blocks, continued lines joined."""
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line[2:].strip() for line in lines if line.startswith("$ ")]


COMMANDS = [(path.name, line) for path in PAGES for line in console_lines(path.read_text())]


def test_the_command_line_page_is_up_to_date() -> None:
    assert (REPOSITORY / "docs" / "cli.md").read_text() == page(), (
        "run python -m nasbench_suite.cli.reference > docs/cli.md"
    )


def test_every_command_and_option_has_help_and_every_command_an_example() -> None:
    for path, command in commands(cli, "nasbench"):
        assert command.help, path
        if not isinstance(command, click.Group):
            assert "Example" in command.help, f"{path} has no example"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.name}"


@pytest.mark.parametrize(("name", "line"), [(n, line) for n, line in COMMANDS if line.startswith("nasbench ")])
def test_documented_commands_exist(name: str, line: str) -> None:
    command: click.Command = cli
    words = shlex.split(line.partition(" #")[0].partition(" > ")[0])[1:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{name}: no command {words[0]!r} in {line!r}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, f"{name}: {line!r}"


@pytest.mark.parametrize(("name", "line"), [(n, line) for n, line in COMMANDS if line.startswith("python ")])
def test_documented_scripts_exist(name: str, line: str) -> None:
    words = shlex.split(line)[1:]
    if words[0] == "-m":
        subprocess.run(
            [sys.executable, "-c", f"import importlib.util as u; assert u.find_spec({words[1]!r})"], check=True
        )
    else:
        assert (REPOSITORY / words[0]).is_file(), f"{name}: {line!r}"


def test_every_hook_is_documented_with_its_signature() -> None:
    text = (REPOSITORY / "docs" / "plugins.md").read_text()
    hooks = [value for name, value in vars(hookspecs).items() if name.startswith("nasbench_") and callable(value)]
    assert len(hooks) == 7
    for hook in hooks:
        signature = str(inspect.signature(hook)).replace("'", "")
        assert f"### `{hook.__name__}{signature}`" in text
        assert inspect.getdoc(hook) in text


def test_the_example_plugin_works_as_printed(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "plugins.md").read_text()
    example = re.findall(r"```python\n(# my_search.py\n.*?)```", text, flags=re.DOTALL)[0]
    assert len(example.splitlines()) <= 40
    (tmp_path / "my_search.py").write_text(example)
    registry = load_registry(tmp_path)
    assert registry.problems == []
    assert_conforms(registry.strategies["my-search"].strategy)


@pytest.mark.parametrize(("name", "section"), [("nas-bench-201", "Overall"), ("digits", "digits-201/digits")])
def test_the_readme_shows_the_shipped_leaderboards(name: str, section: str) -> None:
    text = (REPOSITORY / "README.md").read_text()
    shown = text.partition(f"<!-- leaderboard: {name} -->")[2].partition("<!-- /leaderboard -->")[0].strip()
    board = (REPOSITORY / "leaderboards" / name / "README.md").read_text().partition(f"## {section}\n")[2]
    (kept,) = re.findall(r"^(\| place .*?)\n\n", board, flags=re.DOTALL | re.MULTILINE)[:1]
    assert shown == kept


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), f"{path.name} links to {target}"


KINDS = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", (REPOSITORY / "docs" / "kinds.md").read_text(), flags=re.DOTALL)


def test_there_is_an_example_of_each_kind() -> None:
    assert len(KINDS) == 6


@pytest.mark.parametrize(("name", "text"), KINDS, ids=[name for name, _ in KINDS])
def test_the_example_of_each_kind_conforms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    registry = load_plugin(str(tmp_path / name))
    assert registry.problems == []
    ((_, offered),) = registry.strategies.items()
    assert_conforms(offered.strategy, [tiny_benchmark()])
    assert all(finding.passed for finding in documentation_findings(offered.strategy))


def test_the_page_of_public_names_is_up_to_date() -> None:
    assert (REPOSITORY / "docs" / "api.md").read_text() == api.page(), (
        "run python -m nasbench_suite.cli.api > docs/api.md"
    )
    lines = api.page().splitlines()
    assert not [line for line in lines if line.endswith("`: ")], "a public name has no docstring"


def strategies_page() -> ModuleType:
    """``docs/make_strategies.py`` as a module."""
    spec = importlib.util.spec_from_file_location("make_strategies", REPOSITORY / "docs" / "make_strategies.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_of_strategies_is_what_its_command_makes() -> None:
    docs = REPOSITORY / "docs"
    (command,) = console_lines((docs / "strategies.md").read_text())
    boards = shlex.split(command)[2:]
    module = strategies_page()
    made = module.render([task for board in boards for task in module.read_tasks(REPOSITORY / board)])
    there = ["strategies.md", *(f"strategies/{path.name}" for path in (docs / "strategies").iterdir())]
    assert sorted(made) == sorted(there), f"run {command}"
    for name, text in made.items():
        assert (docs / name).read_text() == text, f"run {command}"


def test_the_page_of_strategies_has_every_strategy_and_a_picture_of_every_ranked_one() -> None:
    page = (REPOSITORY / "docs" / "strategies.md").read_text()
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", page, flags=re.DOTALL | re.MULTILINE))
    built_in = {name for name, offered in load_registry().strategies.items() if offered.plugin.built_in}
    assert set(sections) == built_in
    advised = tomllib.loads((REPOSITORY / "docs" / "strategies.toml").read_text())
    assert set(advised) == built_in
    for name, section in sections.items():
        assert "**When to use it.**" in section
        assert f"(strategies/{name}.svg)" in section or "No curve: " in section
        if picture := re.search(r"\((strategies/.*\.svg)\)", section):
            root = ElementTree.parse(REPOSITORY / "docs" / picture[1]).getroot()
            panels = root.findall("{http://www.w3.org/2000/svg}g")
            assert len(panels) == section.count("\n| ") - 2


def test_a_renamed_name_works_on_and_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nasbench_suite, "__getattr__", renamed("nasbench_suite", {"Choice": "Decision"}))
    with pytest.warns(DeprecationWarning, match=r"Choice is deprecated .* write nasbench_suite\.Decision"):
        assert nasbench_suite.Choice is nasbench_suite.Decision
    assert nasbench_suite.Choice is nasbench_suite.Decision  # a second warning would be an error
    with pytest.raises(AttributeError):
        nasbench_suite.Nothing  # noqa: B018


def test_the_tutorial_can_be_followed_literally(tmp_path: Path) -> None:
    """Every command of it, in an environment with the suite's wheel, which sees this one's packages for the rest."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    places = [place for place in sys.path if place.endswith("-packages")]
    (site / "outside.pth").write_text("".join(f"import site; site.addsitedir({place!r})\n" for place in places))
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(REPOSITORY)]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("nasbench_suite-*.whl")
    install = ["install", "-q", "--no-deps", "--ignore-installed", str(wheel)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    variables = {
        **os.environ,
        "PATH": f"{environment}/bin{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_BUILD_ISOLATION": "0",
    }
    variables.pop("PYTHONPATH", None)
    where = [str(environment / "bin" / "python"), "-c", "import nasbench_suite; print(nasbench_suite.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=variables, capture_output=True, text=True).stdout
    assert found.startswith(str(site)), found
    shown = {}
    for line in console_lines((REPOSITORY / "docs" / "tutorial.md").read_text()):
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        shown[line] = done.stdout
    assert "population_size=12" in shown["nasbench show my-search"]
    board = (tmp_path / "leaderboards" / "first-look" / "README.md").read_text()
    assert "my-search" in board
    listed = subprocess.run(
        ["nasbench", "list", "strategies"], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert "my-search" not in listed.stdout
    again = "nasbench leaderboard --strategy random-search --seeds 5 --name first-look --output again"
    done = subprocess.run(again, shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr  # what was done before can still be read
    assert "random-search" in (tmp_path / "again" / "first-look" / "README.md").read_text()
