"""The scikit-learn estimators: a table in, predictions out."""

from autometa.estimators.classifier import AutoMetaClassifier
from autometa.estimators.regressor import AutoMetaRegressor

__all__ = ["AutoMetaClassifier", "AutoMetaRegressor"]
