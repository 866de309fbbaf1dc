"""What classifier and regressor share: `fit` from the table to what predicts."""

import hashlib
import math
import numbers
import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from autometa._deadline import Deadline
from autometa._memory import Memory
from autometa._metrics import find_metric
from autometa._random import as_generator
from autometa.encoding import TableEncoder
from autometa.estimators._canonical import CanonicalRows
from autometa.estimators._decisions import Decision, decide
from autometa.estimators._given import check_given
from autometa.estimators._infer_limit import (
    BATCH_ROWS,
    TIMING_SHARE,
    Choice,
    Stopwatch,
    choose_within,
    warn_if_slow,
)
from autometa.estimators._knowledge import (
    check_known_task,
    find_evaluations,
    find_initialisation,
)
from autometa.estimators._leaderboard import leaderboard
from autometa.estimators._members import Members
from autometa.estimators._options import (
    check_metric,
    check_options,
    check_stored_metric,
    find_families,
)
from autometa.estimators._several_targets import fit_targets, leaderboard_of_targets
from autometa.estimators._study import quiet_optuna
from autometa.estimators._threads import blas_threads, count_threads, torch_threads
from autometa.exceptions import (
    ColumnMismatchError,
    FewerRowsWarning,
    InvalidTableError,
    MemoryLimitError,
    NoScoreWarning,
)
from autometa.metafeatures import compute_metafeatures
from autometa.tasks import as_frame

#: Networks whose mean predicts, adapted from one configuration with other dropout masks.
N_BAGS = 4
#: Weight of the network as proposed where there was no time to see how good it is.
UNTRIED_WEIGHT = 0.5
ROWS_AT_ONCE = 2**15
#: Of a cell, at the peak: its canonical copy, what its encoding is learned from, the encoding.
BYTES_PER_CELL = 70
#: With so many seconds left networks read as much of a large table as ever, with fewer a part.
FULL_READING_S = 4.0
#: Encoding takes so many times what reading rows takes, and may take this share of the time left,
#: or so many seconds.
ENCODING_OF_READING, ENCODING_SHARE, ENCODING_S = 5.0, 0.25, 0.2
#: No fewer rows are drawn where time is too short for all.
FEWEST_ROWS = 500


