"""Configurations to try first: as a list, and put into a study of the user's own."""

import numbers

import optuna

from autometa.exceptions import InvalidInputError, NothingLeftError
from autometa.proposers import SurrogateProposer
from autometa.search._proposing import (
    check_user_space,
    describe,
    find_knowledge,
    find_proposer,
    proposer_options,
    unknown_names,
    user_space,
)
from autometa.search._replay import ask


def suggest(
    X=None,
    y=None,
    *,
    family,
    n=10,
    metafeatures=None,
    knowledge="default",
    space=None,
    cost_exponent=0.0,
    kind=None,
):
    """Propose configurations for a table, from what others scored on other tables.

    Parameters
    ----------
    X, y : table and target, optional
        For meta-features; without them, and without ``metafeatures``, all known tasks count alike.
    family : str
        Such as "lightgbm"; hyperparameters have the names of the library.
    n : int, default=10
        Fewer come back where the knowledge holds no more.
    metafeatures : mapping or Series, optional
        In place of computed ones, under the names that the knowledge has.
    knowledge : "default", path or Knowledge, default="default"
        "default" is what ships with the package.
    space : dict of str to optuna distribution, optional
        What will be tuned, where that is not the whole space of the knowledge: values are brought
        into these ranges, and the hyperparameters that are not named stay at their defaults. A
        category that the ranges do not have is left out of a proposal, for you to choose.
    cost_exponent : float, default=0.0
        Expected improvement is divided by predicted seconds to this power: 1 asks for most
        improvement per second, 0 for most per trial. Without known costs nothing changes.
    kind : {"binary", "multiclass", "regression", "classification"}, optional
        What the target is; by default as its values look.

    Returns
    -------
    list of Proposal
        Best first: each assumes that those before it were tried, so later ones also cover what the
        first ones may miss. ``config``, ``predicted_score``, ``predicted_cost_s``, ``origin``,
        ``neighbours`` and ``ood_score``; see :class:`Proposal`.

    Raises
    ------
    InvalidInputError
        Where nothing is known of the family or of all that is tuned, or a table comes without its
        target.

    Examples
    --------
    >>> import pandas as pd
    >>> from autometa import Knowledge
    >>> scores = pd.DataFrame({"task": list("aabbcc"), "family": "knn", "hp_k": [1, 9] * 3,
    ...                        "score": [0.9, 0.8, 0.6, 0.8, 0.7, 0.8]})
    >>> first, *others = suggest(
    ...     family="knn", n=3, knowledge=Knowledge.from_evaluations(scores, None))
    >>> first.config, round(first.predicted_score, 2), first.origin
    ({'k': 9}, 0.82, 'surrogate')
    """
    search, _ = _start(X, y, family, n, metafeatures, knowledge, cost_exponent, kind, space)
    return _ask_all(search, n)


def warm_start(
    study,
    X=None,
    y=None,
    *,
    family,
    n=10,
    metafeatures=None,
    knowledge="default",
    space=None,
    cost_exponent=0.0,
    kind=None,
):
    """Put the configurations that :func:`suggest` gives into a study, to be tried next.

    Whatever sampler the study has, it goes on after them and learns from them. Configurations
    that the study holds already are left out. Each trial tells in its user attributes where it
    comes from: ``autometa:origin``, ``autometa:predicted_score`` and so on, as of
    :class:`MetaSampler`.

    Parameters
    ----------
    study : optuna.Study
        Of any direction.
    X, y, family, n, metafeatures, knowledge
        As of :func:`suggest`.
    space : dict of str to optuna distribution, optional
        What the study tunes, by default what its trials have. Give it where a new study tunes only
        some of what is known, whose proposals may else differ in the rest alone, or where it has
        other ranges: Optuna takes enqueued values that are out of range.
    cost_exponent, kind
        As of :func:`suggest`.

    Returns
    -------
    list of Proposal
        What was enqueued, in order.

    Examples
    --------
    >>> import optuna
    >>> import pandas as pd
    >>> from autometa import Knowledge
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> scores = pd.DataFrame({"task": list("aabbcc"), "family": "knn", "hp_k": [1, 9] * 3,
    ...                        "score": [0.9, 0.8, 0.6, 0.8, 0.7, 0.8]})
    >>> study = optuna.create_study(direction="maximize")
    >>> enqueued = warm_start(
    ...     study, family="knn", n=2, knowledge=Knowledge.from_evaluations(scores, None))
    >>> study.optimize(lambda trial: -trial.suggest_int("k", 1, 20), n_trials=1)
    >>> study.best_params, study.best_trial.user_attrs["autometa:origin"]
    ({'k': 9}, 'surrogate')
    """
    of_trials = _distributions(study)
    search, space = _start(
        X, y, family, n, metafeatures, knowledge, cost_exponent, kind, space, of_trials
    )
    enqueued, n_before = [], len(study.get_trials(deepcopy=False))
    for proposal in _ask_all(search, n):
        tuned = {k: v for k, v in proposal.config.items() if k in space.seen or not space.seen}
        study.enqueue_trial(tuned, user_attrs=proposal.to_attributes(), skip_if_exists=True)
        n_after = len(study.get_trials(deepcopy=False))
        if n_after > n_before:
            enqueued.append(proposal)
        n_before = n_after
    return enqueued


def _start(X, y, family, n, metafeatures, knowledge, cost_exponent, kind, given=None, of_trials=()):
    """Begin a search in the space given, or in what the trials of a study have shown."""
    if not isinstance(n, numbers.Integral) or n < 1:
        raise InvalidInputError(f"n must be an integer >= 1, got {n!r}.")
    knowledge = find_knowledge(knowledge, family)
    metafeatures, is_regression = describe(X, y, metafeatures, knowledge, kind)
    # The order of scores is all that a sampler takes: both then share one proposer.
    options = proposer_options(SurrogateProposer, by_rank=True, cost_exponent=cost_exponent)
    proposer = find_proposer(knowledge, family, is_regression, SurrogateProposer, **options)
    space = user_space(proposer, is_regression, check_user_space(given, proposer))
    if given is None:
        for of_trial in of_trials:
            space.see(of_trial)
        tuned = {name for of_trial in of_trials for name in of_trial}
        if tuned and not space.seen:
            raise InvalidInputError(unknown_names(sorted(tuned), family, proposer.space))
    return proposer.start(metafeatures, fit=space.fit if space.seen else None), space


def _distributions(study):
    if not isinstance(study, optuna.Study):
        raise InvalidInputError(
            f"study must be an optuna.Study, got {type(study).__name__}. Give it first: "
            "warm_start(study, X, y, family=...)."
        )
    if len(study.directions) != 1:
        raise InvalidInputError(
            f"The study {study.study_name!r} has {len(study.directions)} objectives; knowledge is "
            "about one score. Give a study of one objective."
        )
    return [trial.distributions for trial in study.get_trials(deepcopy=False)]


def _ask_all(search, n):
    proposals = []
    for _ in range(n):
        try:
            proposals.append(ask(search))
        except NothingLeftError:
            break
    return proposals
