"""How well simple learners do: out-of-fold scores on a small part of the task."""

import warnings

import numpy as np
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from autometa.metafeatures._columns import mid_ranks, normal_scores

MAX_ROWS = 1_000
MAX_COLUMNS = 50
MAX_LEVELS = 5
N_FOLDS = 3

FEATURES = {
    "landmark_stump": "decision tree of depth 1 [1, 2]",
    "landmark_tree": "decision tree of depth 5 [1, 2]",
    "landmark_neighbour": "nearest neighbour [1, 2]",
    "landmark_naive_bayes": "Gaussian naive Bayes; NaN in regression [1, 2]",
    "landmark_linear": "ridge regression of the target or the class indicators [1, 2]",
}
CLASSIFIERS = {
    "landmark_stump": lambda: DecisionTreeClassifier(max_depth=1, random_state=0),
    "landmark_tree": lambda: DecisionTreeClassifier(max_depth=5, random_state=0),
    "landmark_neighbour": lambda: KNeighborsClassifier(1, algorithm="brute"),
    "landmark_naive_bayes": lambda: GaussianNB(var_smoothing=1e-3),
    "landmark_linear": lambda: RidgeClassifier(),
}
REGRESSORS = {
    "landmark_stump": lambda: DecisionTreeRegressor(max_depth=1, random_state=0),
    "landmark_tree": lambda: DecisionTreeRegressor(max_depth=5, random_state=0),
    "landmark_neighbour": lambda: KNeighborsRegressor(1, algorithm="brute"),
    "landmark_linear": lambda: Ridge(),
}


def landmarking(task, columns, is_over):
    """Compute the meta-features of `FEATURES`, one learner after the other.

    The score is what three folds predict of at most 1,000 rows and 50 columns: balanced accuracy
    scaled to 0 for chance and 1 for no error, or R2 of the target's normal scores, at least -1. The
    columns are normal scores and indicators of the five most frequent levels.

    Parameters
    ----------
    task : Task
    columns : Columns
    is_over : callable
        Asked with the name of every learner before it is fitted; True leaves it and the rest out.

    References
    ----------
    .. [1] Pfahringer, Bensusan and Giraud-Carrier, "Meta-Learning by Landmarking Various Learning
       Algorithms", 2000. Instead of error rates we give scores that compare across tasks.
    .. [2] Rivolli et al., "Meta-features for meta-learning", 2022.
    """
    X, y = _design(columns)
    if len(y) < 2 * N_FOLDS or not X.shape[1]:
        return {}
    folds = _folds(y, columns.is_regression)
    learners = REGRESSORS if columns.is_regression else CLASSIFIERS
    score = _r2 if columns.is_regression else _balanced_accuracy
    result = {}
    for name, make_learner in learners.items():
        if is_over(name):
            break
        result[name] = score(y, _predict_out_of_fold(make_learner, X, y, folds))
    return result


def _design(columns):
    """Numbers of like scale from the first rows; rows are in the order of their hashes."""
    rows = slice(MAX_ROWS)
    levels = columns.levels[rows]
    indicators = [levels == level for level in range(min(levels.max(initial=-1) + 1, MAX_LEVELS))]
    X = np.hstack([normal_scores(columns.ranks[rows]), *indicators])
    X = X[:, X.min(axis=0) < X.max(axis=0)]
    if X.shape[1] > MAX_COLUMNS:
        X = X[:, np.linspace(0, X.shape[1] - 1, MAX_COLUMNS).astype(int)]
    y = columns.target[rows]
    return X, normal_scores(mid_ranks(y[:, None]))[:, 0] if columns.is_regression else y


def _folds(y, is_regression):
    """Deal the rows to the folds, class by class."""
    folds = np.empty(len(y), dtype=np.int64)
    order = np.arange(len(y)) if is_regression else np.argsort(y, kind="stable")
    folds[order] = np.arange(len(y)) % N_FOLDS
    return folds


def _predict_out_of_fold(make_learner, X, y, folds):
    predicted = np.empty_like(y)
    for fold in range(N_FOLDS):
        is_test = folds == fold
        X_train, y_train = X[~is_test], y[~is_test]
        if (y_train == y_train[0]).all() or (X_train == X_train[0]).all():
            # not every learner takes a single class, or columns that say nothing
            predicted[is_test] = np.sort(y_train)[len(y_train) // 2]
        else:
            with warnings.catch_warnings():  # of many classes, that they may be numbers
                warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
                predicted[is_test] = make_learner().fit(X_train, y_train).predict(X[is_test])
    return predicted


def _balanced_accuracy(y, predicted):
    counts = np.bincount(y)
    hits = np.bincount(y[predicted == y], minlength=len(counts))
    recalls = hits[counts > 0] / counts[counts > 0]
    chance = 1 / len(recalls)
    return (recalls.mean() - chance) / (1 - chance) if len(recalls) > 1 else np.nan


def _r2(y, predicted):
    total = np.sum((y - y.mean()) ** 2)
    return max(1 - np.sum((y - predicted) ** 2) / total, -1.0) if total > 0 else np.nan
