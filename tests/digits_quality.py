"""How well the table of digits tells good cells from bad: ``python tests/digits_quality.py``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from nasbench_suite.tables import Table, open_table


@dataclass(frozen=True)
class Quality:
    """Over all cells of the space.

    Attributes:
        quantiles: of the mean test accuracy over training seeds, at 0, 10, 25, 50, 75, 90 and 100 %.
        correlations: per training seed, Spearman's of its validation accuracy with the mean test accuracy of the others.
        noise: standard deviation of one training seed's test accuracy.
        noise_of_best: likewise, over the best tenth of the cells.
        lead: of the best cell's mean test accuracy over the 90th percentile.
        early: epochs -> Spearman's of one seed's validation accuracy after so many with the others' mean test accuracy.
    """

    quantiles: tuple[float, ...]
    correlations: tuple[float, ...]
    noise: float
    noise_of_best: float
    lead: float
    early: dict[int, float]


def quality(table: Table) -> Quality:
    """Measured on the whole table."""
    (name,) = table.dataset("digits").trainings
    epochs = table.training("digits", name).metrics["valid-accuracy"]
    test = table.column("digits", name, "test-accuracy", epochs[-1]).astype(np.float64)
    others = (test.sum(1, keepdims=True) - test) / (test.shape[1] - 1)

    def correlation(after: int, seed: int) -> float:
        return float(spearmanr(table.column("digits", name, "valid-accuracy", after)[:, seed], others[:, seed])[0])

    means, variances = test.mean(1), test.var(1, ddof=1)
    best = means >= np.quantile(means, 0.9)
    return Quality(
        tuple(np.quantile(means, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]).round(4).tolist()),
        tuple(correlation(epochs[-1], seed) for seed in range(test.shape[1])),
        float(np.sqrt(variances.mean())),
        float(np.sqrt(variances[best].mean())),
        float(means.max() - np.quantile(means, 0.9)),
        {after: correlation(after, 0) for after in epochs},
    )


if __name__ == "__main__":
    found = quality(open_table("digits-201"))
    print("test accuracy at 0, 10, 25, 50, 75, 90, 100 %:", *(f"{value:.3f}" for value in found.quantiles))
    print("rank correlation, one seed's validation with the others' test:", *(f"{v:.3f}" for v in found.correlations))
    print(f"noise of a training seed: {found.noise:.4f}; among the best tenth {found.noise_of_best:.4f}")
    print(f"best minus 90th percentile: {found.lead:.4f}, {found.lead / found.noise:.1f} times the noise")
    print("rank correlation by epochs:", *(f"{epochs}: {value:.3f}" for epochs, value in found.early.items()))
