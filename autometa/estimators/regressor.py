"""The regressor."""

import numpy as np
from sklearn.base import RegressorMixin

from autometa.estimators._base import AutoMetaEstimator
from autometa.estimators._several_targets import predict_targets
from autometa.estimators._target_units import MetricInUnits, TargetUnits


class AutoMetaRegressor(RegressorMixin, AutoMetaEstimator):
    """Predict numbers with a network whose weights were proposed, then adapted.

    Parameters
    ----------
    time_limit : float, default=60.0
        Seconds for the whole of `fit`, of several targets too; None for no limit. It ends early
        where nothing is left to gain. Weights are proposed for each target whatever the limit,
        which takes a tenth of a second of each, or more on large tables.
    n_trials : int, default=None
        Configurations to try, for each target; None for as many as fit the time and the number of
        rows. 0 gives the proposed weights as they are, 1 adapts them by the first proposed
        configuration. Families without hyperparameters have one trial, so that of these alone
        there may be fewer.
    families : "auto" or list of str or Family, default="auto"
        Candidate models, among "adapted_network", "linear", "extra_trees", "random_forest",
        "hist_gradient_boosting", "lightgbm", "xgboost", "catboost", "svm" and "knn", in the order
        of their first trials; several of them predict together. "auto" takes the adapted network,
        linear models, extra trees, LightGBM, random forests, and CatBoost where it is installed.
        A :class:`autometa.Family` is an estimator of yours with its hyperparameters.
    metric : str or callable, default=None
        What the search maximises: "neg_root_mean_squared_error" (by default),
        "neg_mean_absolute_error", "neg_mean_squared_error", "r2", any other name of a
        scikit-learn scorer for numbers, or a scorer ``scorer(estimator, X, y)``, which sees
        predictions only, not the table. For a scorer, such as of a quantile loss, predictions are
        shifted by what scores best on rows held out.
    cv : int, splitter or list of (train, test), default=None
        How rows are held out. By default 5 folds, up to 100 rows dealt three times; above 1,000
        rows 3, above 5,000 a quarter of them once; where a first trial could not end in time, only
        the first of these folds. A splitter is given ``groups``, and ``sample_weight`` where its
        ``split`` takes it.
    ensemble : bool, default=True
        False: the best configuration alone predicts (its networks, or the models of its folds).
    infer_limit : float, default=None
        Seconds that predicting one row of a batch may take, for each target, such as 1e-4 for
        10,000 rows a second.
        Measured at the end of `fit` on 1,000 rows of the table, their encoding included; models
        are left out until it is kept. Where nothing is fast enough, the fastest is kept, with an
        :class:`~autometa.exceptions.InferLimitWarning`. So results depend on the machine.
    knowledge : "default", path, Initialisation or Knowledge, default="default"
        Where proposals come from: a folder of `autometa meta-train`, whose weights are taken, or
        of `autometa collect`, whose hyperparameters are, or of both; or one of them itself. What
        it lacks, and by default all, is what ships with autometa; hyperparameters of the network
        ship for the weights that ship.
    on_known_task : {"warn", "raise", "ignore"}, default="warn"
        What to do where the data was seen in meta-training, or hyperparameters were evaluated on
        it.
    device : str, default="auto"
        "auto", "cpu" or "cuda". Predictions are made on the CPU.
    storage : str or optuna storage, default=None
        Where the study is kept; by default in memory.
    study_name : str, default=None
        A stored study of this name is resumed, if data, metric and folds match. With several
        targets each has one: the name, a slash and the name of the target.
    callbacks : list of callable, default=()
        Called with (study, trial) after every trial, as in ``Study.optimize``. Trials that run
        together, up to 8 or on a GPU 32, all end before ``study.stop()`` takes effect.
    n_jobs : int, default=None
        Threads; by default torch decides. -1 for all cores.
    memory_limit : float, default=None
        Gigabytes that `fit` may take beyond what the process holds. A table that takes more when
        it is encoded is refused at once; a search that comes near it ends, with a warning, and
        forests end with fewer trees. Proposing weights takes .1 GB, on large tables up to 1 GB,
        whatever the limit.
    random_state : int, RandomState, Generator or None, default=None
        Of several targets, each has a seed drawn from it.
    verbose : int, default=0
        Above 0 the search logs its progress.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where all columns have names that are text.
    study_ : optuna.Study
    leaderboard_ : DataFrame
        The trials, best first, and the weight of each in what predicts. ``ood_score`` is how far
        the table is from everything known: about 1 or less among known tables, 2 and more far away,
        where proposals are those that serve all of them; NaN where nothing was proposed by it.
        ``leaderboard_.attrs["benefit"]`` is a list of dict, one a family: the best scores of
        proposals (``warm`` the first one's, ``warm_at_equal_cost`` of all that fit into the seconds
        of the costlier of the other two), of the library's ``default`` and of a ``random``
        configuration; None where there is none.
    proposals_ : list of dict
        The proposed configurations, with their ``family``; each family tries its own first.
    best_params_ : dict
        The best configuration of those that predict, with its ``family``; empty where the
        proposed weights are used as they are.
    best_score_ : float
        The mean validation score of what predicts, as far as it was tried; NaN without a trial.
    metafeatures_ : dict of str to float
        What describes the table; computed when first asked for.
    n_trials_ : int
    fit_time_s_ : float
    estimators_ : list of AutoMetaRegressor
        Only with several targets: one for each. ``study_``, ``proposals_``, ``best_params_``,
        ``best_score_`` and ``metafeatures_`` are lists of theirs.
    target_names_ : list
        Only with several targets: the names of the columns, or their numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = AutoMetaRegressor(n_trials=0).fit(X[::2], y[::2])
    >>> model.predict(X[1::2]).shape
    (221,)

    Several targets:

    >>> model = AutoMetaRegressor(n_trials=0).fit(X[["age", "sex", "bmi"]], X[["bp", "s1"]])
    >>> model.predict(X[["age", "sex", "bmi"]]).shape, model.target_names_
    ((442, 2), ['bp', 's1'])
    """

    _kind = "regression"

    def __init__(
        self,
        *,
        time_limit=60.0,
        n_trials=None,
        families="auto",
        metric=None,
        cv=None,
        ensemble=True,
        infer_limit=None,
        knowledge="default",
        on_known_task="warn",
        device="auto",
        storage=None,
        study_name=None,
        callbacks=(),
        n_jobs=None,
        memory_limit=None,
        random_state=None,
        verbose=0,
    ):
        self.time_limit = time_limit
        self.n_trials = n_trials
        self.families = families
        self.metric = metric
        self.cv = cv
        self.ensemble = ensemble
        self.infer_limit = infer_limit
        self.knowledge = knowledge
        self.on_known_task = on_known_task
        self.device = device
        self.storage = storage
        self.study_name = study_name
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.verbose = verbose

    def predict(self, X):
        """Predict a number for each row.

        Parameters
        ----------
        X : table of shape (n_rows, n_features)

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_targets)
        """
        if self._has_several_targets:
            return predict_targets(self, X)
        outputs = self._predict_outputs(X)
        return self._units_.undo(outputs + self._shift_)

    def _learn_target(self, task, rows):
        self._units_, self._shift_ = TargetUnits.of(rows.y, rows.weight), 0.0
        return self._units_.apply(rows.y)

    def _n_classes(self):
        return None

    def _class_factors(self, rows):
        return np.ones(len(rows.y))

    def _metric_in_units(self, metric, y):
        return MetricInUnits(metric.with_classes(None, self._units_.undo(y)), self._units_)

    def _take_decision(self, decision):
        if decision.tuned is not None:
            self._shift_ = decision.tuned
