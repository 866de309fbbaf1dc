"""Counts and shares: what can be read off a table."""

import numpy as np

FEATURES = {
    "n_rows": "rows, of the whole table [1]",
    "n_features": "columns other than the target, of the whole table [1]",
    "n_classes": "distinct labels of the whole table; NaN in regression [1]",
    "features_per_row": "n_features / n_rows [1]",
    "number_share": "columns of numbers / columns [2]",
    "boolean_share": "columns of booleans / columns [2]",
    "category_share": "columns of categories or text / columns [2]",
    "date_share": "columns of dates / columns; ours",
    "constant_share": "columns with at most one distinct value, missing ones aside / columns; ours",
    "missing_share": "missing cells / cells [1]",
    "missing_rows_share": "rows with a missing cell / rows [2]",
    "missing_features_share": "columns with a missing cell / columns [2]",
    "levels_mean": "mean number of levels of a category column; NaN without any [2]",
    "levels_max": "largest number of levels of a category column; NaN without any [2]",
    "majority_share": "rows of the most frequent class / rows; NaN in regression [1]",
    "minority_share": "rows of the rarest class / rows; NaN in regression [1]",
}


def simple(task, columns):
    """Compute the meta-features of `FEATURES`.

    References
    ----------
    .. [1] Vanschoren, "Meta-Learning: A Survey", 2018, table 1.
    .. [2] Rivolli et al., "Meta-features for meta-learning", 2022.
    """
    n_rows, n_features = task.X.shape
    n_columns = len(columns.kinds)
    is_missing = np.hstack([np.isnan(columns.numbers), columns.levels < 0])
    n_levels = columns.levels.max(axis=0, initial=-1) + 1
    # Row by row against the first value there is; all missing counts as constant.
    low = np.fmin.reduce(columns.numbers, axis=0)
    high = np.fmax.reduce(columns.numbers, axis=0)
    n_constant = np.sum((low == high) | np.isnan(low)) + np.sum(n_levels <= 1)
    result = {
        "n_rows": n_rows,
        "n_features": n_features,
        "features_per_row": n_features / n_rows,
        "constant_share": n_constant / n_columns,
        "missing_share": is_missing.mean(),
        "missing_rows_share": is_missing.any(axis=1).mean(),
        "missing_features_share": is_missing.any(axis=0).mean(),
    }
    for kind in ("number", "boolean", "category", "date"):
        result[f"{kind}_share"] = columns.kinds.count(kind) / n_columns
    if n_levels.size:
        result |= {"levels_mean": n_levels.mean(), "levels_max": n_levels.max()}
    if not columns.is_regression:
        counts = task.y.value_counts()
        counts = counts[counts > 0]
        result["n_classes"] = len(counts)
        result["majority_share"] = counts.max() / n_rows
        result["minority_share"] = counts.min() / n_rows
    return result
