"""A weighted mean of models, chosen greedily by what they predict for rows held out."""

import numpy as np

#: Draws of the greedy selection; a weight is a multiple of one over it.
N_ROUNDS = 25
#: Shares of the latest draw that are tried against the mean so far.
FIRST_SHARES = (0.1, 0.25, 0.5)


def select_weights(predictions, score, *, first=None, n_rounds=N_ROUNDS):
    """Choose the weights of models by greedy selection with replacement.

    The mean of what was drawn so far grows by the model that makes it score best; of all means
    on the way the best is kept, the shortest of equals.

    Parameters
    ----------
    predictions : ndarray of shape (n_models, ...)
        Of each model, for rows that it was not fitted on.
    score : callable
        From predictions of shape (...) to a number; higher is better.
    first : ndarray of int of shape (n_models,), optional
        How often each is drawn before the selection begins: what is believed without these rows.
    n_rounds : int

    Returns
    -------
    ndarray of shape (n_models,)
        At least 0; they add up to 1.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", 2004.

    Examples
    --------
    >>> truth = np.array([0.0, 1.0, 2.0])
    >>> models = truth + np.array([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [3.0, 0.0, 0.0]])
    >>> score = lambda mean: -np.square(mean - truth).sum()
    >>> select_weights(models, score).tolist()
    [0.5, 0.5, 0.0]
    >>> select_weights(models, score, first=np.array([0, 0, 5])).round(2).tolist()
    [0.33, 0.5, 0.17]
    """
    if len(predictions) == 1:
        return np.ones(1)
    counts = np.zeros(len(predictions), dtype=int) if first is None else np.array(first)
    total = np.tensordot(counts, predictions, axes=1)
    best_score, best_counts, n_first = -np.inf, None, int(counts.sum())
    if n_first:
        best_score, best_counts = score(total / n_first), counts.copy()
    for n_drawn in range(n_first + 1, n_first + n_rounds + 1):
        scores = np.array([score((total + one) / n_drawn) for one in predictions], dtype=float)
        scores[np.isnan(scores)] = -np.inf
        drawn = int(np.argmax(scores))
        counts[drawn] += 1
        total = total + predictions[drawn]
        if scores[drawn] > best_score:
            best_score, best_counts = scores[drawn], counts.copy()
    if best_counts is None:  # every score is NaN
        best_counts = counts
    return best_counts / best_counts.sum()


def gains(mean, prediction, score):
    """Tell whether a mean of models scores better with some share of one more.

    Parameters
    ----------
    mean, prediction : ndarray of the same shape
    score : callable
        As of :func:`select_weights`.

    Examples
    --------
    >>> truth = np.zeros(2)
    >>> loss = lambda mean: -np.square(mean - truth).sum()
    >>> gains(np.ones(2), -np.ones(2), loss), gains(np.ones(2), 5 * np.ones(2), loss)
    (True, False)
    """
    alone = score(mean)
    return any(score((1 - share) * mean + share * prediction) > alone for share in FIRST_SHARES)