class AutoMetaEstimator(BaseEstimator):
    """Base of the estimators.

    Subclasses give the constructor, ``predict``, ``_kind``, and what depends on the kind of target:
    ``_learn_target``, ``_n_classes``, ``_class_factors``, ``_metric_in_units`` and
    ``_take_decision``.
    """

    def fit(self, X, y, sample_weight=None, groups=None):
        """Propose weights for the table, search how to adapt them, and adapt them.

        Parameters
        ----------
        X : DataFrame (pandas or polars), pyarrow Table, array or list of shape (n_rows, n_features)
            Numbers, booleans, categories, text and dates; values may be missing or infinite.
        y : target of shape (n_rows,), or targets of shape (n_rows, n_targets)
            With several, each has an estimator of its own in ``estimators_``, and the time limit
            is that of all of them.
        sample_weight : array-like of shape (n_rows,), optional
            A row of weight 2 is the same as two rows, a row of weight 0 as none. Where all weights
            are whole numbers, folds share such rows out; other weights keep rows whole.
        groups : array-like of shape (n_rows,), optional
            Rows of one group stay on one side of every fold.

        Returns
        -------
        self
        """
        with self._all_or_nothing():
            deadline = Deadline(self.time_limit)
            check_options(self)
            check_stored_metric(self.metric, self.storage)
            memory = Memory(self.memory_limit)
            metric = find_metric(self.metric, is_regression=self._kind == "regression")
            given = check_given(X, y, sample_weight, groups, kind=self._kind)
            check_metric(metric, given)
            initialisation = find_initialisation(self.knowledge)
            evaluated_in = None if self.n_trials == 0 else self.knowledge
            for one in given:  # what is known by one of its targets is warned of once
                if check_known_task(one.task, initialisation, self.on_known_task, evaluated_in):
                    break
            if len(given) == 1:
                self._fit_target(given[0], initialisation, metric, deadline, memory)
            else:
                fit_targets(self, given, initialisation, metric, deadline, memory)
        return self

    def _fit_target(self, given, initialisation, metric, deadline, memory):
        """Fit one target, whose table was checked."""
        self._learn_columns(given.task.X)
        with blas_threads(self.n_jobs):
            self._fit_rows(given, initialisation, metric, deadline, memory)
        self.fit_time_s_ = deadline.elapsed_s

    def _learn_columns(self, frame):
        """Remember the columns; scikit-learn does so where their names are text."""
        validate_data(self, frame, skip_check_array=True)
        is_text = hasattr(self, "feature_names_in_")
        self._other_names_ = None if is_text else [repr(name) for name in frame.columns]

    def _fit_rows(self, given, initialisation, metric, deadline, memory):
        from autometa.estimators._splits import find_folds
        from autometa.families import Folds

        task, rows = self._encode_rows(given, deadline)
        self._task_ = given.task
        # Without a seed the folds are still the same in every fit, so that a study can resume.
        rng = as_generator(0 if self.random_state is None else self.random_state)
        folds = find_folds(
            self.cv, given, rows, n_classes=task.n_classes, weight=rows.weight, rng=rng
        )
        factors = task.weight / rows.weight  # of the classes: for what is fitted, not for scores
        folds = Folds(folds.train_weight * factors, folds.valid_weight)
        with torch_threads(self.n_jobs, may_be_fewer=deadline.seconds is not None):
            _pay_for_first_use(initialisation)
            pace = self._propose(task, folds, initialisation, deadline, memory)
            self._search(task, given, rows, folds, rng, initialisation, metric, pace)
            if self.infer_limit is not None:
                try:
                    warn_if_slow(self._model_, self._encoder_, rows.X, self.infer_limit)
                except KeyboardInterrupt:
                    self._note_interrupt("the best model found so far is kept")

    def _encode_rows(self, given, deadline):
        """Bring the rows into canonical form, learn their encoding and apply it."""
        from autometa.families import EncodedTask

        self._check_memory(*given.task.X.shape)
        rows = self._afford(
            partial(CanonicalRows.of, given.task.X, given.y, given.weight, given.groups), deadline
        )
        self._encoder_ = TableEncoder().fit(rows.X, sample_weight=rows.weight)
        y = self._learn_target(given.task, rows)
        X = self._encode_cells(rows.X)
        weight = rows.weight * self._class_factors(rows)
        reading_share = min(1.0, deadline.left_s / FULL_READING_S)
        return EncodedTask(X, y, weight, self._n_classes(), reading_share), rows

    def _afford(self, read, deadline):
        """Read the rows; keep as many of them as can be encoded in a share of the time left."""
        started_s = 0.0 if deadline.seconds is None else deadline.elapsed_s
        rows = read()
        if deadline.seconds is None or self.cv is not None or self.storage is not None:
            return rows
        encoding_s = ENCODING_OF_READING * (deadline.elapsed_s - started_s)
        n_rows, may_take_s = len(rows.y), max(ENCODING_S, ENCODING_SHARE * deadline.left_s)
        if encoding_s <= may_take_s or n_rows <= FEWEST_ROWS:
            return rows
        n_drawn = max(FEWEST_ROWS, int(n_rows * may_take_s / encoding_s))
        rows = rows.draw(n_drawn, of_each=self._kind != "regression")
        warnings.warn(
            f"time_limit={self.time_limit:g} is short for {n_rows} rows of {rows.X.shape[1]} "
            f"columns: {len(rows.y)} rows drawn at random are fitted on. Give it more time.",
            FewerRowsWarning,
            stacklevel=6,
        )
        return rows

    def _encode_cells(self, frame):
        """Encode a table block by block as float32, so that no float64 copy of it is made."""
        n_rows, n_columns = len(frame), self._encoder_.n_columns_
        self._check_memory(n_rows, n_columns)
        X = np.empty((n_rows, n_columns, 3), dtype=np.float32)
        for start in range(0, n_rows, ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            X[block] = self._encoder_.transform(frame.iloc[block])
        return X

    def _check_memory(self, n_rows, n_columns):
        needed = n_rows * n_columns * BYTES_PER_CELL / 1e9
        if self.memory_limit is not None and needed > self.memory_limit:
            raise MemoryLimitError(
                f"Fitting {n_rows} rows of {n_columns} columns takes about {needed:.3g} GB, but "
                f"memory_limit={self.memory_limit:g}. Raise it, or give fewer rows or columns."
            )

    def _is_of_first_fold(self, task, folds):
        """Whether the proposal reads what the first fold trains on, and no other rows.

        Of a large table it reads a part of the rows anyway, and the others can tell how good it is.
        A user's splits may be ordered in time, so that the first has the oldest rows only.
        """
        from autometa.families.adapted_network import context_rows

        is_drawn = self.cv is None or isinstance(self.cv, numbers.Number)
        n_rows = (folds.train_weight[0] > 0).sum()
        return is_drawn and self.n_trials != 0 and n_rows >= context_rows(task)

    def _propose(self, task, folds, initialisation, deadline, memory):
        """Make what there is to predict with from here on, whatever happens to the search."""
        from autometa._device import find_device
        from autometa.families.adapted_network import context_rows, make_model, propose_weights
        from autometa.search import Pace

        laps = [deadline.elapsed_s]
        options = {"device": find_device(self.device)}
        is_of_first = self._is_of_first_fold(task, folds)
        read = folds.train_weight[0] if is_of_first else task.weight
        [weights] = propose_weights(task, read[None], initialisation, **options)
        laps.append(deadline.elapsed_s)
        model = make_model(task, weights, read)
        laps.append(deadline.elapsed_s)
        self._model_ = Members(task.n_classes, networks=[(1.0, model)])
        self.best_params_, self.best_score_ = {}, math.nan
        propose_s, read_s = np.diff(laps)
        if self.infer_limit is not None:
            deadline = deadline.earlier(min(1.0, TIMING_SHARE * deadline.left_s))
        costs = {"propose_s": float(propose_s), "read_s": float(read_s), "memory": memory}
        costs["is_alone"] = find_families(self.families) == ("adapted_network",)
        costs["n_proposed"] = int(is_of_first)
        return Pace(deadline, n_bags=N_BAGS, n_rows=context_rows(task), **costs)

    def _search(self, task, given, rows, folds, rng, initialisation, metric, pace):
        """Search the configurations of the adaptation, and adapt all rows by the best."""
        from autometa._device import find_device
        from autometa.evaluation import FoldModels
        from autometa.families.adapted_network import NAME, context_rows
        from autometa.search import open_study, run_search

        first = self._model_.networks[0][1] if self._is_of_first_fold(task, folds) else None
        families = find_families(self.families)
        metric = self._metric_in_units(metric, task.y)
        is_auto = isinstance(self.families, str) and self.families == "auto"
        if is_auto and task.reading_share < 1 and len(task.y) > context_rows(task):
            # hardly any time: the network would see a part of the rows, and take longer
            families = (*(family for family in families if family != NAME), NAME)
        if NAME in families and self.cv is None and self.storage is None:
            folds = pace.few_enough(folds)  # where trials are stored, they compare with any fit's
        seed_rng = as_generator(None) if self.random_state is None else rng
        seed = int(seed_rng.integers(2**31))
        with quiet_optuna():
            self.study_ = open_study(
                task_description={
                    "fingerprint": _digest(rows.hashes, rows.weight),
                    "metric": metric.name,
                    "folds": _digest(folds.train_weight, folds.valid_weight),
                },
                storage=self.storage,
                study_name=self.study_name,
                seed=seed,
                families=families,
            )
        proposals = self._find_proposals(families, task, given, pace.deadline)
        self.proposals_ = [proposals[0].first()]
        if self.n_trials == 0:
            return
        n_threads, units = count_threads(rows.X.shape), getattr(self, "_units_", None)
        found = run_search(
            task,
            folds,
            study=self.study_,
            n_trials=self.n_trials,
            metric=metric,
            initialisation=initialisation,
            first=first,
            proposals=proposals,
            models=partial(
                FoldModels,
                rows.X,
                task,
                folds,
                seed=seed,
                n_threads=n_threads,
                units=units,
                encoder=self._encoder_,
            ),
            callbacks=self.callbacks,
            pace=pace,
            verbose=self.verbose,
            seed=seed,
            device=find_device(self.device),
        )
        self.proposals_ = [
            config for one in proposals for config in one.proposed
        ] or self.proposals_
        if found is None:
            self._warn_of_no_score(families, metric)
            return
        choices = self._choose(found, task, rows)
        members = [(one.candidate, one.weight) for one in choices if one.candidate.trial >= 0]
        try:
            self._model_ = self._keep(choices, found, task, initialisation, pace, seed)
        except KeyboardInterrupt:
            self._note_interrupt("the weights as proposed are kept")
            return
        self._weights_ = {one.candidate.trial: one.weight for one in choices}
        if not members:  # the proposed weights alone are fast enough
            return
        best = max((one for one, _ in members), key=lambda one: one.score)
        total = sum(weight for _, weight in members)
        members = [(one, weight / total) for one, weight in members]
        is_all = len(members) == len(choices)
        try:
            decision = decide(found, members, task, found.scorer.metric, is_all=is_all)
        except KeyboardInterrupt:
            self._note_interrupt("the best model found so far is kept")
            decision = Decision(1.0, None, found.score_of(members))
        self.best_score_ = float(decision.score)
        self._take_decision(decision)
        steps = {} if best.n_steps is None else {"n_steps": best.n_steps}
        self.best_params_ = {"family": best.family, **best.config, **steps}

    def _note_interrupt(self, kept):
        self.study_.is_interrupted = True
        warnings.warn(f"Interrupted; {kept}.", stacklevel=6)

    def _warn_of_no_score(self, families, metric):
        """Say that the proposed network predicts, where something else was asked for."""
        from autometa.families import find_family
        from autometa.families.adapted_network import NAME

        errors = [trial.user_attrs.get("autometa:error") for trial in self.study_.trials]
        error = next((e for e in [metric.error, *errors] if e is not None), None)
        if error is None and NAME in families:
            return  # there was no time to try it
        names = ", ".join(find_family(family).NAME for family in families)
        reason = "there was too little time" if error is None else f"the first error is {error}"
        warnings.warn(
            f"No trial of {names} has a score ({reason}), so the weights that were proposed for "
            "the adapted network predict. Give more time, fewer folds, or another metric.",
            NoScoreWarning,
            stacklevel=6,
        )

    def _choose(self, found, task, rows):
        """Choose what predicts: the ensemble or the best alone, as far as it is fast enough."""
        from autometa.families.adapted_network import NAME, has_chance
        from autometa.search import Candidate, best_trial, has_failed

        members = found.members if self.ensemble else [(found.best, 1.0)]
        choices = [Choice(one, weight) for one, weight in members]
        is_untried = NAME in find_families(self.families) and not found.has_tried(NAME)
        is_untried &= not found.is_complete and best_trial(self.study_, NAME) is None
        is_untried &= not has_failed(self.study_, NAME)  # what the metric refuses predicts nothing
        if self.ensemble and is_untried:
            proposed = Candidate(NAME, {}, math.nan, np.empty(0), -1, n_steps=0)
            choices = [Choice(one, (1 - UNTRIED_WEIGHT) * weight) for one, weight in members]
            choices.append(Choice(proposed, UNTRIED_WEIGHT))
        if self.infer_limit is None:
            return choices
        others = sorted(found.candidates, key=lambda one: -one.score)
        limit_s = self.infer_limit * BATCH_ROWS

        def has_bags(one):
            return one.n_steps != 0 and has_chance(task, one.config)

        try:
            watch = Stopwatch(rows.X, self._encoder_, self._model_.networks[0][1])
            return choose_within(choices, others, watch, limit_s, N_BAGS, has_bags)
        except KeyboardInterrupt:  # if it is too slow, a warning says so
            self._note_interrupt("the best model found so far is kept")
            return choices

    def _find_proposals(self, families, task, given, deadline):
        """Find out what to try first of each family."""
        from autometa.search import FamilyProposals

        def describe():
            if self._task_ is not None:
                X, y = given.repeated_rows()
                self._metafeatures_ = compute_metafeatures(X, y, self._kind)
                self._task_ = None
            return self._metafeatures_

        knowledge = find_evaluations(self.knowledge)
        kind = {"is_regression": task.is_regression, "n_rows": len(task.y)}
        kind["deadline"] = deadline
        return [FamilyProposals(family, knowledge, describe, **kind) for family in families]

    def _keep(self, choices, found, task, initialisation, pace, seed):
        """Make what predicts: networks adapted on all rows, and models of folds and of all rows."""
        from autometa._device import find_device
        from autometa.families import adapt_model
        from autometa.families.adapted_network import NAME

        members, proposed = Members(task.n_classes), self._model_.networks[0][1]
        for choice in choices:
            one, weight, n_models = choice.candidate, choice.weight, choice.n_models
            if one.family != NAME:
                members.add_tables(weight, one, n_models)
            elif one.n_steps == 0:  # the weights as proposed are the best there are
                members.networks.append((weight, proposed))
            else:
                n_bags, deadline = pace.plan_refit(one.n_steps)
                # who pressed Ctrl-C wants no wait
                n_bags = 1 if found.interrupted else min(n_bags, n_models or n_bags)
                model = adapt_model(
                    task,
                    initialisation,
                    one.config,
                    n_steps=one.n_steps,
                    n_bags=n_bags,
                    deadline=deadline,
                    seed=seed,
                    device=find_device(self.device),
                    proposed=proposed,
                )
                members.networks.append((weight, model))
        return members

    def _predict_outputs(self, X):
        """Predict probabilities or numbers in float64, each row's from that row alone."""
        frame = self._check_frame(X)
        readable = self._encoder_.blank_unread(frame)
        blocks = [slice(i, i + ROWS_AT_ONCE) for i in range(0, len(frame), ROWS_AT_ONCE)]
        with torch_threads(self.n_jobs):
            parts = [
                self._model_.predict(readable.iloc[block], self._encoder_, frame.iloc[block])
                for block in blocks
            ]
        return np.concatenate(parts)

    def _check_frame(self, X):
        """Bring a table to predict into the form of the one fitted on."""
        check_is_fitted(self)
        frame = as_frame(X)
        if not len(frame):
            raise InvalidTableError(
                f"The table is empty: 0 sample(s) (shape={frame.shape}) while a minimum of 1 is "
                "required."
            )
        try:
            validate_data(self, frame, reset=False, skip_check_array=True)
        except ValueError as error:
            raise ColumnMismatchError(str(error)) from error
        known, names = getattr(self, "_other_names_", None), [repr(name) for name in frame.columns]
        has_names = known is not None and isinstance(X, pd.DataFrame)
        if has_names and names != known and sorted(names) == sorted(known):
            raise ColumnMismatchError(
                f"The columns are those of fit in another order: {', '.join(names[:10])} in the "
                f"place of {', '.join(known[:10])}. Give them in the order of fit."
            )
        # Names were checked, and warned about where they were missing.
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        return frame.set_axis(list(names), axis=1)

    def save(self, folder):
        """Write what predicts into a folder, as safetensors and JSON.

        Parameters
        ----------
        folder : str or path
            Made if need be; :func:`autometa.load` reads it.
        """
        from autometa.estimators._saved import save

        check_is_fitted(self)
        save(self, folder)

    @property
    def metafeatures_(self):
        """Numbers that describe the table, by name; computed when first asked for."""
        check_is_fitted(self)
        if self._has_several_targets:
            return [one.metafeatures_ for one in self.estimators_]
        if self._task_ is not None:
            self._metafeatures_ = compute_metafeatures(
                self._task_.X, self._task_.y, self._task_.kind
            )
            self._task_ = None
        return self._metafeatures_

    @property
    def leaderboard_(self):
        """Every trial as a row of a table, the best first; target after target."""
        check_is_fitted(self)
        if self._has_several_targets:
            return leaderboard_of_targets(self)
        return leaderboard(self.study_, getattr(self, "_weights_", {}))

    @property
    def n_trials_(self):
        """Number of trials in the study, or in those of all targets."""
        check_is_fitted(self)
        if self._has_several_targets:
            return sum(one.n_trials_ for one in self.estimators_)
        return len(self.study_.get_trials(deepcopy=False))

    @property
    def _has_several_targets(self):
        return hasattr(self, "estimators_")

    def __getstate__(self):
        # A pickle holds the meta-features of the table, not the table.
        if getattr(self, "_task_", None) is not None and self.__sklearn_is_fitted__():
            self.metafeatures_  # noqa: B018
        return super().__getstate__()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "fit_time_s_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags

    @contextmanager
    def _all_or_nothing(self):
        """Leave no attributes of a fit behind where it fails."""
        parameters = set(self.get_params(deep=False))
        self._forget(parameters)
        try:
            yield
        except BaseException:
            self._forget(parameters)
            raise

    def _forget(self, parameters):
        for name in set(vars(self)) - parameters:
            if name.endswith("_"):
                delattr(self, name)


#: Whether this process has proposed weights before.
_used = []


def _pay_for_first_use(initialisation):
    """Pay for imports and first calls once a process, so that what follows can be timed."""
    if _used:
        return
    from autometa.families import EncodedTask, propose_model

    X, y = np.zeros((4, 1, 3), dtype=np.float32), np.array([0, 1, 0, 1])
    propose_model(EncodedTask(X, y, np.ones(4), 2), initialisation)
    _used.append(True)


def _digest(*arrays):
    """Write the content of arrays as a short text."""
    digest = hashlib.sha256()
    for array in arrays:
        # Weights that differ by rounding are the same ones.
        values = array if array.dtype.kind == "u" else np.round(array, 9).astype(np.float64)
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:32]
