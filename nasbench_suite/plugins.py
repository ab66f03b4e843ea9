"""Finding plugins, checking what they add, and answering for it: one fresh registry per call, no global.

A plugin is a module with hooks (see ``hookspecs.py``). It comes from an entry point of an installed package or from
a loose ``.py`` file. What is wrong with one plugin is written down as a problem; all others still work.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import Distribution, distributions
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from nasbench_suite import hookspecs
from nasbench_suite.benchmarks import Benchmark, shipped
from nasbench_suite.benchmarks.relabelled import MARK, RelabelledBenchmark
from nasbench_suite.errors import PluginError, SuiteError, unknown
from nasbench_suite.integrity import Integrity
from nasbench_suite.plain.texts import read_toml
from nasbench_suite.search.checking import check_benchmark, comes_with_the_suite
from nasbench_suite.search.external import command_strategy, parse_command
from nasbench_suite.search.strategies import Strategy, check_strategy
from nasbench_suite.sources import MadeOf, file_digest, strategy_sources
from nasbench_suite.spaces import Space

BUILT_IN = "nasbench-suite"
KINDS = ("strategies", "benchmarks", "spaces", "builders", "tasks", "goals", "engines")
"""What a plugin can add, one hook each."""

_HOOKS = tuple(f"nasbench_{kind}" for kind in KINDS)

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found.

    Attributes:
        name: of the entry point or of the loose file.
        package: the distribution it comes from; for a loose file its path.
        version: of the distribution; for a loose file a hash of its code.
        origin: ``"package"``, ``"file"``, ``"module"`` (imported by its name, not installed as a plugin) or
            ``"command"`` (a program).
        adds: what it contributes, kind -> names.
        problem: why it is not used (wholly or in part), in one line; empty if all is well.
    """

    name: str
    package: str
    version: str
    origin: str
    adds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problem: str = ""

    @property
    def built_in(self) -> bool:
        """Whether it comes with the suite."""
        return self.origin == "package" and self.package == BUILT_IN

    @property
    def key(self) -> str:
        """What tells it from all other plugins of this environment."""
        # Workers are in directories of their own: a loose file is the same one from wherever it is named.
        package = str(Path(self.package).absolute()) if self.origin == "file" else self.package
        return f"{package}:{self.name}"


@dataclass(frozen=True)
class Offered:
    """A strategy with the plugin it comes from.

    Attributes:
        strategy: itself.
        plugin: where it comes from.
        stated: the version as somebody else stated it, for code that is not here; ``None`` where the code is here.
        home: the module of the plugin that offers it.
        api: the version of the plugin API for which it was written.
    """

    strategy: Strategy
    plugin: Plugin
    stated: str | None = None
    home: str = ""
    api: int = hookspecs.API_VERSION

    @cached_property
    def version(self) -> str:
        """What identifies its code: the package's version and a hash of its sources (see :mod:`nasbench_suite.sources`)."""
        return f"{self.plugin.version}+{self.sources.hash}" if self.stated is None else self.stated

    @property
    def sources(self) -> MadeOf:
        """The files that its version is a hash of."""
        return strategy_sources(self.strategy, self.strategy.function, self.home)


