"""What predicts within ``infer_limit``: members weighed against what their predictions take."""

import time
import warnings
from dataclasses import dataclass, replace

import numpy as np

from autometa.exceptions import InferLimitWarning

#: Rows that predictions are timed on, those of the table over and over; the best of two times.
BATCH_ROWS = 1_000
N_TIMES = 2
#: Key of what all networks share.
NETWORK = "network"
#: Of the limit, what members may take that were measured one by one, so that all do together.
SHARE = 0.9
#: Of ``time_limit``, what timing takes at most.
TIMING_SHARE = 0.05


@dataclass(frozen=True)
class Choice:
    """A configuration that shall predict.

    Attributes
    ----------
    candidate : Candidate
        Without ``models`` it is one of the adapted network.
    weight : float
    n_models : int or None
        Of its networks, or of the models of its folds, how many; None for all.
    """

    candidate: object
    weight: float
    n_models: int | None = None


class Stopwatch:
    """Seconds that parts of a prediction take on a batch of a table.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_features)
    encoder : TableEncoder
    network : NetworkModel
        Any of the networks, of one or more bags: they all take the same time.
    """

    def __init__(self, frame, encoder, network):
        self.batch = _batch(frame)
        self._encoder, self._network = encoder, network
        self._inputs, self._seconds = {}, {}

    def input_s(self, candidate):
        """Return the key of what a candidate's models read, and the seconds of making it."""
        models = candidate.models
        key = repr(models[0].preparation) if models else NETWORK
        if key not in self._inputs:
            maker = models[0].preparation_ if models else self._encoder
            self._inputs[key] = _time(lambda: maker.transform(self.batch))
        return key, self._inputs[key][1]

    def model_s(self, candidate):
        """Seconds that one network, or the model of one fold, takes for its predictions."""
        of = candidate.trial if candidate.models else NETWORK
        if of not in self._seconds:
            cells = self._inputs[self.input_s(candidate)[0]][0]
            if of == NETWORK:
                n_bags = len(self._network.weights["head"])
                self._seconds[of] = _time(lambda: self._network.predict(cells))[1] / n_bags
            else:
                model = candidate.models[0]
                self._seconds[of] = _time(lambda: model.predict_prepared(cells))[1]
        return self._seconds[of]

    def total_s(self, choices):
        """Seconds that choices take together."""
        inputs = dict(self.input_s(one.candidate) for one in choices)
        return sum(inputs.values()) + sum(
            one.n_models * self.model_s(one.candidate) for one in choices
        )


def choose_within(choices, others, watch, limit_s, n_bags, has_bags=lambda candidate: True):
    """Leave out members, and models of members, until a batch is predicted in time.

    Parameters
    ----------
    choices : list of Choice
    others : list of Candidate
        Those to fall back on where not even one member is fast enough, the best first.
    watch : Stopwatch
    limit_s : float
        Seconds for the batch; a little is left over, since members are measured one by one.
    n_bags : int
        Networks that one configuration has at most.
    has_bags : callable
        ``has_bags(candidate)``: whether one of the adapted network has more than one.

    Returns
    -------
    list of Choice
        Their weights add up to 1. The fastest one where nothing is fast enough.
    """
    limit_s, choices = SHARE * limit_s, [replace(one, n_models=1) for one in choices]
    while len(choices) > 1 and watch.total_s(choices) > limit_s:
        choices.remove(min(choices, key=lambda one: _worth(one, choices, watch)))
    if watch.total_s(choices) > limit_s:
        choices = _find_fast(choices[0], others, watch, limit_s)
    choices = _add_models(choices, watch, limit_s, lambda one: n_bags if has_bags(one) else 1)
    total = sum(one.weight for one in choices)
    return [replace(one, weight=one.weight / total) for one in choices]


def _worth(one, choices, watch):
    """Weight by the seconds that leaving a choice out saves."""
    others = [other for other in choices if other is not one]
    return one.weight / max(watch.total_s(choices) - watch.total_s(others), 1e-9)


def _find_fast(tried, others, watch, limit_s):
    """The best candidate that is fast enough, or else the fastest."""
    tried = [tried]
    for candidate in others:
        tried.append(Choice(candidate, 1.0, 1))
        if watch.total_s(tried[-1:]) <= limit_s:
            return tried[-1:]
    return [min(tried, key=lambda one: watch.total_s([one]))]


def _add_models(choices, watch, limit_s, count_bags):
    """Use more than one model of each, in turn, as far as the time allows."""
    candidates = [one.candidate for one in choices]
    most = [len(one.models) + len(one.refits) or count_bags(one) for one in candidates]
    open_ = set(range(len(choices)))
    while open_:
        at = min(open_, key=lambda i: (choices[i].n_models / most[i], -choices[i].weight))
        more = list(choices)
        more[at] = replace(choices[at], n_models=choices[at].n_models + 1)
        if choices[at].n_models < most[at] and watch.total_s(more) <= limit_s:
            choices = more
        else:
            open_.remove(at)
    return choices


def warn_if_slow(members, encoder, frame, infer_limit):
    """Warn where what predicts takes longer than was asked for."""
    batch = _batch(frame)
    per_row = _time(lambda: members.predict(batch, encoder))[1] / BATCH_ROWS
    if per_row > infer_limit:
        warnings.warn(
            f"infer_limit={infer_limit:g} seconds a row is not reached: the fastest that was found "
            f"takes {per_row:.2g} on a batch of {BATCH_ROWS} rows, and is kept. Raise infer_limit, "
            "or name fast families, e.g. families=['linear'].",
            InferLimitWarning,
            stacklevel=4,
        )


def _batch(frame):
    return frame.iloc[np.resize(np.arange(len(frame)), BATCH_ROWS)].reset_index(drop=True)


def _time(function):
    """Call a function; return its result and the seconds of its fastest call."""
    seconds = []
    for _ in range(N_TIMES):
        started_s = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - started_s)
    return result, min(seconds)
