"""Prototypical networks: the nearest class mean in a learned embedding."""

import math

import torch

from autometa.metalearners._base import MetaLearner
from autometa.metalearners._prototypes import prototype_head


class ProtoNet(MetaLearner):
    """Learn an embedding in which rows lie near the mean of their class.

    Logits are negative squared distances to the class means, which is a linear head; so on tables
    what comes out are weights of the network that an estimator adapts.

    Departures from the paper: numbers, which it does not treat, get a ridge regression on the same
    embedding (Bertinetto et al., 2019); and on tables, whose embedding has a fixed length,
    distances have a learned scale (Oreshkin, Rodriguez and Lacoste, "TADAM", 2018).

    Parameters
    ----------
    network : dict, default=None

    References
    ----------
    Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning", 2017.

    Examples
    --------
    >>> learner = ProtoNet(network={"kind": "convolutional", "pooling": True})
    >>> sorted(learner.init_params(seed=0))[:2]
    ['block0', 'block0_gain']
    """

    proposes_weights = True

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        return {**self.backbone.init_params(seed), **first_log_scale(self.backbone)}

    def propose(self, params, support, *, is_regression):
        """Return the network's weights, the head made of prototypes."""
        weights = self.backbone.propose(params, support, is_regression=is_regression)
        hidden = self.backbone.embed(weights, support)
        scale = distance_scale(params)
        return {**weights, **prototype_head(hidden, support, scale, is_regression=is_regression)}

    def adapt(self, params, support, *, is_regression, weights=None):
        """Return the proposal: there is nothing else to adapt."""
        if weights is None:
            weights = self.propose(params, support, is_regression=is_regression)
        return weights


def first_log_scale(backbone):
    """Draw the parameter that scales distances and similarities, where the network needs one.

    Embedded rows of a table have a mean square of 1, so distances grow with their length.
    """
    if not backbone.reads_tables:
        return {}
    return {"log_scale": torch.tensor(math.log(10 / backbone.n_features))}


def distance_scale(params):
    """Return the factor on squared distances."""
    return params["log_scale"].exp() if "log_scale" in params else 1.0
