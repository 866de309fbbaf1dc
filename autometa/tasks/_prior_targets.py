"""From scores to a synthetic target: noise, thresholds, classes, warps."""

import numpy as np

from autometa.tasks._prior_draws import log_uniform, pick, standardise


def sample_labels(rng, scores, n_classes):
    """Turn scores into shuffled class labels, each of which occurs at least twice.

    Parameters
    ----------
    rng : numpy.random.Generator
    scores : ndarray of shape (n_rows, 1) or (n_rows, n_classes)
        One score is cut at random thresholds; of several, the largest names the class.
    n_classes : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = sample_labels(rng, rng.standard_normal((50, 1)), n_classes=3)
    >>> int(np.bincount(labels, minlength=3).min()) >= 2
    True
    """
    scores = standardise(scores) + _noise(rng, scores.shape)
    shares = _class_shares(rng, n_classes)
    labels = _cut(rng, scores[:, 0], shares) if scores.shape[1] == 1 else _argmax(scores, shares)
    if rng.random() < 0.2:
        flipped = rng.random(len(labels)) < log_uniform(rng, 0.005, 0.2)
        labels = np.where(flipped, rng.permutation(labels), labels)
    labels = _fill_rare_classes(rng, labels, n_classes)
    return rng.permutation(n_classes)[labels]


def sample_numbers(rng, scores):
    """Turn one score into a regression target: noisy, sometimes skewed or rounded, any scale.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sample_numbers(rng, rng.standard_normal((50, 1))).shape
    (50,)
    """
    score = standardise(scores)
    noise = _noise(rng, score.shape)
    if rng.random() < 0.2:  # the larger the score, the noisier
        noise = noise * np.exp(0.7 * score)
    y = standardise(score + noise)[:, 0]
    if not y.any():
        y = rng.standard_normal(len(y))
    warp = pick(rng, {"none": 12, "exp": 4, "power": 2, "integer": 2, "floor": 1, "uniform": 1})
    if warp == "exp":
        y = np.exp(np.clip(y, -8, 8) * log_uniform(rng, 0.2, 1.5))
    elif warp == "power":
        y = np.sign(y) * np.abs(y) ** log_uniform(rng, 0.4, 2.5)
    elif warp == "integer":
        y = np.round(y * log_uniform(rng, 1, 30))
    elif warp == "floor":  # many rows share the smallest value
        y = np.maximum(y, np.quantile(y, 0.5 * rng.random()))
    elif warp == "uniform":
        y = np.argsort(np.argsort(y, kind="stable")) / len(y)
    if np.ptp(y) < 1e-9:
        y = y + rng.standard_normal(len(y))
    return log_uniform(rng, 1e-2, 1e4) * (y + pick(rng, {0.0: 2, 1.0: 1}) * 5 * rng.random())


def _noise(rng, shape):
    level = pick(rng, {"none": 3, "some": 6, "much": 0.7})
    if level == "none":
        return 0.0
    scale = log_uniform(rng, 0.03, 1.2) if level == "some" else log_uniform(rng, 1.2, 5)
    noise = scale * rng.standard_normal(shape)
    if rng.random() < 0.2:  # Student's t with few degrees of freedom, nearly
        noise *= 0.7 / np.sqrt(rng.random(shape) + 0.02)
    return noise


def _class_shares(rng, n_classes):
    if n_classes == 2:
        form = pick(rng, {"balanced": 4, "uneven": 4.5, "rare": 1.5})
        if form == "balanced":
            share = 0.35 + 0.15 * rng.random()
        else:
            share = 0.1 + 0.3 * rng.random() if form == "uneven" else log_uniform(rng, 0.01, 0.1)
        return np.array([share, 1 - share] if rng.random() < 0.5 else [1 - share, share])
    if rng.random() < 0.25:
        return np.full(n_classes, 1 / n_classes)
    return rng.dirichlet(np.full(n_classes, log_uniform(rng, 1.5, 40)))


def _cut(rng, score, shares):
    ends = np.cumsum(shares)[:-1]
    cuts = np.quantile(score, ends)
    for side in ("left", "right"):  # equal scores stay together where that leaves enough rows
        labels = np.searchsorted(cuts, score, side=side)
        if np.bincount(labels, minlength=len(shares)).min() >= 2:
            return labels
    order = np.lexsort((rng.random(len(score)), score))
    labels = np.empty(len(score), dtype=np.intp)
    labels[order] = np.searchsorted(ends, (np.arange(len(score)) + 0.5) / len(score))
    return labels


def _argmax(scores, shares, n_rounds=6):
    """Take the class of the largest score, offset so that the classes come near their shares."""
    n_rows, n_classes = scores.shape
    wanted = np.log(shares + 1 / n_rows)
    offsets = np.zeros(n_classes)
    for _ in range(n_rounds):
        counts = np.bincount((scores + offsets).argmax(1), minlength=n_classes)
        offsets += 0.6 * (wanted - np.log((counts + 1) / n_rows))
    return (scores + offsets).argmax(1)


def _fill_rare_classes(rng, labels, n_classes):
    """Give classes with fewer than two rows random rows of the largest classes."""
    counts = np.bincount(labels, minlength=n_classes)
    for label in np.flatnonzero(counts < 2):
        while counts[label] < 2:
            largest = counts.argmax()
            members = np.flatnonzero(labels == largest)
            labels[members[int(rng.random() * len(members))]] = label
            counts[largest] -= 1
            counts[label] += 1
    return labels
