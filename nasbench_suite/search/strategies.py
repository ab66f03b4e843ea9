"""What a strategy is: a function of a problem and a generator, with a name, a family and a source."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from nasbench_suite.errors import PluginError, UsageError, unknown
from nasbench_suite.search.journal import Evaluation
from nasbench_suite.search.problem import Problem

Search = Callable[..., None]
"""``search(problem, rng, **parameters) -> None``"""

FAMILIES = (
    "reference",
    "reinforcement-learning",
    "evolution",
    "bayesian",
    "progressive",
    "multi-fidelity",
    "entropy",
    "weight-sharing",
    "other",
)
_NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
CAPABILITIES = ("tabular", "fidelities", "resume", "training", "cell", "graph", "levels")


StepKind = Literal["evaluations", "fidelity", "level", "schedule"]


@dataclass(frozen=True)
class Step:
    """What makes a run more than the beginning of its method, as it can be told from a journal.

    A leaderboard shows how many of a row's runs took it: an evolution that never mutates is a random search.

    Attributes:
        name: in words: ``"a mutation"``, ``"a model-based proposal"``, ``"a second level"``, ``"a finished schedule"``.
        kind: a run took the step if it

            - ``"evaluations"``: got more evaluations than ``of``;
            - ``"fidelity"``: evaluated something for more epochs than something else;
            - ``"level"``: evaluated an architecture that is not of the space's first level;
            - ``"schedule"``: came to the end of its own schedule: charges named ``"…, K of N"`` reached K = N, or as
              many epochs were charged as ``of`` says.

        of: a whole number, or the name of the parameter that holds it.

    Raises:
        PluginError: a name that is no line of text, an unknown kind, or a kind that needs ``of`` without it.
    """

    name: str
    kind: StepKind
    of: str | int = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or not self.name.isprintable():
            raise PluginError(f"step {self.name!r}: expected a name in words, on one line")
        if self.kind not in get_args(StepKind):
            raise PluginError(
                f"step {self.name!r}: unknown kind {self.kind!r}; expected one of {', '.join(get_args(StepKind))}"
            )
        if type(self.of) not in (str, int) or (self.kind == "evaluations" and self.of == ""):
            raise PluginError(f"step {self.name!r}: of is {self.of!r}; expected a whole number or a parameter's name")

    def amount(self, parameters: Mapping[str, Any]) -> float | None:
        """What ``of`` comes to with these parameters; ``None`` where they do not say."""
        held = parameters.get(self.of) if isinstance(self.of, str) else self.of
        return held if isinstance(held, int | float) and not isinstance(held, bool) else None


@dataclass(frozen=True)
class Strategy:
    """A search strategy under a name. Make one with :func:`strategy`.

    Attributes:
        name: lower-case words joined by hyphens.
        family: one of :data:`FAMILIES`.
        function: ``function(problem, rng, **parameters)``; all parameters have defaults.
        paper: where it comes from, a URL.
        requires: capabilities without which the pair of strategy and benchmark is skipped, e.g. ``{"levels"}``.
        tuning: how its defaults were chosen: on which table, with how much; empty if they are the paper's.
        defaults: the parameters and their defaults.
        step: what makes a run more than the beginning of the method; ``None`` where nobody has said.
        prior: what it knows of the task beforehand, in one line; empty if nothing.
    """

    name: str
    family: str
    function: Search = field(repr=False)
    paper: str = ""
    requires: frozenset[str] = frozenset()
    tuning: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    step: Step | None = None
    prior: str = ""

    def run(self, problem: Problem, rng: np.random.Generator, **parameters: Any) -> None:
        """Search until the meter ends it or nothing is left to ask.

        An architecture, or an evaluation, that the function returns is its recommendation.

        Raises:
            PluginError: the function is a coroutine or a generator, whose body never ran.
        """
        search: Callable[..., object] = self.function
        returned = search(problem, rng, **parameters)
        if inspect.isawaitable(returned) or inspect.isgenerator(returned) or inspect.isasyncgen(returned):
            raise PluginError(f"strategy {self.name!r}: {_NEVER_RUNS}")
        answer = returned.architecture if isinstance(returned, Evaluation) else returned
        if isinstance(answer, (tuple, list)) and answer and all(map(_is_option, answer)):
            problem.recommend(answer)

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def meanings(self) -> dict[str, str]:
        """What the docstring's ``Args:`` section says of each parameter; empty text where it says nothing."""
        _, _, section = (inspect.getdoc(self.function) or "").partition("Args:\n")
        found = dict.fromkeys(self.defaults, "")
        current = ""
        for line in section.splitlines():
            if line and not line.startswith(" "):
                break
            named = re.match(r"    (\w+)(?: \([^)]*\))?: (.*)", line)
            current = named[1] if named else current
            if current in found:
                found[current] = f"{found[current]} {named[2] if named else line.strip()}".strip()
        return found

    def check_parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults with these values put in, each of the type of its default.

        Raises:
            UsageError: an unknown parameter (near names are suggested) or a value of another type.
        """
        chosen = dict(self.defaults)
        for name, value in parameters.items():
            if name not in chosen:
                raise unknown(f"parameter of strategy {self.name}", name, chosen)
            default = self.defaults[name]
            if isinstance(default, float) and type(value) is int and not unfit_value(value):
                value = float(value)
            if default is not None and type(value) is not type(default):
                raise UsageError(
                    f"parameter {name!r} of strategy {self.name}: {value!r} is {type(value).__name__}, expected "
                    f"{type(default).__name__} like its default {default!r}"
                )
            if unfit := unfit_value(value):
                raise UsageError(f"parameter {name!r} of strategy {self.name}: {str(value)[:60]} {unfit}")
            chosen[name] = value
        return chosen


_NEVER_RUNS = "its body never runs, since it is a coroutine or a generator; write a plain function without yield"

LONGEST_TEXT = 20_000
"""Of what a plugin says of itself in one place, in characters."""

LARGEST_NUMBER = 2**63
"""Whole numbers from here on have no place in journals, tables and other languages."""


def _is_option(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def unfit_value(value: object) -> str:
    """Why a value cannot be a parameter, in words; empty if it can: it has to be written down and read again."""
    if isinstance(value, float) and not math.isfinite(value):
        return "is not finite; expected a number"
    if isinstance(value, int) and not -LARGEST_NUMBER <= value < LARGEST_NUMBER:
        return "is too large; expected less than 2**63"
    if isinstance(value, str):
        return unfit_text(value)
    return "" if value is None or type(value) in (bool, int, float) else "is no string, number, bool or None"


def unfit_text(text: object) -> str:
    """Why a text cannot be published, in words; empty if it can."""
    if type(text) is not str:
        return "is no text"
    if len(text) > LONGEST_TEXT:
        return f"has {len(text):,} characters; expected at most {LONGEST_TEXT:,}"
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        return "has half a surrogate pair, which no file can hold"
    return "has a zero character" if "\0" in text else ""


def check_strategy(found: Strategy) -> None:
    """Check what a strategy says of itself, however it was made; raises :class:`PluginError` with the first fault."""
    if type(found.name) is not str or not re.fullmatch(_NAME, found.name):
        raise PluginError(f"strategy {str(found.name)[:60]!r}: expected a name of lower-case words joined by hyphens")
    who = f"strategy {found.name!r}"
    if type(found.family) is not str or found.family not in FAMILIES:
        raise PluginError(f"{who}: unknown family {str(found.family)[:60]!r}; expected one of {', '.join(FAMILIES)}")
    if not isinstance(found.requires, (set, frozenset)) or not found.requires <= set(CAPABILITIES):
        raise PluginError(f"{who}: requires {str(found.requires)[:60]}; expected a set of {', '.join(CAPABILITIES)}")
    if not callable(found.function):
        raise PluginError(f"{who}: {str(found.function)[:60]!r} is no function")
    if _never_runs(found.function):
        raise PluginError(f"{who}: {_NEVER_RUNS}")
    texts = {"docstring": inspect.getdoc(found.function) or "", "paper": found.paper, "tuning": found.tuning}
    for what, text in {**texts, "prior": found.prior}.items():
        if unfit := unfit_text(text):
            raise PluginError(f"{who}: its {what} {unfit}")
    if not isinstance(found.defaults, Mapping):
        raise PluginError(f"{who}: its defaults are {type(found.defaults).__name__}, expected names and values")
    for name, value in found.defaults.items():
        if unfit := unfit_text(name) or unfit_value(value):
            raise PluginError(f"{who}: the default of {str(name)[:60]!r} {unfit}")


def _never_runs(function: object) -> bool:
    """Whether calling a function gives a coroutine or a generator instead of running its body."""
    while isinstance(function, functools.partial):
        function = function.func
    bodies = (function, vars(type(function)).get("__call__"))
    tests = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(test(body) for test in tests for body in bodies)


def strategy(
    name: str,
    *,
    family: str = "other",
    paper: str = "",
    requires: Iterable[str] = (),
    tuning: str = "",
    step: Step | None = None,
    prior: str = "",
) -> Callable[[Search], Strategy]:
    """Turn a function ``(problem, rng, *, parameter=default, …)`` into a :class:`Strategy`.

    Args:
        name: lower-case words joined by hyphens, unlike any other strategy's.
        family: one of ``reference``, ``reinforcement-learning``, ``evolution``, ``bayesian``, ``progressive``,
            ``multi-fidelity``, ``entropy``, ``weight-sharing``, ``other``.
        paper: where it comes from, a URL.
        requires: what the benchmark or the space must offer: ``fidelities``, ``resume``, ``training``, ``cell``,
            ``graph``, ``levels``, ``tabular``.
        tuning: how the defaults were chosen: on which table, with how much; empty if they are the paper's.
        step: what makes a run more than the beginning of the method, e.g. ``Step("a mutation", "evaluations",
            "population_size")``; a leaderboard then shows how many of its runs took it.
        prior: what the strategy knows of the task beforehand, in one line; such a row is labelled, and not tested for
            improbable luck.

    Raises:
        PluginError: a name of another form, an unknown family or capability, a step of a parameter that is not there,
            or a function of another shape.

    Example:
        >>> @strategy("my-random-search", family="reference")
        ... def my_random_search(problem, rng):
        ...     \"\"\"Draw and evaluate until the budget ends.\"\"\"
        ...     while True:
        ...         problem.evaluate(problem.space.sample(rng))
        >>> my_random_search.name
        'my-random-search'
    """
    who = f"strategy {name!r}"
    if not re.fullmatch(_NAME, name):
        raise PluginError(f"{who}: expected a name of lower-case words and digits joined by hyphens")
    if family not in FAMILIES:
        raise PluginError(f"{who}: unknown family {family!r}; expected one of {', '.join(FAMILIES)}")
    needs = frozenset([requires] if isinstance(requires, str) else requires)
    if strange := sorted(needs - set(CAPABILITIES)):
        raise PluginError(
            f"{who} requires {', '.join(strange)}, which no benchmark offers; known: {', '.join(CAPABILITIES)}"
        )

    if not (step is None or isinstance(step, Step)) or not isinstance(prior, str) or not (prior + " ").isprintable():
        raise PluginError(f"{who}: expected a Step (or none) and a prior of one line, got {step!r} and {prior!r}")

    def decorate(function: Search) -> Strategy:
        defaults = _defaults(function, who)
        if step is not None and step.of != "" and step.amount(defaults) is None and step.of not in defaults:
            raise PluginError(f"{who}: its step {step.name!r} is of {step.of!r}, which is none of its parameters")
        made = Strategy(name, family, function, paper, needs, tuning, defaults, step, prior)
        check_strategy(made)
        return made

    return decorate


def _defaults(function: Search, who: str) -> dict[str, Any]:
    """The parameters after problem and rng, with their defaults; raises :class:`PluginError` where one has none."""
    if not callable(function):
        raise PluginError(
            f"{who}: @strategy decorates a function (problem, rng, *, parameter=default), not {function!r}"
        )
    parameters = list(inspect.signature(function).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2 or any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        given = f"{function.__name__}{inspect.signature(function)}"
        raise PluginError(f"{who}: expected a function (problem, rng, *, parameter=default), got {given}")
    rest = [p for p in parameters if p not in positional[:2]]
    for parameter in rest:
        if parameter.default is parameter.empty:
            raise PluginError(f"{who}: parameter {parameter.name!r} has no default; every parameter needs one")
        if not isinstance(parameter.default, (str, int, float, bool, type(None))):
            raise PluginError(
                f"{who}: the default of {parameter.name!r} is {parameter.default!r}; expected a string, number, bool or None"
            )
    return {parameter.name: parameter.default for parameter in rest}
