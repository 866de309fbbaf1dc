"""The classifier."""

import numpy as np
from sklearn.base import ClassifierMixin

from autometa._calibration import temper
from autometa.estimators._base import AutoMetaEstimator
from autometa.estimators._class_weight import class_factors
from autometa.estimators._decisions import add_offsets
from autometa.estimators._several_targets import exact_match, predict_targets


class AutoMetaClassifier(ClassifierMixin, AutoMetaEstimator):
    """Predict classes with a network whose weights were proposed, then adapted.

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
        What the search maximises: "neg_log_loss" (by default), "accuracy", "balanced_accuracy",
        "roc_auc", "f1", "f1_macro", any other name of a scikit-learn scorer for classes, or a
        scorer ``scorer(estimator, X, y)``, which sees predictions only, not the table. Where it
        looks at labels alone, and is not the accuracy, thresholds are chosen for it: see
        ``class_offsets_``.
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
    class_weight : dict, "balanced", list of these or None, default=None
        Factors for the weights that rows are fitted with, by class; the sum of all weights stays
        what it was. Rows held out are scored without them. A list has one for each of several
        targets.
    random_state : int, RandomState, Generator or None, default=None
        Of several targets, each has a seed drawn from it.
    verbose : int, default=0
        Above 0 the search logs its progress.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    class_offsets_ : ndarray of shape (n_classes,)
        Added to the logarithms of probabilities before the largest is the label that `predict`
        gives. Not 0 where the metric is one of labels but the accuracy, such as
        "balanced_accuracy" or "f1", and where such offsets scored better on rows held out;
        probabilities stay as they are.
    temperature_ : float
        What the logarithms of probabilities are divided by, chosen on rows held out: below 1 where
        the mean of the models was less certain than it could be. 1 without a trial.
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
        The mean validation score of what predicts, as far as it was tried and before any
        temperature; NaN without a trial.
    metafeatures_ : dict of str to float
        What describes the table; computed when first asked for.
    n_trials_ : int
    fit_time_s_ : float
    estimators_ : list of AutoMetaClassifier
        Only with several targets: one for each. ``classes_``, ``class_offsets_``, ``temperature_``,
        ``study_``, ``proposals_``, ``best_params_``, ``best_score_`` and ``metafeatures_`` are
        lists of theirs.
    target_names_ : list
        Only with several targets: the names of the columns, or their numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> model = AutoMetaClassifier(n_trials=0).fit(X[::2], y[::2])
    >>> model.predict_proba(X[1::2]).shape
    (89, 3)

    Several labels a row:

    >>> labels = (X[["alcohol", "hue"]] > X[["alcohol", "hue"]].mean()).astype(int)
    >>> model = AutoMetaClassifier(n_trials=0).fit(X[::2], labels[::2])
    >>> model.predict(X[1::2]).shape, model.target_names_
    ((89, 2), ['alcohol', 'hue'])
    """

    _kind = "classification"

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
        class_weight=None,
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
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : table of shape (n_rows, n_features)

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            In the order of ``classes_``; rows sum to 1. With several targets, a list: one each.
        """
        if self._has_several_targets:
            frame = self._check_frame(X)
            return [one.predict_proba(frame) for one in self.estimators_]
        return temper(self._predict_outputs(X), self.temperature_)

    def predict(self, X):
        """Predict the class of each row; an ndarray of shape (n_rows,) or (n_rows, n_targets).

        It is the most probable one, unless the metric is one of labels: see ``class_offsets_``.
        """
        if self._has_several_targets:
            return predict_targets(self, X)
        probabilities = self.predict_proba(X)
        if self.class_offsets_.any():
            probabilities = add_offsets(probabilities, self.class_offsets_)
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X, y, sample_weight=None):
        """Score predictions by their accuracy; with several targets, a row is right as a whole.

        Parameters
        ----------
        X : table of shape (n_rows, n_features)
        y : target of shape (n_rows,), or targets of shape (n_rows, n_targets)
        sample_weight : array-like of shape (n_rows,), optional

        Returns
        -------
        float
        """
        if self._has_several_targets:
            return exact_match(y, self.predict(X), sample_weight)
        return super().score(X, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _learn_target(self, task, rows):
        self.classes_, self.class_offsets_ = task.classes, np.zeros(len(task.classes))
        self.temperature_ = 1.0
        return rows.y

    def _n_classes(self):
        return len(self.classes_)

    def _class_factors(self, rows):
        return class_factors(self.class_weight, self.classes_, rows.y, rows.weight)

    def _metric_in_units(self, metric, y):
        return metric.with_classes(self.classes_, y)

    def _take_decision(self, decision):
        self.temperature_ = decision.temperature
        if decision.tuned is not None:
            self.class_offsets_ = decision.tuned
