"""The scikit-learn estimators: a table in, predictions out."""

from autometa.estimators._saved import load
from autometa.estimators.classifier import AutoMetaClassifier
from autometa.estimators.regressor import AutoMetaRegressor

__all__ = ["AutoMetaClassifier", "AutoMetaRegressor", "load"]
