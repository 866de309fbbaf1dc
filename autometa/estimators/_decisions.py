"""From what members predict to what the user gets: calibrated, and as the metric wants it."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from autometa._calibration import TINY, choose_temperature, temper

#: Thresholds tried for two classes, as quantiles of what is predicted.
N_THRESHOLDS = 40
#: How much the score of a threshold counts, and those of the next ones.
NEIGHBOURS = (0.25, 0.5, 0.25)
#: Shares of the logarithm of class shares that are taken off, if any: half, all of it.
PRIOR_SHARES = (0.5, 1.0)
#: Steps tried for the offset of one of several classes.
STEPS = (-1.0, -0.5, -0.25, 0.25, 0.5, 1.0)
#: More classes are not tuned one by one.
MOST_CLASSES = 10
#: Shifts of numbers tried, as quantiles of the errors.
N_SHIFTS = 39
#: What a score must gain, as a share of it, to be better by more than rounding.
MIN_GAIN = 1e-9


def add_offsets(probabilities, offsets):
    """Shift the logarithms of probabilities; rows add up to 1 again.

    Examples
    --------
    >>> add_offsets(np.array([[0.9, 0.1]]), np.log([1.0, 9.0])).tolist()
    [[0.5, 0.5]]
    """
    return softmax(np.log(np.maximum(probabilities, TINY)) + offsets, axis=-1)


def choose_offsets(scorer, mean, shares):
    """Choose what is added to the logarithms of probabilities before the largest is the label.

    Parameters
    ----------
    scorer : FoldScorer
        Of a metric of labels.
    mean : ndarray of shape (n_folds, n_valid, n_classes)
        Probabilities for rows held out.
    shares : ndarray of shape (n_classes,)
        Of the classes.

    Returns
    -------
    offsets : ndarray of shape (n_classes,)
        Zeros where nothing scores better.
    score : float
    """
    n_classes = mean.shape[-1]

    def score(offsets):
        found = scorer.scores(add_offsets(mean, offsets)[None])[0]
        return -np.inf if np.isnan(found) else found  # where no row of a class is predicted

    if n_classes == 2:
        return _choose_threshold(score, mean)
    priors = -np.log(np.maximum(shares, TINY))
    priors = priors - priors.mean()
    best = np.zeros(n_classes)
    best_score = score(best)
    for offsets in (share * priors for share in PRIOR_SHARES):
        found = score(offsets)
        if _is_better(found, best_score):
            best, best_score = offsets, found
    for label in range(n_classes) if n_classes <= MOST_CLASSES else ():
        for step in STEPS:
            offsets = best + step * (np.arange(n_classes) == label)
            found = score(offsets)
            if _is_better(found, best_score):
                best, best_score = offsets, found
    return best, best_score


def _choose_threshold(score, mean):
    """Of thresholds for the second class, the one that scores best among its neighbours."""
    logits = np.log(np.maximum(mean, TINY))
    margins = (logits[..., 1] - logits[..., 0]).ravel()
    cuts = np.unique(np.quantile(margins, np.linspace(0.01, 0.99, N_THRESHOLDS)))
    cuts = (cuts[1:] + cuts[:-1]) / 2
    plain = np.zeros(2)
    if not len(cuts):
        return plain, score(plain)
    scores = np.array([score(np.array([0.0, -cut])) for cut in cuts])
    # a lone peak is chance, so neighbours count, as far as they have a score
    padded = np.pad(scores, 1, mode="edge")
    has_score = np.isfinite(padded)
    sums = np.convolve(np.where(has_score, padded, 0.0), NEIGHBOURS, mode="valid")
    around = sums / np.maximum(np.convolve(has_score, NEIGHBOURS, mode="valid"), TINY)
    around[~has_score[1:-1]] = -np.inf
    best = int(np.argmax(around))
    if not _is_better(around[best], score(plain)):
        return plain, score(plain)
    return np.array([0.0, -cuts[best]]), scores[best]


def choose_shift(scorer, mean, y):
    """Choose what is added to numbers, for a metric to which errors up and down are not alike.

    Parameters
    ----------
    scorer : FoldScorer
    mean : ndarray of shape (n_folds, n_valid)
        Numbers for rows held out.
    y : ndarray of shape (n_folds, n_valid)
        What they should have been.

    Returns
    -------
    shift, score : float
    """
    shifts = np.quantile(y - mean, np.linspace(0.025, 0.975, N_SHIFTS))
    shifts = [0.0, *shifts.tolist()]
    scores = scorer.scores(np.stack([mean + shift for shift in shifts]))
    known = np.where(np.isnan(scores), -np.inf, scores)
    best = int(np.argmax(known))
    if not _is_better(known[best], known[0]):  # a correlation does not change with the shift
        best = 0
    return shifts[best], float(scores[best])


def _is_better(score, plain):
    """Whether a score is better than that of leaving things as they are, by more than rounding."""
    margin = MIN_GAIN * max(1.0, abs(plain)) if np.isfinite(plain) else 0.0
    return score > plain + margin


class Decision(NamedTuple):
    """How what members predict becomes what the user gets.

    Attributes
    ----------
    temperature : float
        Of probabilities.
    tuned : ndarray of shape (n_classes,), float or None
        Offsets of classes or a shift of numbers; None where the metric asks for none, or where no
        predictions are at hand.
    score : float
        The validation score: with offsets or shift, or else as before any temperature.
    """

    temperature: float
    tuned: object
    score: float


def decide(found, members, task, metric, *, is_all=True):
    """Choose a temperature, and offsets or a shift, by what members predict for rows held out.

    Parameters
    ----------
    found : SearchResult
    members : list of (Candidate, float)
    task : EncodedTask
    metric : Metric
    is_all : bool, default=True
        Whether nothing else predicts. If so, a temperature above 1 may be needed for few trees that
        are certain and wrong; what else predicts makes up for them.

    Returns
    -------
    Decision
    """
    score, mean, scorer = found.score_of(members), found.mean_of(members), found.scorer
    if mean is None:
        return Decision(1.0, None, score)
    if task.is_regression:
        if not metric.takes_shifts:
            return Decision(1.0, None, score)
        return Decision(1.0, *choose_shift(scorer, mean, task.y[scorer.rows]))
    temperature = choose_temperature(*scorer.held_out(mean))
    temperature = temperature if is_all else min(1.0, temperature)
    if not metric.is_of_labels:
        return Decision(temperature, None, score)
    shares = np.bincount(task.y, weights=task.weight, minlength=task.n_classes)
    tempered = temper(mean, temperature)
    return Decision(temperature, *choose_offsets(scorer, tempered, shares / shares.sum()))
