"""The sampler: an Optuna sampler that asks the knowledge first, and another sampler after it."""

import datetime
import threading
import warnings
import weakref

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState

from autometa.exceptions import InvalidInputError, UnknownSpaceWarning
from autometa.proposers import SurrogateProposer
from autometa.search._attributes import store_attributes
from autometa.search._proposing import (
    check_user_space,
    describe,
    find_knowledge,
    find_proposer,
    proposer_options,
    unknown_names,
    user_space,
)
from autometa.search._replay import CONFIG, HANDED_OVER, Replay, values_for

_N_RETRIES = 3
#: How often, and every how many seconds, to look whether other workers have said what they run.
_N_WAITS, _WAIT_S = 10, 0.02


class MetaSampler(optuna.samplers.BaseSampler):
    """Sample what other tasks' trials suggest, updated by the study's own; then as another sampler.

    The knowledge is asked as long as it helps. It is *used up*, from twelve scores on, where less
    than 0.05 % of the spread of scores is expected to be gained, or where 20 scores in a row, from
    the first proposal on, brought nothing better; in any case after 60 proposals and in a study of
    150 finished trials, which tells more than other tasks do. It is *contradicted*, from twelve
    scores on, where it foretells them hardly better than chance: where the rank correlation of
    the scores with what the knowledge and all the other scores lead to expect is below 0.1. From
    then on the base sampler takes over, for every worker of the study. It also answers whatever
    the knowledge does not know: foreign hyperparameters and categories, and studies with several
    objectives.

    All state is in the study's trials, so workers may share a storage and come and go. Trials that
    run or wait count as giving what is expected of them: parallel workers get different proposals.

    Every trial tells in its user attributes where it comes from: ``autometa:origin`` ("surrogate",
    "portfolio", "nearest tasks", "sampler" for the base sampler, or "enqueued"), and for proposals
    ``autometa:neighbours`` (known tasks that count most), ``autometa:predicted_score`` (in the
    units of the knowledge, higher is better), ``autometa:predicted_cost_s`` (on tables such as
    those known, of at most 1,000 rows where they ship) and ``autometa:ood_score`` (how far the data
    is from everything known: about 1 or less among the known tasks; from 1.25 on proposals fade to
    the static portfolio, which is all from 2 on). The trial where the base sampler took over tells
    why: ``autometa:handed_over``.

    Parameters
    ----------
    X, y : table and target, optional
        Of the new task, for its meta-features. Rows are not kept.
    family : str
        What is tuned, such as "lightgbm". The study's hyperparameters should have the names of the
        library; ranges and scales may differ, and those left alone are taken to be at the
        library's defaults.
    metafeatures : mapping or Series, optional
        In place of computed ones.
    knowledge : "default", path or Knowledge, default="default"
        "default" is what ships with the package.
    space : dict of str to optuna distribution, optional
        What the study tunes, by default what its trials have shown so far. Give it where that is
        only a part of what is known: until the first trial ends, proposals count on the rest too.
    base_sampler : optuna sampler, optional
        By default ``TPESampler(seed=seed)``.
    proposer : callable, default=SurrogateProposer
        ``proposer(knowledge, family)`` makes what is asked. Where it takes ``by_rank``, and is no
        partial that has bound it, that is given too.
    by_rank : bool, default=True
        Take scores by their order only, since they are of another metric, or in other units, than
        those of the knowledge. False compares them as they are.
    cost_exponent : float, default=0.0
        Expected improvement is divided by predicted seconds to this power: 1 asks for most
        improvement per second, 0 for most per trial. Without known costs nothing changes.
    seed : int, optional
    kind : {"binary", "multiclass", "regression", "classification"}, optional
        What the target is; by default as its values look.

    Attributes
    ----------
    space : dict of str to optuna distribution
        The hyperparameters that the knowledge knows.

    Raises
    ------
    InvalidInputError
        Where nothing is known of the family or of all that is tuned, or a table comes without its
        target.

    Warns
    -----
    UnknownSpaceWarning
        Once, where a trial tunes nothing of what is known; where a part of ``space`` is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> from autometa import Knowledge
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> scores = pd.DataFrame({"task": list("aabbcc"), "family": "knn", "hp_k": [1, 9] * 3,
    ...                        "score": [0.9, 0.8, 0.6, 0.8, 0.7, 0.8]})
    >>> knowledge = Knowledge.from_evaluations(scores, None)
    >>> study = optuna.create_study(sampler=MetaSampler(family="knn", knowledge=knowledge))
    >>> study.optimize(lambda trial: -trial.suggest_int("k", 1, 20), n_trials=1)
    >>> study.trials[0].params, study.trials[0].user_attrs["autometa:origin"]
    ({'k': 9}, 'surrogate')
    """

    def __init__(
        self,
        X=None,
        y=None,
        *,
        family,
        metafeatures=None,
        knowledge="default",
        space=None,
        base_sampler=None,
        proposer=SurrogateProposer,
        by_rank=True,
        cost_exponent=0.0,
        seed=None,
        kind=None,
    ):
        if base_sampler is None:
            base_sampler = optuna.samplers.TPESampler(seed=seed)
        if not isinstance(base_sampler, optuna.samplers.BaseSampler):
            raise InvalidInputError(
                f"base_sampler must be an optuna sampler, got {type(base_sampler).__name__}."
            )
        if not callable(proposer):
            raise InvalidInputError(
                "proposer must be a class of autometa.proposers, such as PortfolioProposer, got "
                f"{proposer!r}."
            )
        knowledge = find_knowledge(knowledge, family)
        self._metafeatures, is_regression = describe(X, y, metafeatures, knowledge, kind)
        options = proposer_options(proposer, by_rank=by_rank, cost_exponent=cost_exponent)
        self._proposer = find_proposer(knowledge, family, is_regression, proposer, **options)
        self._proposer.start(self._metafeatures)  # meta-features of other names are refused here
        self._is_regression, self._has_warned = is_regression, False
        self._given = check_user_space(space, self._proposer)
        self._base, self._seed = base_sampler, 0 if seed is None else seed
        self._forget()

    @property
    def space(self):
        return self._proposer.space

    def reseed_rng(self):
        self._base.reseed_rng()

    def infer_relative_search_space(self, study, trial):
        space = self._base.infer_relative_search_space(study, trial)
        others = {name: known for name, known in space.items() if name not in self.space}
        if len(others) == len(space) or not self._may_ask(study):
            return space
        # Proposals need no space in advance; the base sampler needs all of it, or the rest.
        known = {name: space[name] for name in space if name in self.space}
        return space if self._propose(study, trial, known) is None else others

    def sample_relative(self, study, trial, search_space):
        answers = {}
        if self._may_ask(study):
            for name, distribution in search_space.items():
                if name in self.space:
                    self._answer(study, trial, name, distribution, answers)
        rest = {name: known for name, known in search_space.items() if name not in answers}
        return self._base.sample_relative(study, trial, rest) | answers

    def sample_independent(self, study, trial, param_name, param_distribution):
        answers = {}
        if param_name in self.space and self._may_ask(study):
            self._answer(study, trial, param_name, param_distribution, answers)
        if param_name in answers:
            return answers[param_name]
        return self._base.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study, trial):
        self._base.before_trial(study, trial)

    def after_trial(self, study, trial, state, values):
        if "autometa:origin" not in trial.user_attrs:
            is_enqueued = "fixed_params" in trial.system_attrs
            origin = "enqueued" if is_enqueued else "sampler"
            study._storage.set_trial_user_attr(trial._trial_id, "autometa:origin", origin)
        if not self._has_warned and self._may_ask(study):
            names = trial.distributions
            self._has_warned = bool(names) and not self.space.keys() & names.keys()
            if self._has_warned:
                message = unknown_names(names, self._proposer.family, self.space)
                warnings.warn(message, UnknownSpaceWarning, stacklevel=2)
        self._base.after_trial(study, trial, state, values)

    def _may_ask(self, study):
        return len(study.directions) == 1

    def _answer(self, study, trial, name, distribution, answers):
        """Put the proposed value among the answers, where the distribution has such a value."""
        proposal = self._propose(study, trial, {name: distribution})
        found = {} if proposal is None else values_for(proposal.config, {name: distribution})
        answers.update(found)
        is_enqueued = "fixed_params" in trial.system_attrs
        if found and not is_enqueued and "autometa:origin" not in trial.user_attrs:
            attributes = proposal.to_attributes()
            store_attributes(study._storage, trial._trial_id, attributes)
            trial.user_attrs.update(attributes)  # so that the running objective sees them

    def _propose(self, study, trial, asked):
        """Find the proposal for a trial: made at its first question, and the same for the rest.

        Where it answers one of the distributions that are ``asked`` for, the trial tells so.
        """
        with self._lock:
            replay, storage = self._replay_of(study), study._storage
            if replay.is_recorded:
                return None
            if trial.number in replay.proposals:
                return replay.proposals[trial.number]
            trials = self._settled_trials(study, trial.number, replay.space)
            proposal, attributes = None, {}
            for _ in range(_N_RETRIES):
                replay.follow(trials, trial.number)
                proposal = replay.propose()
                if proposal is None:
                    break
                is_alone = not _are_earlier_running(trials, trial.number)
                is_enqueued = "fixed_params" in trial.system_attrs
                if is_alone and not is_enqueued and values_for(proposal.config, asked):
                    attributes = proposal.to_attributes()  # so that one write is enough
                planned = {CONFIG: proposal.config}
                store_attributes(storage, trial._trial_id, attributes, planned)
                if is_alone:
                    break
                trials = _trials_of(study)
                if not _is_taken(trials, trial.number, proposal.config):
                    break
            trial.user_attrs.update(attributes)
            replay.proposals[trial.number] = proposal
            if replay.handed_over and not replay.is_recorded:
                storage.set_trial_user_attr(trial._trial_id, HANDED_OVER, replay.handed_over)
                trial.user_attrs[HANDED_OVER] = replay.handed_over
                replay.is_recorded = True
            return proposal

    def _settled_trials(self, study, number, space):
        """Trials, once those begun just before say what they run, or a fifth of a second later.

        Where nothing has shown yet what the study tunes, they show that too.
        """
        trials = _trials_of(study)
        for _ in range(_N_WAITS):
            if not any(_is_about_to_ask(trial, bool(space.seen)) for trial in trials[:number]):
                break
            self._lock.wait(_WAIT_S)  # lets other threads ask
            trials = _trials_of(study)
        return trials

    def _replay_of(self, study):
        of_storage = self._replays.setdefault(study._storage, {})
        if study._study_id not in of_storage:

            def start(fit):
                return self._proposer.start(self._metafeatures, random_state=self._seed, fit=fit)

            space = user_space(self._proposer, self._is_regression, self._given)
            sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
            of_storage[study._study_id] = Replay(start, space, sign)
        return of_storage[study._study_id]

    def _forget(self):
        """What may be forgotten at any time: it is in the trials."""
        self._replays = weakref.WeakKeyDictionary()
        self._lock = threading.Condition()

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k not in ("_replays", "_lock")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._forget()


def _trials_of(study):
    """All trials, also where a pruner shows samplers only some of them."""
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


def _is_about_to_ask(trial, is_plan_enough):
    """Whether a trial has begun within the last second, and not told what it runs yet."""
    has_told = trial.distributions or (is_plan_enough and CONFIG in trial.system_attrs)
    if trial.state != TrialState.RUNNING or has_told:
        return False
    return (datetime.datetime.now() - trial.datetime_start).total_seconds() < 1.0


def _are_earlier_running(trials, number):
    """Whether another worker may be about to run the same; of two the later one gives way."""
    return any(trial.number < number and trial.state == TrialState.RUNNING for trial in trials)


def _is_taken(trials, number, config):
    """Whether an earlier trial, asked for by another worker meanwhile, runs the same."""
    return any(
        trial.number < number
        and trial.state == TrialState.RUNNING
        and trial.system_attrs.get(CONFIG) == config
        for trial in trials
    )
