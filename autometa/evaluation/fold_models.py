"""Fit models of tables fold by fold: what they predict for rows held out, and the models."""

import time
import warnings

import numpy as np

from autometa.families import Family, find_family, spread_classes

#: Rows of the fits that tell what a fit on all rows takes; the first pays for what is paid once.
PROBE_ROWS = (100, 100, 400)


class FoldModels:
    """Fit configurations of any family but the adapted network on the folds of a task.

    What does not see the target is learned once from all rows, everything else per fold.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_features)
    task : EncodedTask
        Of the same rows.
    folds : Folds
    valid_rows : ndarray of shape (n_folds, n_valid)
        Which rows each fold predicts.
    seed, n_threads : int
    units : TargetUnits, optional
        Of a numeric target; a user's own family sees it in these.
    encoder : TableEncoder, optional
        That made the cells of the task of the frame; by default every preparation learns its own.
    """

    def __init__(
        self, frame, task, folds, valid_rows, *, seed, n_threads, units=None, encoder=None
    ):
        self.frame, self.task, self.folds, self.valid_rows = frame, task, folds, valid_rows
        self.seed, self.n_threads, self.units = seed, n_threads, units
        self._encoder, self._encoded = encoder, None if encoder is None else task.X
        self._prepared = {}

    @property
    def n_folds(self):
        return len(self.valid_rows)

    def make(self, family, config):
        """Make an unfitted model whose preparation has learned from all rows."""
        options = {"units": self.units} if isinstance(family, Family) else {}
        model = find_family(family).make(
            config,
            is_regression=self.task.is_regression,
            seed=self.seed,
            n_threads=self.n_threads,
            **options,
        )
        model.preparation_ = self._prepare(model.preparation)[0]
        return model

    def fit(self, model, fold=None, should_stop=None, rows_share=1.0, is_stale=None):
        """Fit a model made by :meth:`make` on the training rows of a fold, or on all rows.

        Parameters
        ----------
        model : TableModel
        fold : int, optional
        should_stop : callable, optional
        rows_share : float, default=1.0
            Below 1, so many of the rows are drawn at random, the same for every model.
        is_stale : callable, optional
            ``is_stale(n_steps, predict)``, asked while boosting grows on a fold: ``predict()``
            gives what :meth:`predict` would.
        """
        weight = self.task.weight if fold is None else self.folds.train_weight[fold]
        if rows_share < 1:
            is_drawn = np.random.default_rng(self.seed).random(len(weight)) < rows_share
            weight = np.where(is_drawn, weight, 0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cells = self._prepare(model.preparation)[1]
            if is_stale is None:
                return model.fit_prepared(cells, self.task.y, weight, should_stop)
            held_out = self._held_out(cells, fold)

            def is_stale_here(n_steps, predict):
                return is_stale(n_steps, lambda: self._spread(predict(held_out), model))

            return model.fit_prepared(cells, self.task.y, weight, should_stop, is_stale_here)

    def _held_out(self, cells, fold):
        rows = self.valid_rows[fold]
        return cells.iloc[rows] if hasattr(cells, "iloc") else cells[rows]

    def predict(self, model, fold, steps=(None,)):
        """Predict the held-out rows of a fold.

        Parameters
        ----------
        model : TableModel
        fold : int
        steps : sequence of int, default=(None,)
            Ascending. Predict as if fitting had ended after each of them; a model that took fewer
            predicts with what it has. None: with all.

        Returns
        -------
        ndarray of shape (n_points, n_valid, n_classes) or (n_points, n_valid)
        """
        held_out = self._held_out(self._prepare(model.preparation)[1], fold)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            n_fewer = sum(step is not None and step < model.n_steps_ for step in steps)
            found = list(model.stage_prepared(held_out, steps[:n_fewer])) if n_fewer else []
            found = [self._spread(one, model) for one in found]
            whole = model.predict_prepared(held_out, self.task.n_classes)
        return np.stack([*found, *[whole] * (len(steps) - n_fewer)])

    def _spread(self, found, model):
        if self.task.is_regression:
            return found
        return spread_classes(found, model.classes_, self.task.n_classes)

    def guess_seconds(self, family):
        """Guess what a fit of a family's first configuration takes, from fits on few rows.

        Returns
        -------
        seconds : float
            Of one fold; 0 where the rows are so few that there is nothing to guess.
        rows_power : float
            By which power of the rows they grow.
        """
        n_train = int((self.folds.train_weight[0] > 0).sum())
        if n_train <= 2 * PROBE_ROWS[-1]:
            return 0.0, 1.0
        model = self.make(family, find_family(family).DEFAULT_CONFIG)
        cells = self._prepare(model.preparation)[1]
        rows = np.random.default_rng(0).permutation(len(self.task.y))
        seconds = []
        for n_rows in PROBE_ROWS:
            few = rows[:n_rows]
            started_s = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sample = cells.iloc[few] if hasattr(cells, "iloc") else cells[few]
                model.fit_prepared(sample, self.task.y[few], self.task.weight[few])
                model.predict_prepared(sample, self.task.n_classes)
            seconds.append(time.perf_counter() - started_s)
        most = PROBE_ROWS[-1]
        power = np.log(seconds[-1] / min(seconds[:-1])) / np.log(most / PROBE_ROWS[0])
        power = float(np.clip(power, 1.0, 3.0))
        return seconds[-1] * (n_train / most) ** power, power

    def _prepare(self, preparation):
        key = repr(preparation)
        if key not in self._prepared:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # said when the table was encoded
                given = {"encoder": self._encoder, "encoded": self._encoded}
                preparation.fit(self.frame, sample_weight=self.task.weight, **given)
                cells = preparation.transform(self.frame, self._encoded)
                self._prepared[key] = preparation, cells
        return self._prepared[key]
