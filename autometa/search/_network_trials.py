"""Trials of the adapted network: asked in groups, adapted together, reported, pruned and told."""

import numpy as np
from optuna.trial import TrialState

from autometa.evaluation import evaluate_group
from autometa.families import space
from autometa.families.adapted_network import DEFAULT_CONFIG, NAME, propose_weights
from autometa.search._library import Candidate
from autometa.search._stored import NOT_FINITE, best_trial, read_trial

#: Trials asked at once on a CPU and on a GPU.
GROUP_SIZES = {"cpu": 8, "cuda": 32}


class NetworkTrials:
    """Ask for groups of configurations of the adaptation and evaluate them.

    Parameters
    ----------
    task : EncodedTask
    folds : Folds
    study : SearchStudy
    library : Library
    pace : Pace
    initialisation : Initialisation
    seed : int
        Of the dropout noise and of row draws; common to all trials.
    device : str
    proposals : FamilyProposals
    prefix : str
        In front of the names of the hyperparameters.
    first : NetworkModel, default=None
        As proposed for the first fold, where it is there: what can be tried in hardly any time.
    """

    family, has_enough = NAME, False

    def __init__(
        self,
        task,
        folds,
        *,
        study,
        library,
        pace,
        initialisation,
        seed,
        device,
        proposals,
        prefix="",
        first=None,
    ):
        self.task, self.folds, self.study = task, folds, study
        self.library, self.pace = library, pace
        self._common = {"initialisation": initialisation, "seed": seed, "device": device}
        self._space = space(is_regression=task.is_regression)
        self.proposals = proposals
        self._prefix, self._most = prefix, GROUP_SIZES.get(device.partition(":")[0], 8)
        self._first, self._proposed = first, None  # the same for all groups
        self.n_trials = 0

    def may_start(self):
        """Whether there is time for a group; beside other families, for proposals at least."""
        options = {"fewest_steps": 0} if self._prefix and not self.n_trials else {}
        return self.pace.may_start(len(self.folds.train_weight), **options) or self._may_take_first

    @property
    def _may_take_first(self):
        """Whether the proposal that is there can be tried as it is."""
        is_of_all_folds = self._first is not None and len(self.folds.train_weight) == 1
        return is_of_all_folds and not self.n_trials and self.pace.may_predict()

    def run(self, n_most):
        """Run a group of at most so many trials; return the frozen trials told."""
        n_folds, prefix = len(self.folds.train_weight), self._prefix
        n_asked = int(min(self._most, n_most, self.pace.group_size(n_folds)))
        takes_first = not self.pace.may_start(n_folds) and self._may_take_first
        for _ in range(n_asked):
            proposed = self.proposals.next()
            if proposed is not None:
                config = {prefix + name: value for name, value in proposed[0].items()}
                self.study.enqueue_trial(config, user_attrs=proposed[1])
        distributions = {prefix + name: d for name, d in self._space.items()}
        trials = [self.study.ask(distributions) for _ in range(n_asked)]
        group = _Group(trials, self.pace, lambda: self.library.scorer.metric.error)
        configs = [read_trial(trial, NAME) for trial in group.trials]
        self.pace.group_starts(n_asked * n_folds)
        try:
            if takes_first:
                scorer = self.library.scorer
                predictions = self._first.predict(scorer.X[0])[None, None]
                group.report([0], 0, scorer.scores(predictions), predictions)
            else:
                self._evaluate(configs, group.report)
        finally:
            told, candidates = group.tell(self.study)
            self.n_trials += n_asked
            best = best_trial(self.study, NAME)
            if best is not None:
                self.pace.group_ended(best.user_attrs["autometa:n_steps"])
            for frozen, n_steps, prediction in candidates:
                config = {**DEFAULT_CONFIG, **read_trial(frozen, NAME)}
                self.proposals.tell(read_trial(frozen, NAME), frozen.value)
                score, number = frozen.value, frozen.number
                self.library.add(Candidate(NAME, config, score, prediction, number, n_steps))
        return told

    def recall(self, stored):
        """Adapt by a stored trial once more, so that there is what it predicts on the folds.

        Parameters
        ----------
        stored : FrozenTrial
        """
        config, n_steps = read_trial(stored, NAME), stored.user_attrs["autometa:n_steps"]
        found = []

        def report(indices, step, scores, predictions):
            self.pace.reported(step)
            if step == n_steps and np.isfinite(scores[0]):
                found.append(predictions[0])
            return np.zeros(len(indices), dtype=bool)

        self.pace.group_starts(len(self.folds.train_weight))
        self._evaluate([{**config, "n_steps": n_steps}], report)
        self.pace.group_ended(n_steps)
        if found:
            config = {**DEFAULT_CONFIG, **config}
            score, number = stored.value, stored.number
            self.library.add(Candidate(NAME, config, score, found[0], number, n_steps))

    def _evaluate(self, configs, report):
        if self._proposed is None:
            weight = self.folds.train_weight
            self._proposed = propose_weights(self.task, weight, first=self._first, **self._common)
        evaluate_group(
            self.task,
            self.folds,
            configs,
            scorer=self.library.scorer,
            may_go_on=self.pace.may_go_on,
            report=report,
            proposed=self._proposed,
            **self._common,
        )


class _Group:
    """Trials that run together: their curves, and what they end as."""

    def __init__(self, trials, pace, error):
        self.trials, self.pace, self.error = trials, pace, error
        self.curves = [{} for _ in trials]
        self.predictions = [None for _ in trials]  # at the best point of each curve
        self.is_pruned = [False] * len(trials)
        self.is_unscored = [False] * len(trials)

    def report(self, indices, n_steps, scores, predictions):
        self.pace.reported(n_steps)
        pruned = []
        for index, score, prediction in zip(indices, scores, predictions, strict=True):
            trial, curve = self.trials[index], self.curves[index]
            if not np.isfinite(score):  # it has diverged, or the metric does not take it
                self.is_unscored[index] = True
                pruned.append(True)
                continue
            if n_steps not in curve:
                if score > max(curve.values(), default=-np.inf):
                    self.predictions[index] = prediction
                curve[n_steps] = float(score)
                trial.report(float(score), n_steps)
            stale = n_steps - max(curve, key=curve.get) > max(20, 0.5 * n_steps)
            prune = trial.should_prune()
            self.is_pruned[index] = prune
            pruned.append(prune or stale)
        return np.array(pruned, dtype=bool)

    def tell(self, study):
        """Tell what was reached; also return the candidates among it."""
        told, candidates = [], []
        states = (self.curves, self.predictions, self.is_pruned, self.is_unscored)
        for trial, curve, prediction, is_pruned, is_unscored in zip(
            self.trials, *states, strict=True
        ):
            if not curve:
                if is_unscored:
                    trial.set_user_attr("autometa:error", self.error() or NOT_FINITE)
                told.append(study.tell(trial, state=TrialState.FAIL))
                continue
            best_step = max(curve, key=curve.get)
            trial.set_user_attr("autometa:n_steps", best_step)
            trial.set_user_attr("autometa:group_size", len(self.trials))
            if "autometa:origin" not in trial.user_attrs:
                trial.set_user_attr("autometa:origin", "sampler")
            if is_pruned:
                told.append(study.tell(trial, state=TrialState.PRUNED))
            else:
                told.append(study.tell(trial, curve[best_step]))
                candidates.append((told[-1], best_step, prediction))
        return told, candidates
