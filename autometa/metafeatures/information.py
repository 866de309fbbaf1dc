"""Entropies, and what the columns tell of the target."""

import numpy as np

from autometa.metafeatures._columns import mid_ranks

N_BINS = 10
MAX_LEVELS = 50
MAX_RATIO = 1e4

FEATURES = {
    "target_entropy": "H(y) / log(n_classes); NaN in regression [1]",
    "feature_entropy_mean": "mean of H(x) / log(bins of x), 0 for a constant [1]",
    "feature_entropy_sd": "standard deviation over the columns of the same [2]",
    "mutual_information_mean": "mean of I(x; y) in nats [1]",
    "mutual_information_max": "largest I(x; y) in nats [1]",
    "uncertainty_mean": "mean of I(x; y) / H(y), the uncertainty coefficient [1]",
    "uncertainty_max": "largest I(x; y) / H(y) [1]",
    "equivalent_features": "H(y) / mean I(x; y), at most 10,000 [1]",
    "noise_to_signal": "(mean H(x) - mean I(x; y)) / mean I(x; y), at most 10,000 [1]",
}


def information(task, columns):
    """Compute the meta-features of `FEATURES`.

    Numbers and regression targets are cut into ten bins of equal frequency, categories keep their
    50 most frequent levels and one for the rest; missing is a bin of its own. Mutual information
    has the bias of few rows taken off [3]_ and is at least 0.

    References
    ----------
    .. [1] Vanschoren, "Meta-Learning: A Survey", 2018, table 1.
    .. [2] Rivolli et al., "Meta-features for meta-learning", 2022.
    .. [3] Miller, "Note on the bias of information estimates", 1955.
    """
    target = (
        _bins(mid_ranks(columns.target[:, None])[:, 0]) if columns.is_regression else columns.target
    )
    features = np.hstack([_bins(columns.ranks), columns.levels.clip(max=MAX_LEVELS) + 1])
    target_entropy, n_target_bins = _entropy(target)
    entropies, relative, shared = [], [], []
    for feature in features.T:
        entropy, n_bins = _entropy(feature)
        joint, n_joint_bins = _entropy(feature * (target.max() + 1) + target)
        bias = (n_joint_bins - n_bins - n_target_bins + 1) / (2 * len(target))
        entropies.append(entropy)
        relative.append(entropy / np.log(max(n_bins, 2)))
        shared.append(max(entropy + target_entropy - joint - bias, 0.0))
    signal, scale = np.mean(shared), target_entropy or np.inf
    result = {
        "feature_entropy_mean": np.mean(relative),
        "feature_entropy_sd": np.std(relative),
        "mutual_information_mean": signal,
        "mutual_information_max": np.max(shared),
        "uncertainty_mean": signal / scale,
        "uncertainty_max": np.max(shared) / scale,
        "equivalent_features": _ratio(target_entropy, signal),
        "noise_to_signal": _ratio(np.mean(entropies) - signal, signal),
    }
    if not columns.is_regression:
        result["target_entropy"] = target_entropy / np.log(max(n_target_bins, 2))
    return result


def _bins(ranks):
    """Number the bins of equal frequency from 1; 0 is for missing values."""
    return 1 + np.nan_to_num(np.floor(ranks * N_BINS), nan=-1).astype(np.int64)


def _entropy(codes):
    """Entropy in nats, and the number of codes that occur."""
    counts = np.bincount(codes)
    shares = counts[counts > 0] / len(codes)
    return max(-np.sum(shares * np.log(shares)), 0.0), len(shares)


def _ratio(over, under):
    return min(over / under, MAX_RATIO) if under * MAX_RATIO > over else MAX_RATIO
