"""Class weights as factors of row weights."""

from collections.abc import Mapping

import numpy as np

from autometa.exceptions import InvalidInputError


def class_factors(class_weight, classes, y, weight):
    """Give every row the factor of its class; the weighted sum of rows stays the same.

    The sum stands for the number of rows, which class weights do not change.

    Parameters
    ----------
    class_weight : None, "balanced" or dict of class label to float
        Classes not named have weight 1.
    classes : ndarray of shape (n_classes,)
    y : ndarray of shape (n_rows,)
        Indices into ``classes``.
    weight : ndarray of shape (n_rows,)

    Returns
    -------
    ndarray of shape (n_rows,)

    Examples
    --------
    >>> class_factors("balanced", np.array(["no", "yes"]), np.array([0, 0, 0, 1]), np.ones(4))
    array([0.67, 0.67, 0.67, 2.  ])
    """
    if class_weight is None:
        return np.ones(len(y))
    share = np.bincount(y, weights=weight, minlength=len(classes)) / weight.sum()
    if isinstance(class_weight, str) and class_weight == "balanced":
        factors = 1 / share
    elif isinstance(class_weight, Mapping):
        factors = _factors_by_name(class_weight, classes)
    else:
        raise InvalidInputError(
            f"class_weight must be None, 'balanced' or a dict of classes, got {class_weight!r}."
        )
    return (factors / (factors @ share))[y]


def _factors_by_name(class_weight, classes):
    labels = classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise InvalidInputError(
            f"class_weight names classes {unknown}, which y does not hold. Its classes: {labels}."
        )
    factors = np.array([class_weight.get(label, 1.0) for label in labels], dtype=np.float64)
    if not (np.isfinite(factors) & (factors > 0)).all():
        raise InvalidInputError(
            f"class_weight must be finite and > 0, got {class_weight!r}. "
            "To leave a class out, drop its rows."
        )
    return factors
