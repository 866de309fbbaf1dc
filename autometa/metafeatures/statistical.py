"""Shapes of distributions and how columns depend on one another."""

import numpy as np

from autometa.metafeatures._columns import mid_ranks, normal_scores

# A kurtosis grows with the number of rows where one value is far off; comparable up to here.
MAX_MOMENT = 100.0

FEATURES = {
    "skewness_mean": "mean over the columns of numbers of E[z^3], z standardised, at most 100 [1]",
    "skewness_sd": "standard deviation over the columns of the same [1]",
    "kurtosis_mean": "mean over the columns of numbers of E[z^4] - 3, at most 100 [1]",
    "kurtosis_sd": "standard deviation over the columns of the same [1]",
    "outlier_share": "values beyond 1.5 interquartile ranges from the quartiles / values, mean [2]",
    "distinct_share": "distinct values / values, mean over the columns of numbers [2]",
    "zero_share": "zeros / values, mean over the columns of numbers; ours, see sparsity in [2]",
    "correlation_mean": "mean of |r| over pairs of columns, r between normal scores [1]",
    "correlation_max": "largest such |r| [2]",
    "pca_first_share": "largest eigenvalue of the matrix of these r / sum of them all [1]",
    "pca_95_share": "eigenvalues needed for 95 % of the sum / columns of numbers [1]",
    "target_correlation_mean": "mean of |r| with the target; NaN with more than two classes [2]",
    "target_correlation_max": "largest such |r| [2]",
    "target_skewness": "E[z^3] of the target; NaN in classification; ours",
    "target_kurtosis": "E[z^4] - 3 of the target; NaN in classification; ours",
    "target_outlier_share": "outlier_share of the target; NaN in classification; ours",
    "target_distinct_share": "distinct_share of the target; NaN in classification; ours",
}


def statistical(task, columns):
    """Compute the meta-features of `FEATURES`.

    Correlations are between normal scores (of mid-ranks, 0 where missing) rather than values, so
    that outliers and monotone transformations do not matter. Infinities count as missing, except
    in ranks.

    References
    ----------
    .. [1] Vanschoren, "Meta-Learning: A Survey", 2018, table 1.
    .. [2] Rivolli et al., "Meta-features for meta-learning", 2022.
    """
    result = {}
    numbers = _finite(columns.numbers)
    numbers = numbers[:, (~np.isnan(numbers)).any(axis=0)]
    if numbers.size:
        skewness, kurtosis = _moments(numbers)
        result |= {
            "skewness_mean": skewness.mean(),
            "skewness_sd": skewness.std(),
            "kurtosis_mean": kurtosis.mean(),
            "kurtosis_sd": kurtosis.std(),
            "outlier_share": _outlier_share(numbers).mean(),
            "distinct_share": _distinct_share(numbers).mean(),
            "zero_share": ((numbers == 0).sum(axis=0) / _n_present(numbers)).mean(),
        }
    result |= _correlations(columns)
    if columns.is_regression:
        target = _finite(columns.target[:, None])
        skewness, kurtosis = _moments(target)
        result |= {
            "target_skewness": skewness[0],
            "target_kurtosis": kurtosis[0],
            "target_outlier_share": _outlier_share(target)[0],
            "target_distinct_share": _distinct_share(target)[0],
        }
    return result


def _finite(values):
    """Put NaN for infinities and bring every column to at most 1, so that no power overflows."""
    values = np.where(np.isfinite(values), values, np.nan)
    largest = np.fmax.reduce(np.abs(values), axis=0)
    return values / np.where(largest > 0, largest, 1.0)


def _n_present(values):
    return np.maximum((~np.isnan(values)).sum(axis=0), 1)


def _moments(values):
    """Skewness and excess kurtosis by column; 0 for a constant one."""
    n_present = _n_present(values)
    centered = values - np.nansum(values, axis=0) / n_present
    sd = np.sqrt(np.nansum(centered**2, axis=0) / n_present)
    z = centered / np.where(sd > 1e-12, sd, np.inf)
    square = z * z  # many times faster than z**3 and z**4
    skewness = np.nansum(square * z, axis=0) / n_present
    kurtosis = np.where(sd > 1e-12, np.nansum(square * square, axis=0) / n_present - 3, 0.0)
    return skewness.clip(-MAX_MOMENT, MAX_MOMENT), kurtosis.clip(max=MAX_MOMENT)


def _outlier_share(values):
    lower, upper = np.nanquantile(values, (0.25, 0.75), axis=0)
    reach = 1.5 * (upper - lower)
    is_outlier = (values < lower - reach) | (values > upper + reach)
    return is_outlier.sum(axis=0) / _n_present(values)


def _distinct_share(values):
    ordered = np.sort(values, axis=0)  # NaN last, and a difference to NaN is not above 0
    return (1 + (np.diff(ordered, axis=0) > 0).sum(axis=0)) / _n_present(values)


def _correlations(columns):
    scores = _standardised(normal_scores(columns.ranks))
    n_rows, n_columns = scores.shape
    if not n_columns:
        return {}
    result = {}
    correlation = scores.T @ scores / n_rows
    if n_columns > 1:
        pairs = np.abs(correlation[np.triu_indices(n_columns, 1)])
        result |= {"correlation_mean": pairs.mean(), "correlation_max": pairs.max()}
    eigenvalues = np.linalg.eigvalsh(correlation)[::-1].clip(min=0)
    shares = np.cumsum(eigenvalues) / eigenvalues.sum()
    result["pca_first_share"] = shares[0]
    result["pca_95_share"] = (1 + np.sum(shares < 0.95 - 1e-9)) / n_columns
    if columns.is_regression or columns.target.max() <= 1:
        target = _standardised(normal_scores(mid_ranks(columns.target[:, None])))
        if target.any():
            with_target = np.abs(scores.T @ target / n_rows)
            result["target_correlation_mean"] = with_target.mean()
            result["target_correlation_max"] = with_target.max()
    return result


def _standardised(scores):
    """Mean 0 and variance 1 by column; constant columns are left out."""
    scores = scores - scores.mean(axis=0)
    sd = scores.std(axis=0)
    return scores[:, sd > 1e-9] / sd[sd > 1e-9]
