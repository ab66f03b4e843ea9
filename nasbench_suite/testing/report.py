"""All that is checked of one plugin, as findings and as a report that can be read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nasbench_suite.plugins import Registry, load_plugin
from nasbench_suite.testing.benchmarks import benchmark_findings
from nasbench_suite.testing.conformance import (
    Finding,
    digest,
    documentation_findings,
    growth_finding,
    strategy_findings,
)


@dataclass(frozen=True)
class Section:
    """What was found about one thing that a plugin adds.

    Attributes:
        subject: e.g. ``"strategy my-search"``; ``"plugin my-search"`` for the plugin itself.
        finding: one of its findings.
    """

    subject: str
    finding: Finding


def check_plugin(target: str) -> Iterator[Section]:
    """Import one plugin and check everything that it adds, in this process.

    Args:
        target: as for :func:`~nasbench_suite.plugins.load_plugin`.

    Raises:
        UsageError, PluginError: there is no such plugin.
    """
    registry = load_plugin(target)
    for plugin in registry.plugins:
        advice = "see docs/plugins.md for the hooks and what they return"
        fault = plugin.problem.partition(": ")[2]
        finding = Finding("can be loaded", not fault, fault, advice, "hooks that return what they declare")
        yield Section(f"plugin {plugin.name}", finding)
    for subject, findings in subjects(registry).items():
        for finding in findings():
            yield Section(subject, finding)


def subjects(registry: Registry) -> dict[str, Callable[[], Iterator[Finding]]]:
    """What a registry offers, and how each is checked."""
    checks: dict[str, Callable[[], Iterator[Finding]]] = {}
    for name, offered in sorted(registry.strategies.items()):

        def of_strategy(strategy=offered.strategy) -> Iterator[Finding]:  # type: ignore[no-untyped-def]
            yield from documentation_findings(strategy)
            yield from strategy_findings(strategy)
            yield growth_finding(strategy)

        checks[f"strategy {name}"] = of_strategy
    for name in sorted(registry.benchmarks):

        def of_benchmark(name: str = name) -> Iterator[Finding]:
            try:
                benchmark = registry.benchmark(name)
            except Exception as error:  # whatever a plugin's function raises
                seen = f"{type(error).__name__}: {error}"
                yield Finding("can be opened", False, seen, "mend the function in nasbench_benchmarks", "a benchmark")
                return
            same = benchmark.name == name
            seen = f"name={benchmark.name!r}"
            yield Finding("has the name it is offered under", same, "" if same else seen, "make them equal", repr(name))
            yield from benchmark_findings(benchmark)

        checks[f"benchmark {name}"] = of_benchmark
    return checks


def conformance_test(target: str) -> Callable[..., None]:
    """A test function for pytest that checks all that a plugin adds, one test for each thing.

    Args:
        target: as for :func:`~nasbench_suite.plugins.load_plugin`; usually the name of the plugin's module.

    Example::

        test_my_plugin = conformance_test("my_plugin")
    """
    import pytest

    registry = load_plugin(target)
    checks = subjects(registry)

    @pytest.mark.parametrize("subject", ["plugin", *checks])
    def test(subject: str) -> None:
        if subject == "plugin":
            assert not registry.problems, "\n".join(registry.problems)
            assert checks, f"plugin {target!r} adds nothing"
            return
        failed = [finding for finding in checks[subject]() if not finding.passed]
        assert not failed, f"{subject} does not conform\n" + "\n".join(map(render, failed))

    return test


def render(finding: Finding) -> str:
    """A finding for a reader: one line if it holds, otherwise what was seen, what was expected, how to mend it."""
    if finding.passed:
        return f"  ok    {finding.check}" + (f" ({finding.seen})" if finding.seen else "")
    lines = [f"  FAIL  {finding.check}", f"          seen      {finding.seen or 'nothing'}"]
    if finding.expected:
        lines.append(f"          expected  {finding.expected}")
    return "\n".join([*lines, f"          mend      {finding.advice}"])


def digests(target: str) -> dict[str, str]:
    """Strategy -> hash of what it asks, to be compared between processes."""
    return {name: digest(offered.strategy) for name, offered in load_plugin(target).strategies.items()}


def check_wheel(project: Path, scratch: Path) -> Iterator[Finding]:
    """Build a project's wheel, install it into a fresh environment, and look whether the suite finds it there.

    The environment sees this one's packages (so that the suite need not be downloaded) and what the wheel requires
    besides is fetched from the package index.

    Args:
        project: the directory with the ``pyproject.toml``.
        scratch: an empty directory for the wheel and the environment.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    built = _done([*pip, "wheel", "-q", "--no-deps", "-w", str(scratch / "wheel"), str(project)], scratch)
    wheels = list((scratch / "wheel").glob("*.whl"))
    advice = "see the lines above; 'pip wheel .' must work"
    yield Finding("its wheel builds", not built and len(wheels) == 1, built, advice, "one wheel")
    if built or len(wheels) != 1:
        return
    environment = scratch / "environment"
    made = _done([sys.executable, "-m", "venv", str(environment)], scratch)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not made:
        (site,) = [path for path in environment.rglob("site-packages") if path.is_dir()][:1]
        places = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
        lines = [f"import site; site.addsitedir({place!r})" for place in places]
        (site / "seen_from_outside.pth").write_text("\n".join(lines) + "\n")
        made = _done(
            [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheels[0])], scratch
        )
    yield Finding("its wheel installs into a fresh environment", not made, made, "look at its dependencies", "no error")
    if made:
        return
    code = (
        "from nasbench_suite.plugins import load_registry as load; import sys; "
        f"from pathlib import Path; found = [p for p in load().plugins if p.package == {_name(wheels[0])!r}]; "
        "sys.exit('; '.join(p.problem for p in found if p.problem) or None if found else 'the suite does not find it')"
    )
    seen = _done([str(python), "-c", code], scratch)
    yield Finding(
        "is found where it is installed",
        not seen,
        seen,
        "name the module in [project.entry-points.nasbench_suite] and have it in the wheel",
        "the plugin, without a problem",
    )


def _name(wheel: Path) -> str:
    """The distribution's name as its metadata spells it."""
    from email.parser import Parser
    from zipfile import ZipFile

    with ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return str(Parser().parsestr(archive.read(metadata).decode())["Name"])


def _done(command: list[str], directory: Path) -> str:
    """Run a command; empty if it succeeds, otherwise the end of what it said."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    said = " ".join((done.stderr or done.stdout).split())
    return "" if done.returncode == 0 else said[-300:] or f"exit status {done.returncode}"