@dataclass
class Registry:
    """All that the plugins of this environment offer, by name.

    Attributes:
        plugins: every plugin found, the broken ones included.
        strategies, benchmarks, spaces: name -> what was offered first under it.
        builders: name -> network builder.
        tasks: name -> function that makes a task.
        goals: name -> goal of a training.
        engines: name -> function that makes an executor of runs.
    """

    plugins: list[Plugin] = field(default_factory=list)
    strategies: dict[str, Offered] = field(default_factory=dict)
    benchmarks: dict[str, Callable[[], Benchmark]] = field(default_factory=dict)
    spaces: dict[str, Callable[[], Space]] = field(default_factory=dict)
    builders: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, Callable[[], Any]] = field(default_factory=dict)
    goals: dict[str, Any] = field(default_factory=dict)
    engines: dict[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """One line per plugin that could not be used wholly."""
        return [plugin.problem for plugin in self.plugins if plugin.problem]

    def strategy(self, name: str) -> Offered:
        """The strategy of this name; raises ``UsageError`` with near names."""
        return self._named("strategy", name, self.strategies, "nasbench list strategies")

    def benchmark(self, name: str) -> Benchmark:
        """Open the benchmark of this name; raises ``UsageError`` with near names, ``TableError`` if its table fails."""
        plain, mark, secret = name.partition(MARK)
        opener = self._named("benchmark", plain, self.benchmarks, "nasbench list benchmarks")
        benchmark: Benchmark = _made(f"benchmark {plain!r}", opener)
        if not _is_a(benchmark, Benchmark):
            raise PluginError(
                f"benchmark {name!r}: its plugin returned {_shown(benchmark)}, which lacks members of the Benchmark "
                "protocol"
            )
        if not comes_with_the_suite(benchmark):
            check_benchmark(benchmark, plain)
        if mark:
            benchmark = RelabelledBenchmark(benchmark, int(secret, 16))
        sys.audit("nasbench_suite.benchmark", name)
        return benchmark

    def space(self, name: str) -> Space:
        """Make the space of this name; raises ``UsageError`` with near names."""
        made: Space = _made(f"space {name!r}", self._named("space", name, self.spaces, "nasbench list spaces"))
        if not _is_a(made, Space):
            raise PluginError(
                f"space {name!r}: its plugin returned {_shown(made)}, which lacks members of the Space protocol"
            )
        return made

    @staticmethod
    def _named(kind: str, name: str, known: Mapping[str, Thing], hint: str) -> Thing:
        if name not in known:
            raise unknown(kind, name, known, hint)
        return known[name]


def _made(who: str, make: Callable[[], Thing]) -> Thing:
    """What a plugin's function makes; raises :class:`PluginError` with what it raises."""
    try:
        with aside(False):
            return make()
    except (SuiteError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise PluginError(f"{who}: opening it raises {type(error).__name__}: {_one_line(error)}") from None


def _is_a(made: object, protocol: type) -> bool:
    """Whether a plugin's object has the members of a protocol; one whose members raise has not."""
    try:
        return isinstance(made, protocol)
    except Exception:
        return False


def _one_line(error: BaseException) -> str:
    """The first line of an exception's text, whatever its ``__str__`` does."""
    try:
        text = str(error).partition("\n")[0]
    except BaseException:
        text = "(its text cannot be made)"
    return text.encode(errors="backslashreplace").decode()[:300]


def _shown(value: object) -> str:
    """A value of a plugin in a message, whatever its ``__repr__`` does."""
    try:
        text = repr(value)
    except BaseException:
        text = f"<{type(value).__name__}>"
    return " ".join(text.encode(errors="backslashreplace").decode().split())[:200]


@contextmanager
def aside(trusted: bool) -> Iterator[None]:
    """Let what a plugin prints go to stderr, whether by ``print`` or by the number of the stream.

    Args:
        trusted: the plugin comes with the suite; then nothing is changed.
    """
    if trusted or sys.stdout is None or sys.stderr is None:
        yield
        return
    kept = None
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def load_registry(
    plugins_dir: Path | None = None,
    *,
    only: Container[str] | None = None,
    command: str | None = None,
    tables: bool = True,
) -> Registry:
    """Import every plugin once and collect what they offer.

    Args:
        plugins_dir: a directory of loose ``.py`` files, each a plugin, besides the installed packages.
        only: import no others than those with these keys (see ``Plugin.key``), and what comes with the suite.
        command: a program that is a strategy, too (see :mod:`nasbench_suite.search.external`).
        tables: whether to offer the benchmarks that come with the suite; a process that may not read them cannot.

    Raises:
        PluginError: ``plugins_dir`` is not a directory. Faults of a plugin do not raise; see ``Registry.problems``.
    """
    registry = Registry(benchmarks=dict(shipped.benchmarks()) if tables else {}, spaces=dict(shipped.spaces()))
    for plugin, load in [*_installed(), *_loose(plugins_dir)]:
        if only is None or plugin.built_in or plugin.key in only:
            _add(registry, plugin, load)
    if command is not None:
        _add_command(registry, command)
    return registry


def _add_command(registry: Registry, command: str) -> None:
    """Offer a program as a strategy of the name of its file; raises ``UsageError`` if it cannot be run."""
    name, program, digest = parse_command(command)
    name = name if name not in registry.strategies else f"command-{name}"
    plugin = Plugin(name, command, digest, "command", {"strategies": (name,)})
    strategy = command_strategy(name, program)
    registry.plugins.append(plugin)
    registry.strategies[name] = Offered(strategy, plugin)


def load_plugin(target: str) -> Registry:
    """Import one plugin and nothing else.

    Args:
        target: the name of an entry point, of its package or of a module; or the path of a ``.py`` file or of a
            project's directory (with a ``pyproject.toml`` that has the entry point).

    Raises:
        UsageError: nothing of this name; near names are suggested.
        PluginError: a path without a plugin. Faults of the plugin itself do not raise; see ``Registry.problems``.
    """
    registry = Registry()
    path = Path(target)
    if path.suffix == ".py" and path.is_file():
        found = list(_loose_file(path))
    elif path.is_dir() and (len(path.parts) != 1 or (path / "pyproject.toml").is_file()):
        found = _of_project(path)
    else:
        installed = list(_installed())
        found = [(plugin, load) for plugin, load in installed if target in (plugin.name, plugin.package)]
        found = found or _of_module(target)
        if not found:
            known = {name for plugin, _ in installed for name in (plugin.name, plugin.package)}
            raise unknown("plugin", target, known, "or give the path of a .py file or of a project")
    for plugin, load in found:
        _add(registry, plugin, load)
    return registry


def _of_project(directory: Path) -> list[tuple[Plugin, Callable[[], ModuleType]]]:
    """The entry points that a project would have once it is installed, imported from where it lies."""
    file = directory / "pyproject.toml"
    project = read_toml(file, "project", PluginError).get("project", {})
    points = project.get("entry-points", {}).get(hookspecs.PROJECT, {})
    if not points:
        raise PluginError(
            f'{file} has no [project.entry-points.{hookspecs.PROJECT}]; add a line such as name = "module"'
        )
    for place in (directory / "src", directory):
        if place.is_dir() and str(place.resolve()) not in sys.path:
            sys.path.insert(0, str(place.resolve()))
    return [
        (
            Plugin(name, project.get("name", directory.name), str(project.get("version", "")), "package"),
            partial(importlib.import_module, module),
        )
        for name, module in points.items()
    ]


def _of_module(name: str) -> list[tuple[Plugin, Callable[[], ModuleType]]]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    return [] if spec is None else [(Plugin(name, name, "", "module"), partial(importlib.import_module, name))]


def _installed() -> Iterator[tuple[Plugin, Callable[[], ModuleType]]]:
    """Entry points of all packages, the suite's own first, then by package name; broken ones raise when loaded."""
    found: dict[tuple[str, str], tuple[Plugin, Callable[[], ModuleType]]] = {}
    for held in distributions():
        try:
            points = [point for point in held.entry_points if point.group == hookspecs.PROJECT]
            package, version = (held.name, held.version) if points else ("", "")
        except Exception as error:  # left over, cut off or of another encoding; of no interest unless it is a plugin
            if broken := _broken(held, error):
                found.setdefault((broken[0].package, broken[0].name), broken)
            continue
        for point in points:  # of a package that is found twice on the path, the first counts
            found.setdefault((package, point.name), (Plugin(point.name, package, version, "package"), point.load))
    yield from sorted(found.values(), key=lambda pair: (not pair[0].built_in, pair[0].package, pair[0].name))


def _broken(held: Distribution, error: Exception) -> tuple[Plugin, Callable[[], ModuleType]] | None:
    """An installation whose metadata cannot be read, if it names our entry points."""
    place = Path(str(getattr(held, "_path", "")))
    try:
        named = f"[{hookspecs.PROJECT}]".encode() in (place / "entry_points.txt").read_bytes()
    except (OSError, ValueError):
        return None
    if not named:
        return None
    name = place.name.partition("-")[0]
    what = f"what {place} says of it cannot be read ({type(error).__name__}); install it again"
    return Plugin(name, name, "", "package"), partial(_refuse, what)


def _refuse(what: str) -> ModuleType:
    raise PluginError(what)


def _loose(directory: Path | None) -> Iterator[tuple[Plugin, Callable[[], ModuleType]]]:
    if directory is None:
        return
    if not directory.is_dir():
        raise PluginError(f"plugins directory {directory} does not exist")
    for path in sorted(directory.glob("*.py")):
        if not path.name.startswith(".") and not path.is_dir():  # editors leave .#name.py
            yield from _loose_file(path)


def _loose_file(path: Path) -> Iterator[tuple[Plugin, Callable[[], ModuleType]]]:
    try:
        version = file_digest(path.name, path.read_bytes()).hex()[:12]
    except OSError as error:
        yield Plugin(path.stem, str(path), "", "file"), partial(_refuse, f"cannot be read: {error.strerror or error}")
        return
    yield Plugin(path.stem, str(path), version, "file"), partial(_import_file, path)


def _import_file(path: Path) -> ModuleType:
    name = f"nasbench_loose_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes can be pickled and its source found
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _add(registry: Registry, plugin: Plugin, load: Callable[[], ModuleType]) -> None:
    """Load one plugin into the registry, or write down why not."""
    who = f"plugin {plugin.name!r} ({plugin.package})"
    faults: list[str] = []
    adds: dict[str, tuple[str, ...]] = {}
    before = None if plugin.built_in else Integrity()
    try:
        with aside(plugin.built_in):
            module = load()
        written_for = _written_for(module)
        hooks = _checked_hooks(module)
        with aside(plugin.built_in):
            added = {kind: _call(hook, kind) for kind, hook in hooks.items()}
        if before is not None and (changed := before.restore()):
            raise PluginError(f"changed {changed[0]} when imported; a plugin leaves the suite as it is")
    except PluginError as error:
        faults.append(str(error))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a plugin may raise anything while it is imported, SystemExit included
        if before is not None:
            before.restore()
        faults.append(f"raises {type(error).__name__} when imported: {_one_line(error)}")
    else:
        offers = [
            Offered(strategy, plugin, None, module.__name__, written_for) for strategy in added.get("strategies", ())
        ]
        adds["strategies"] = _merge(
            registry.strategies, {offer.strategy.name: offer for offer in offers}, "strategy", faults
        )
        for kind in KINDS[1:]:
            adds[kind] = _merge(getattr(registry, kind), added.get(kind, {}), kind.removesuffix("s"), faults)
    problem = f"{who}: {'; '.join(faults)}" if faults else ""
    registry.plugins.append(
        Plugin(
            plugin.name, plugin.package, plugin.version, plugin.origin, {k: v for k, v in adds.items() if v}, problem
        )
    )


def _written_for(module: ModuleType) -> int:
    """The API version of a plugin; raises :class:`PluginError` for one that this suite does not take."""
    wanted = getattr(module, "NASBENCH_API", hookspecs.OLDEST_API)
    if type(wanted) is int and hookspecs.OLDEST_API <= wanted <= hookspecs.API_VERSION:
        return wanted
    newer = type(wanted) is int and wanted > hookspecs.API_VERSION
    raise PluginError(
        f"was written for API version {wanted!r}, this suite takes {hookspecs.OLDEST_API} to {hookspecs.API_VERSION}; "
        f"{'update nasbench-suite' if newer else 'update the plugin'}"
    )


def _checked_hooks(module: ModuleType) -> dict[str, Callable[[], Any]]:
    """The hooks of a module by kind; raises :class:`PluginError` for a misspelt hook, or none."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{str(error).splitlines()[-1].strip()}; the hooks are {', '.join(_HOOKS)}") from None
    hooks: dict[str, Callable[[], Any]] = {}
    for caller in manager.get_hookcallers(module) or ():
        (implementation,) = caller.get_hookimpls()
        hooks[caller.name.removeprefix("nasbench_")] = implementation.function
    if not hooks:
        raise PluginError(f"has no hooks; decorate a function {' or '.join(_HOOKS)} with @hookimpl")
    return hooks


def _call(hook: Callable[[], Any], kind: str) -> Any:
    """What a hook returns, checked for its type."""
    returned = hook()
    if kind == "strategies":
        try:
            strategies = list(returned)
        except TypeError:
            raise PluginError(
                f"nasbench_strategies returned {_shown(returned)}, expected a list of strategies"
            ) from None
        for item in strategies:
            if not isinstance(item, Strategy):
                shown = getattr(item, "__name__", repr(item))
                raise PluginError(f"nasbench_strategies returned {shown}, expected strategies made with @strategy")
            check_strategy(item)
        names = [item.name for item in strategies]
        if len(set(names)) != len(names):
            raise PluginError(
                f"offers two strategies under one name: {', '.join(sorted({n for n in names if names.count(n) > 1}))}"
            )
        return strategies
    if kind == "builders":
        return _named_things(returned, kind)
    if kind == "goals" and isinstance(returned, Mapping) and all(isinstance(name, str) for name in returned):
        return dict(returned)
    if not isinstance(returned, Mapping) or not all(isinstance(k, str) and callable(v) for k, v in returned.items()):
        raise PluginError(f"nasbench_{kind} returned {_shown(returned)}, expected a dict of names and functions")
    return dict(returned)


def _named_things(returned: Any, kind: str) -> dict[str, Any]:
    """Callables with a name of their own, by their names."""
    expected = f"expected a list of {kind}, each a function with a name"
    try:
        things = list(returned)
    except TypeError:
        raise PluginError(f"nasbench_{kind} returned {_shown(returned)}, {expected}") from None
    for thing in things:
        if not callable(thing) or not isinstance(getattr(thing, "name", None), str):
            raise PluginError(f"nasbench_{kind} returned {_shown(thing)}, {expected}")
    named = {thing.name: thing for thing in things}
    if len(named) != len(things):
        raise PluginError(f"offers two {kind} under one name")
    return named


def _merge(known: dict[str, Thing], new: Mapping[str, Thing], kind: str, faults: list[str]) -> tuple[str, ...]:
    """Add what is new; a name that is taken stays with whoever had it first, and is a fault."""
    taken = sorted(set(new) & set(known))
    if taken:
        faults.append(f"{kind} name{'s' if len(taken) > 1 else ''} already taken: {', '.join(taken)}")
    fresh = {name: thing for name, thing in new.items() if name not in known}
    known.update(fresh)
    return tuple(sorted(fresh))
