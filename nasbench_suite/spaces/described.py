"""Spaces described in TOML: decisions with ordered values and conditions, combinations that are refused, and cells.

::

    name = "my-space"

    [decisions]
    activation = ["relu", "gelu"]                                  # the options alone
    depth = {values = [1, 2, 3]}                                   # ordered: rising numbers
    rate = {low = 0.0001, high = 1.0, points = 64, scale = "log"}  # ordered: a grid
    width = {options = ["narrow", "wide"], values = [16, 64]}      # ordered, with names of their own
    "second width" = {values = [16, 64], when = {depth = [2, 3]}}  # counts under these options of an earlier decision

    [[refuse]]                                                     # no architecture has all of these at once
    depth = [3]
    width = ["wide"]

Instead of decisions, a table ``[cell]`` has ``nodes``, ``operations``, ``zero`` and ``identity``
(see :class:`~nasbench_suite.spaces.CellSpace`). Every key is in docs/spaces.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from nasbench_suite.errors import SpaceError, UsageError, unknown
from nasbench_suite.spaces.cell import CellSpace
from nasbench_suite.spaces.conditional import ConditionalSpace, ConstrainedSpace
from nasbench_suite.spaces.known import KNOWN_SPACES
from nasbench_suite.spaces.protocols import Architecture
from nasbench_suite.spaces.space import CategoricalSpace, Decision, Space

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_DECISIONS = 10_000
"""Decisions, and options of one decision, that a description may have."""

_SPACE = ("name", "decisions", "cell", "refuse")
_CELL = ("nodes", "operations", "zero", "identity")
_DECISION = ("options", "values", "when", "low", "high", "points", "scale")
_GRID = ("low", "high", "points")
_SCALES = ("linear", "log")


@dataclass(frozen=True)
class Refused:
    """Why an architecture has one of some combinations of options.

    Attributes:
        decisions: of the space.
        combinations: each ``((decision, options), …)``; an architecture is refused if, for all of them, the decision
            counts and one of the options is chosen.
    """

    decisions: tuple[Decision, ...]
    combinations: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]

    def __call__(self, architecture: Architecture) -> str:
        """The combination that it has, in words; empty text if it has none."""
        counts = self._unrefused.counting(architecture)
        chosen = {
            decision.name: decision.options[option]
            for decision, option, counting in zip(self.decisions, architecture, counts, strict=True)
            if counting
        }
        for combination in self.combinations:
            if all(chosen.get(name) in options for name, options in combination):
                return (
                    " with ".join(f"{name} = {' or '.join(options)}" for name, options in combination) + " is refused"
                )
        return ""

    @cached_property
    def _unrefused(self) -> ConditionalSpace:
        return ConditionalSpace("unrefused", self.decisions)


def read_space(name_or_path: str | Path, known: Mapping[str, Callable[[], Space]] = KNOWN_SPACES) -> Space:
    """A space by name, or described in a TOML file.

    Args:
        name_or_path: a name, or the path of a file that ends in ``.toml``.
        known: name -> function that makes it: the suite's, or with those of plugins.

    Raises:
        UsageError: an unknown name, or a file that does not describe a space.
    """
    text = str(name_or_path)
    if not text.endswith(".toml"):
        if text not in known:
            raise unknown("space", text, known, "or give a .toml file that describes one")
        return known[text]()
    try:
        document = tomllib.loads(Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # also a number of too many digits
        raise UsageError(f"{text} cannot be read as TOML: {error}") from None
    return space_from(document, text)


def space_from(document: Mapping[str, Any], where: str) -> Space:
    """The space that a document describes.

    Args:
        document: as TOML or JSON gives it; see the module for its form.
        where: what messages begin with, usually the file.

    Raises:
        UsageError: a key that is unknown or lacks, or a value that makes no sense; it is named.
    """
    try:
        return _space(document, where)
    except SpaceError as error:
        raise UsageError(f"{where}: {error}") from None


def describe_space(space: Space) -> dict[str, Any] | None:
    """The document that :func:`space_from` makes this space of again; ``None`` for one that only its own code can make."""
    if type(space) is CellSpace:
        zero, identity = (space.operations[operation] for operation in (space.zero, space.identity))
        cell = {"nodes": space.nodes, "operations": list(space.operations), "zero": zero, "identity": identity}
        return {"name": space.name, "cell": cell}
    if type(space) in (CategoricalSpace, ConditionalSpace):
        return {"name": space.name, "decisions": {d.name: _described(d) for d in space.decisions}}
    if isinstance(space, ConstrainedSpace) and isinstance(space.refuse, Refused):
        refused = [{name: list(options) for name, options in each} for each in space.refuse.combinations]
        return {"name": space.name, "decisions": {d.name: _described(d) for d in space.decisions}, "refuse": refused}
    return None


def _described(decision: Decision) -> list[str] | dict[str, Any]:
    if decision.values is None and decision.when is None:
        return list(decision.options)
    described: dict[str, Any] = {"options": list(decision.options)}
    if decision.values is not None:
        described["values"] = list(decision.values)
    if decision.when is not None:
        described["when"] = {decision.when[0]: list(decision.when[1])}
    return described


def _space(document: Mapping[str, Any], where: str) -> Space:
    _check_keys(document, _SPACE, f"{where}: key")
    name = document.get("name")
    if not isinstance(name, str) or not _is_name(name):
        _wrong(where, "name", name, "a text without line breaks or blanks around it")
    if ("decisions" in document) == ("cell" in document):
        raise UsageError(f"{where}: expected either a table [decisions] or a table [cell]")
    if "cell" in document:
        if "refuse" in document:
            raise UsageError(f"{where}: a space of cells refuses nothing; leave out [[refuse]]")
        return _cell(name, document["cell"], where)
    given = document["decisions"]
    if not isinstance(given, dict) or not 1 <= len(given) <= MOST_DECISIONS:
        raise UsageError(
            f"{where}: expected a table [decisions] with a list of options for each of 1 to {MOST_DECISIONS:,}"
        )
    decisions: list[Decision] = []
    for decision, choice in given.items():
        decisions.append(_decision(decision, choice, {d.name: d for d in decisions}, where))
    if "refuse" in document:
        refused = Refused(tuple(decisions), _combinations(document["refuse"], {d.name: d for d in decisions}, where))
        return ConstrainedSpace(name, decisions, refused)
    conditional = any(decision.when for decision in decisions)
    return (ConditionalSpace if conditional else CategoricalSpace)(name, decisions)


def _cell(name: str, cell: Any, where: str) -> CellSpace:
    if not isinstance(cell, dict):
        _wrong(where, "cell", cell, "a table [cell] with nodes, operations, zero and identity")
    _check_keys(cell, _CELL, f"{where}: key of [cell]")
    _check_all(cell, _CELL, f"{where}: [cell]")
    nodes, operations = cell["nodes"], cell["operations"]
    if type(nodes) is not int or not 2 <= nodes <= 100:
        _wrong(where, "nodes", nodes, "a whole number from 2 to 100")
    texts = isinstance(operations, list) and operations and all(_is_operation(operation) for operation in operations)
    if not texts:
        _wrong(where, "operations", operations, "a list of texts without '|', '+', '~' and blanks")
    return CellSpace(name, nodes, operations, zero=cell["zero"], identity=cell["identity"])


def _decision(name: str, given: Any, earlier: Mapping[str, Decision], where: str) -> Decision:
    who = f"{where}: decision {name!r}"
    if not _is_name(name):
        raise UsageError(f"{who}: expected a name without line breaks or blanks around it")
    if isinstance(given, list):
        return Decision(name, _options(given, who))
    if not isinstance(given, dict):
        raise UsageError(f"{who}: expected a list of options, such as depth = [1, 2, 3], or a table; got {given!r}")
    _check_keys(given, _DECISION, f"{who}: key")
    values = _values(given, who)
    if values is None and "options" not in given:
        raise UsageError(f"{who}: expected options, values, or low, high and points")
    options = _options(given.get("options", values), who)
    when = None if "when" not in given else _condition(given["when"], earlier, who)
    return Decision(name, options, None if values is None else tuple(values), when)


def _options(given: Any, who: str) -> tuple[str, ...]:
    """Options as texts; numbers and truth values may stand for theirs."""
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_DECISIONS:
        raise UsageError(f"{who}: expected a list of 1 to {MOST_DECISIONS:,} options, got {_short(given)}")
    strange = [option for option in given if not isinstance(option, str | int | float) or not _is_name(str(option))]
    if strange:
        raise UsageError(f"{who}: option {_short(strange[0])}; expected a text without blanks around it, or a number")
    return tuple(map(str, given))


def _values(given: Mapping[str, Any], who: str) -> list[float] | None:
    """Given values, or those of a grid."""
    if "values" in given:
        if also := [key for key in (*_GRID, "scale") if key in given]:
            raise UsageError(f"{who}: give either values or a grid, not also {', '.join(also)}")
        values = given["values"]
        if not isinstance(values, list) or not all(_is_number(value) for value in values):
            raise UsageError(f"{who}: values {_short(values)}; expected a list of rising numbers")
        return values
    if not any(key in given for key in (*_GRID, "scale")):
        return None
    _check_all(given, _GRID, who)
    low, high, points, scale = given["low"], given["high"], given["points"], given.get("scale", "linear")
    if scale not in _SCALES:
        raise unknown(f"scale of decision ({who})", str(scale), _SCALES)
    if not (_is_number(low) and _is_number(high) and low < high and (low > 0 or scale == "linear")):
        least = " above 0" if scale == "log" else ""
        raise UsageError(
            f"{who}: low {_short(low)} and high {_short(high)}; expected two numbers{least}, the lower first"
        )
    if type(points) is not int or not 2 <= points <= MOST_DECISIONS:
        raise UsageError(f"{who}: points {_short(points)}; expected a whole number from 2 to {MOST_DECISIONS:,}")
    return _grid(low, high, points, scale)


def _grid(low: float, high: float, points: int, scale: str) -> list[float]:
    """Points at equal distances or ratios, to six digits, so that every machine has the same ones."""
    shares = [point / (points - 1) for point in range(points)]
    if scale == "log":
        values = [math.exp(math.log(low) + share * (math.log(high) - math.log(low))) for share in shares]
    else:
        values = [low + share * (high - low) for share in shares]
    return [float(f"{value:.6g}") for value in values]


def _condition(given: Any, earlier: Mapping[str, Decision], who: str) -> tuple[str, tuple[str, ...]]:
    form = "such as when = {depth = [2, 3]}"
    if not isinstance(given, dict) or len(given) != 1:
        raise UsageError(f"{who}: when = {_short(given)}; expected one earlier decision with options of it, {form}")
    ((name, options),) = given.items()
    return name, _chosen(name, options, earlier, f"{who}: when")


def _combinations(
    given: Any, decisions: Mapping[str, Decision], where: str
) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]:
    if not isinstance(given, list) or not all(isinstance(each, dict) and each for each in given):
        _wrong(where, "refuse", given, "tables [[refuse]] with options of some decisions each")
    return tuple(
        tuple((name, _chosen(name, options, decisions, f"{where}: refuse")) for name, options in each.items())
        for each in given
    )


def _chosen(name: str, options: Any, decisions: Mapping[str, Decision], who: str) -> tuple[str, ...]:
    """Some options of a decision; a number may stand for the option of the same value."""
    if name not in decisions:
        raise unknown(f"decision ({who})", name, decisions, "it has to stand before the decision that depends on it")
    decision = decisions[name]
    texts = _options(options, f"{who} {name!r}")
    by_value = {} if decision.values is None else dict(zip(decision.values, decision.options, strict=True))
    chosen = tuple(
        text if text in decision.options else by_value.get(option, text) if _is_number(option) else text
        for text, option in zip(texts, options, strict=True)
    )
    if strange := [text for text in chosen if text not in decision.options]:
        raise unknown(f"option of {name!r} ({who})", strange[0], decision.options)
    return chosen


def _check_keys(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in given:
        if key not in known:
            raise unknown(what, key, known)


def _check_all(given: Mapping[str, Any], needed: Sequence[str], who: str) -> None:
    if lacking := [key for key in needed if key not in given]:
        raise UsageError(f"{who} has no {' and no '.join(lacking)}; expected {', '.join(needed)}")


def _wrong(where: str, key: str, given: object, expected: str) -> NoReturn:
    raise UsageError(f"{where}: {key} = {_short(given)}; expected {expected}")


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 80 else text[:77] + "…"


def _is_name(text: str) -> bool:
    return bool(text) and text == text.strip() and text.isprintable()


def _is_operation(given: object) -> bool:
    return isinstance(given, str) and _is_name(given) and not set("|+~ ") & set(given)


def _is_number(given: object) -> bool:
    return type(given) in (int, float) and math.isfinite(given)  # type: ignore[arg-type]
