"""Forests against brute force and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.forests import Forest

COUNTS = (3, 4, 2)


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    options = np.column_stack([rng.integers(0, count, 40) for count in COUNTS])
    values = options[:, 0] * 1.0 + (options[:, 1] == 2) * (options[:, 2] == 1) * 3.0 + rng.normal(0, 0.1, 40)
    return options, values


def brute_force(options, values, queries, least):
    """One tree, grown greedily and recursively over all questions, as the textbook has it."""

    def grow(rows, asked):
        y = values[rows]
        if len(rows) < least or np.sum((y - y.mean()) ** 2) <= 1e-9 * len(rows):
            return np.full(len(asked), y.mean())
        best, split = -np.inf, None
        for decision, count in enumerate(COUNTS):
            for option in range(count):
                yes = options[rows, decision] == option
                if yes.any() and not yes.all():
                    error = sum(np.sum((y[part] - y[part].mean()) ** 2) for part in (yes, ~yes))
                    if -error > best + 1e-9:
                        best, split = -error, (decision, option, yes)
        if split is None:
            return np.full(len(asked), y.mean())
        decision, option, yes = split
        answers = queries[asked, decision] == option
        predicted = np.empty(len(asked))
        predicted[answers] = grow(rows[yes], asked[answers])
        predicted[~answers] = grow(rows[~yes], asked[~answers])
        return predicted

    return grow(np.arange(len(options)), np.arange(len(queries)))


@pytest.mark.parametrize("least", [2, 5, 12])
def test_trees_that_see_everything_are_the_textbooks(data, least):
    options, values = data
    queries = np.array(np.meshgrid(*map(range, COUNTS))).reshape(3, -1).T
    forest = Forest(options, values, COUNTS, np.random.default_rng(0), trees=3, share=1.0, least=least, bootstrap=False)
    expected = brute_force(options, values, queries, least)
    for predicted in forest.predictions(queries):
        assert predicted == pytest.approx(expected, abs=1e-9)
    mean, deviation = forest.predict(queries)
    assert mean == pytest.approx(expected, abs=1e-9) and deviation == pytest.approx(np.zeros(len(queries)), abs=1e-12)


def test_deep_trees_predict_what_scikit_learns_do(data):
    """Fully grown on distinct architectures, any order of questions ends at the observations themselves."""
    from sklearn.tree import DecisionTreeRegressor

    options, values = data
    distinct, first = np.unique(options, axis=0, return_index=True)
    values = values[first]
    hot = np.concatenate([np.eye(count)[distinct[:, d]] for d, count in enumerate(COUNTS)], axis=1)
    theirs = DecisionTreeRegressor().fit(hot, values).predict(hot)
    ours = Forest(distinct, values, COUNTS, np.random.default_rng(0), trees=2, share=1.0, least=2, bootstrap=False)
    assert ours.predict(distinct)[0] == pytest.approx(theirs)


def test_a_forest_generalises_like_scikit_learns():
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(2)
    counts = (5,) * 6
    options = rng.integers(0, 5, (300, 6))
    effects = rng.normal(size=(6, 5))
    truth = effects[np.arange(6), options].sum(axis=1) + 2.0 * (options[:, 0] == options[:, 1])
    hot = np.eye(5)[options].reshape(300, 30)
    ours = Forest(options[:150], truth[:150], counts, rng, trees=50, share=1 / 3, least=3)
    theirs = RandomForestRegressor(50, max_features=1 / 3, min_samples_split=3, random_state=0).fit(
        hot[:150], truth[:150]
    )

    def error(predicted):
        return np.mean((predicted - truth[150:]) ** 2) / truth[150:].var()

    assert error(ours.predict(options[150:])[0]) < 1.15 * error(theirs.predict(hot[150:])) < 1.0


def test_equal_values_and_single_observations_make_single_leaves():
    rng = np.random.default_rng(0)
    forest = Forest(np.array([[0, 0, 0], [1, 1, 1]]), np.array([2.0, 2.0]), COUNTS, rng)
    assert forest.predict(np.array([[2, 3, 1]]))[0] == pytest.approx([2.0])
    forest = Forest(np.array([[0, 0, 0]]), np.array([1.0]), COUNTS, rng)
    assert forest.predict(np.array([[2, 3, 1], [0, 0, 0]]))[0] == pytest.approx([1.0, 1.0])
