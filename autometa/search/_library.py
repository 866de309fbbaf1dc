"""The models that a search has tried, and the ensemble that they make."""

import math
import time
from dataclasses import dataclass, field

import numpy as np

from autometa._calibration import least_loss, log_loss, temper
from autometa._deadline import Deadline
from autometa._scorer_metrics import ScorerMetric
from autometa.ensemble import N_ROUNDS, gains, select_weights
from autometa.families.adapted_network import NAME as NETWORK

#: Models that an ensemble is chosen from: the best.
MAX_MODELS = 16
#: Of these, adapted networks; each is adapted again on all rows.
MAX_NETWORKS = 2
#: Draws that the adapted network has before, which is the best family on the mean table, and rows
#: above which they get fewer: the fewer rows choose, the more a choice is noise.
BELIEVED_DRAWS, BELIEVED_ROWS = 5, 500
#: Draws of the selection where a score takes milliseconds, as scikit-learn's scorers do, and the
#: share of the time left that they may take.
FEW_ROUNDS, CHOOSING_SHARE = 8, 0.05
#: A smaller weight is not worth a model.
MIN_WEIGHT = 0.04
#: Temperatures below 1 that the weights are chosen for in the end, numbers of held-out predictions
#: of all models by which that is done at most, which takes half a second, and fewest rows of them.
SHARPER, MOST_SETTLED, FEWEST_SETTLED = (0.7, 0.5), 500_000, 500
#: Of the numbers, so many for every second that is left.
SETTLED_A_SECOND = 200_000
#: Metrics that the log-loss has half of the say beside.
AREAS = ("roc_auc", "roc_auc_ovr")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A configuration with what it predicts for rows held out.

    Attributes
    ----------
    family : str
    config : dict
    score : float
        Mean over folds.
    predictions : ndarray of shape (n_folds, n_valid, ...)
    trial : int
        Its number in the study.
    n_steps : int or None
        Steps of the adapted network that scored best.
    models : list of TableModel
        One a fold; none for the adapted network.
    refits : list of TableModel
        Of all rows; together they count as much as those of the folds.
    seconds : float
        What fitting and predicting all folds took; NaN where no clock was read.
    rows_share : float
        Of each fold's training rows, those that were drawn to fit on.
    """

    family: str
    config: dict
    score: float
    predictions: np.ndarray
    trial: int
    n_steps: int | None = None
    models: list = field(default_factory=list)
    refits: list = field(default_factory=list)
    seconds: float = float("nan")
    rows_share: float = 1.0


class Library:
    """Candidates of one search; the worst are forgotten.

    Parameters
    ----------
    scorer : FoldScorer
    deadline : Deadline, optional
        By default there is no limit on time, and no clock is read.
    """

    def __init__(self, scorer, deadline=None):
        self.scorer, self.candidates = scorer, []
        self._deadline = Deadline(None) if deadline is None else deadline
        self._weights = None

    def add(self, candidate):
        """Take a candidate in, if it is among the best or the first of its family."""
        kept, n_networks, families = [], 0, set()
        for one in sorted([*self.candidates, candidate], key=lambda one: -one.score):
            is_network = one.family == NETWORK
            if is_network and n_networks >= MAX_NETWORKS:
                continue
            if len(kept) < MAX_MODELS or one.family not in families:
                kept.append(one)
                n_networks += is_network
                families.add(one.family)
        if self._weights is not None:
            self._weights = self._weights_with(candidate, kept)
        self.candidates = kept

    def _weights_with(self, candidate, kept):
        """The weights as they were, where a new candidate brings nothing; None where it may."""
        known = {id(one): w for one, w in zip(self.candidates, self._weights, strict=True)}
        weights = np.array([known.get(id(one), 0.0) for one in kept])
        may_bring = candidate.family == NETWORK or weights.sum() < sum(known.values())
        if may_bring or gains(self._mean(), candidate.predictions, self._score_mean):
            return None
        return weights

    @property
    def weights(self):
        """The weight of every candidate in the ensemble; an ndarray that adds up to 1."""
        if not self.candidates:
            return np.empty(0)
        if self._weights is None:
            predictions = np.stack([one.predictions for one in self.candidates])
            options = {"first": self._believed(), "n_rounds": self._n_rounds()}
            weights = select_weights(predictions, self._score_mean, **options)
            self._weights = _without_small(weights)
        return self._weights

    def _n_rounds(self):
        """Draws that there is time for."""
        if not isinstance(self.scorer.metric, ScorerMetric):
            return N_ROUNDS
        if self._deadline.seconds is None:
            return FEW_ROUNDS
        started_s = time.monotonic()
        self._score_mean(self.candidates[0].predictions)
        round_s = (time.monotonic() - started_s) * len(self.candidates)
        n_rounds = CHOOSING_SHARE * self._deadline.left_s / max(round_s, 1e-9)
        return max(1, min(FEW_ROUNDS, int(n_rounds)))

    def settle(self, most=MOST_SETTLED):
        """Choose the weights once more, by more than the metric on the mean as it is.

        A mean of models is less certain than it could be, the more they differ; what they bring
        to the log-loss shows only where that is mended by a temperature, as it is afterwards. And
        the area under the curve, which takes no notice of how probable classes are, is chosen
        for by chance in part, which the log-loss, having half of the say, makes less.

        Parameters
        ----------
        most : int
            Numbers of all models' predictions to choose by.
        """
        name = self.scorer.metric.name
        if len(self.candidates) < 2 or name not in ("neg_log_loss", *AREAS):
            return
        held_out = [self.scorer.held_out(one.predictions) for one in self.candidates]
        predictions = np.stack([one for one, _, _ in held_out])  # (n_models, n_rows, n_classes)
        every = max(1, math.ceil(predictions.size / max(1, most)))
        predictions, y, weight = (
            predictions[:, ::every],
            held_out[0][1][::every],
            held_out[0][2][::every],
        )

        def choose(temperature):
            def score(mean):
                return -log_loss(temper(mean, temperature), y, weight)

            return _without_small(select_weights(predictions, score, first=self._believed()))

        has_many = len(y) >= FEWEST_SETTLED
        if name in AREAS and (has_many or every == 1):  # of few rows all, but no few of many
            self._weights = _without_small((self.weights + choose(1.0)) / 2)
        elif name not in AREAS and has_many:
            found = [self.weights, *map(choose, SHARPER)]
            losses = [least_loss(np.tensordot(w, predictions, axes=1), y, weight) for w in found]
            self._weights = found[int(np.argmin(losses))]

    def _believed(self):
        """Draws of the best adapted network before the selection begins."""
        networks = [i for i, one in enumerate(self.candidates) if one.family == NETWORK]
        first = np.zeros(len(self.candidates), dtype=int)
        if networks:
            share = min(1.0, BELIEVED_ROWS / self.scorer.rows.size)
            first[networks[0]] = round(BELIEVED_DRAWS * share)
        return first

    @property
    def score(self):
        """Of the ensemble, on the rows it was chosen by; minus infinity without any."""
        if not self.candidates:
            return -np.inf
        return self._score_mean(self._mean())

    def share(self, family):
        """Weight of all candidates of a family."""
        pairs = zip(self.candidates, self.weights, strict=True)
        return sum(weight for one, weight in pairs if one.family == family)

    def is_worth_more_folds(self, prediction):
        """Whether the ensemble would score better on the first fold with some share of a model.

        Parameters
        ----------
        prediction : ndarray of shape (n_valid, ...)
            For the rows of the first fold.
        """
        return gains(self._mean()[0], prediction, lambda mean: self.scorer.score(mean, 0))

    def _score_mean(self, mean):
        return self.scorer.scores(mean[None])[0]

    def _mean(self):
        predictions = np.stack([one.predictions for one in self.candidates])
        return np.tensordot(self.weights, predictions, axes=1)


def _without_small(weights):
    weights = np.where(weights < MIN_WEIGHT, 0.0, weights)
    return weights / weights.sum()
