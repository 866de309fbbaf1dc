"""Evaluate configurations of any family on the folds of a table: learning curves and costs."""

import time
import warnings

import numpy as np

from autometa._metrics import Metric
from autometa.encoding import TableEncoder
from autometa.families import EncodedTask, find_family, spread_classes

#: The first is the score; numbers are scored in standard deviations of the target.
CLASS_METRICS = ("neg_log_loss", "accuracy", "roc_auc")
NUMBER_METRICS = ("neg_root_mean_squared_error", "r2")


class TableEvaluator:
    """Evaluate one configuration after another; tables are prepared once for all of them.

    What does not see the target is learned from all rows, everything else per fold.

    Parameters
    ----------
    table : TableFolds
    seed : int
    n_threads : int
    initialisation : Initialisation, default=None
        For the adapted network, which is not evaluated without.
    device : str, default="cpu"
        Of the adapted network.

    Examples
    --------
    >>> from autometa.evaluation import TableFolds
    >>> from autometa.tasks import task_from_arrays
    >>> task = task_from_arrays(np.arange(12.0)[:, None], ["no"] * 6 + ["yes"] * 6)
    >>> evaluator = TableEvaluator(TableFolds.from_task(task))
    >>> [[point]] = evaluator.evaluate("knn", [{"n_neighbors": 1}])
    >>> point["accuracy"]
    1.0
    """

    def __init__(self, table, *, seed=0, n_threads=1, initialisation=None, device="cpu"):
        self.table, self.seed, self.n_threads = table, seed, n_threads
        self.initialisation, self.device = initialisation, device
        names = NUMBER_METRICS if table.is_regression else CLASS_METRICS
        self.metrics = [Metric(name) for name in names]
        self._prepared = {}

    def evaluate(self, family, configs):
        """Evaluate configurations of one family.

        Parameters
        ----------
        family : str
        configs : list of dict

        Returns
        -------
        list of list of dict
            For each configuration the points of its learning curve, the whole configuration last:
            ``step`` (None where the family takes no steps), ``score`` (negative log-loss, or the
            negative root mean squared error in standard deviations of the target), ``cost_s``
            (seconds of fitting and predicting all folds up to there, of processor time where
            ``n_threads`` is 1; fitting is taken to be proportional to steps) and further metrics
            by name; means over the folds.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if family == "adapted_network":
                return self._evaluate_network(configs)
            return [self._evaluate_model(family, config) for config in configs]

    def _evaluate_model(self, family, config):
        found = find_family(family)
        options = {"is_regression": self.table.is_regression, "seed": self.seed}
        model = found.make(config, **options, n_threads=self.n_threads)
        model.preparation_, Z = self._prepare(model.preparation)
        steps = [step for step in found.REPORT_STEPS if step < (model.n_steps or 0)]
        steps.append(model.n_steps)
        values, fit_s, predict_s = [], 0.0, 0.0
        folds = self.table.folds
        for train, valid in zip(folds.train_weight, folds.valid_weight, strict=True):
            started_s = self._now_s()
            model.fit_prepared(Z, self.table.y, train)
            fitted_s = self._now_s()
            rows = np.flatnonzero(valid > 0)
            held_out = Z.iloc[rows] if hasattr(Z, "iloc") else Z[rows]
            if model.n_steps is None:
                predictions = [model.predict_prepared(held_out)]
            else:
                predictions = list(model.stage_prepared(held_out, steps))
            fit_s += fitted_s - started_s
            predict_s += (self._now_s() - fitted_s) / len(steps)
            values.append([self._score(model, p, rows, valid[rows]) for p in predictions])
        values = np.mean(values, axis=0)  # (n_steps, n_metrics)
        shares = [1.0 if step is None else step / steps[-1] for step in steps]
        costs = [fit_s * share + predict_s for share in shares]
        return [self._point(*point) for point in zip(steps, values.tolist(), costs, strict=True)]

    def _now_s(self):
        # One thread's processor time does not depend on what else the machine does.
        is_one_thread = self.n_threads == 1 and self.device == "cpu"
        return time.process_time() if is_one_thread else time.perf_counter()

    def _prepare(self, preparation):
        key = repr(preparation)
        if key not in self._prepared:
            self._prepared[key] = preparation, preparation.fit_transform(self.table.X)
        return self._prepared[key]

    def _score(self, model, prediction, rows, weight):
        if not self.table.is_regression and len(model.classes_) < self.table.n_classes:
            prediction = spread_classes(prediction, model.classes_, self.table.n_classes)
        y = self.table.y[rows]
        return [metric.score(y, prediction, weight) for metric in self.metrics]

    def _point(self, step, values, cost_s):
        others = [metric.name for metric in self.metrics[1:]]
        score = float(values[0]) / self.table.unit
        more = {name: float(value) for name, value in zip(others, values[1:], strict=True)}
        return {"step": step, "score": score, "cost_s": cost_s, **more}

    def _evaluate_network(self, configs):
        from autometa.evaluation.group import FoldScorer, evaluate_group

        table = self.table
        if "network" not in self._prepared:
            cells = TableEncoder().fit_transform(table.X).astype(np.float32)
            self._prepared["network"] = cells
        weight = np.ones(len(table.y))
        task = EncodedTask(self._prepared["network"], table.y, weight, table.n_classes)
        curves = [[] for _ in configs]
        started_s = self._now_s()

        def report(indices, n_steps, values, predictions):
            cost_s = (self._now_s() - started_s) / len(configs)
            for index, own in zip(indices, values, strict=True):
                curves[index].append(self._point(n_steps, own, cost_s))
            return np.zeros(len(indices), dtype=bool)

        evaluate_group(
            task,
            table.folds,
            configs,
            scorer=_AllMetrics([FoldScorer(task, table.folds, metric) for metric in self.metrics]),
            initialisation=self.initialisation,
            seed=self.seed,
            device=self.device,
            may_go_on=lambda run: True,
            report=report,
        )
        return curves


class _AllMetrics:
    """Several scorers of the same folds in the place of one."""

    def __init__(self, scorers):
        self.scorers, self.X = scorers, scorers[0].X

    def scores(self, predictions):
        """Return the scores by every metric, of shape (n_configs, n_metrics)."""
        return np.stack([scorer.scores(predictions) for scorer in self.scorers], axis=1)
