"""Meta-learned networks for tables, refined by Optuna, behind scikit-learn's interface."""

from autometa.estimators import AutoMetaClassifier, AutoMetaRegressor, load

__all__ = ["AutoMetaClassifier", "AutoMetaRegressor", "load"]
