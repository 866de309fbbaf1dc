"""One fold of a task on disk, as the processes of its runs read it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from autometa.bench._scores import MAIN_METRIC, constant_prediction, score_fold
from autometa.tasks import row_hashes


@dataclass(frozen=True, eq=False)
class Fold:
    """Training and test rows of a task.

    Parameters
    ----------
    task : Task
    number : int
    train, test : ndarray of int
        Row positions.
    """

    task: object
    number: int
    train: np.ndarray
    test: np.ndarray

    @property
    def is_regression(self):
        return self.task.kind == "regression"

    @property
    def y(self):
        """Class indices among all classes of the task, or numbers."""
        if self.is_regression:
            return self.task.y.to_numpy(dtype=np.float64)
        return np.searchsorted(self.task.classes, self.task.y.to_numpy())

    @property
    def known_classes(self):
        """Those with training rows; methods see their indices among these."""
        return np.unique(self.y[self.train])

    @property
    def kind(self):
        """What the training rows look like to a method."""
        if self.is_regression:
            return "regression"
        return "binary" if len(self.known_classes) <= 2 else "multiclass"

    def digest(self):
        """Identify the rows and their roles by their content."""
        hashes = row_hashes(self.task.X, self.task.y)
        digest = hashlib.blake2b(digest_size=8)
        for rows in (self.train, self.test):
            digest.update(hashes[rows].tobytes() + b"/")
        return digest.hexdigest()

    def write(self, folder):
        """Write what the processes read: tables as Parquet, the training target as NumPy's file."""
        folder = Path(folder)
        X = self.task.X.apply(_of_one_type)
        X = X.set_axis([str(name) for name in X.columns], axis=1)
        X.iloc[self.train].reset_index(drop=True).to_parquet(folder / "X_train.parquet")
        X.iloc[self.test].reset_index(drop=True).to_parquet(folder / "X_test.parquet")
        y = self.y[self.train]
        if not self.is_regression:
            y = np.searchsorted(self.known_classes, y)
        np.save(folder / "y_train.npy", y)

    def job(self):
        """The part of a job that is the fold's."""
        return {"kind": self.kind, "metric": MAIN_METRIC[self.task.kind]}

    def expand(self, prediction):
        """Give classes without training rows a probability of 0."""
        if self.is_regression:
            return prediction
        whole = np.zeros((len(prediction), len(self.task.classes)))
        whole[:, self.known_classes] = prediction
        return whole

    def score(self, prediction):
        """Score what :meth:`expand` returned, by metric."""
        return score_fold(self.y[self.test], prediction, self.task.kind)

    def constant_scores(self):
        """Scores of predicting the classes' shares or the mean."""
        n_classes = None if self.is_regression else len(self.task.classes)
        constant = constant_prediction(self.y[self.train], len(self.test), n_classes)
        return {f"constant_{name}": score for name, score in self.score(constant).items()}

    def describe(self):
        """What every run of this fold has in common, as columns of its row."""
        return {
            "task": self.task.name,
            "fold": self.number,
            "kind": self.task.kind,
            "n_train": len(self.train),
            "n_test": len(self.test),
            "n_features": self.task.n_features,
            "n_classes": None if self.is_regression else len(self.task.classes),
            "openml_task_id": self.task.provenance.get("openml_task_id"),
            **self.constant_scores(),
        }


def _of_one_type(column):
    """Cells of several types, which Parquet does not hold in one column, as text."""
    if column.dtype.kind != "O":
        return column
    try:
        pa.array(column)
    except (pa.ArrowException, OverflowError):
        text = column.astype(object).map(str).where(column.notna())
        return text.astype("category") if column.dtype == "category" else text
    return column
