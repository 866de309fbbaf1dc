"""Meta-learned networks for tables, refined by Optuna, behind scikit-learn's interface."""

from autometa.estimators import AutoMetaClassifier, AutoMetaRegressor

__all__ = ["AutoMetaClassifier", "AutoMetaRegressor"]
