"""The LSTM meta-learner: an LSTM whose cell state is the weights, and whose gates learn to step."""

import torch

from autometa.metalearners._base import check_at_least
from autometa.metalearners._gradient import GradientLearner
from autometa.metalearners._layers import (
    linear_params,
    lstm_cell,
    lstm_params,
    preprocess_gradients,
)
from autometa.metalearners._slots import draw_slots
from autometa.networks import uniform

#: Weights of a proposed network that the gates move: those that there are few of.
FEW = (
    *("first_bias", "gain", "second_bias", "head", "head_bias", "log_gamma", "kernel_logits"),
    *("log_noise", "log_lookup_scale", "log_ratio_scale", "gate"),
)


class LSTMLearner(GradientLearner):
    """Learn the update rule too: how much of each weight to keep, and how far to step.

    ``weights = forget * weights - input * gradient``; both gates, shared by all weights, see the
    weight, the gate before and the hidden state of an LSTM that reads gradient and loss. The
    first weights, the cell's first state, are learned.

    Departures from the paper: every step reads the whole support (of a table the first 160 rows),
    the paper's a batch of it, since adapting draws nothing; batch normalisation uses the
    statistics at hand, since nothing is kept between calls, where the paper's keeps running ones
    during meta-training; on tables the first weights are proposed from the task's column
    statistics, since tables differ in their columns and classes, and the gates move those of which
    there are few (:data:`FEW`), since every one has an LSTM state; classes are given slots at
    random where the head has a column for each, so that no column stands for a place in the order
    of classes.

    Parameters
    ----------
    n_inner_steps : int
        The paper takes 12 for one row a class and 5 for five.
    n_hidden : int
        Of the LSTM that reads gradients.
    second_order : bool
        Whether derivatives flow through gradients and losses; the paper holds them constant.
    network : dict, default=None

    References
    ----------
    Ravi and Larochelle, "Optimization as a Model for Few-Shot Learning", 2017.

    Examples
    --------
    >>> learner = LSTMLearner(network={"kind": "mlp", "n_inputs": 2, "hidden": [3]})
    >>> learner.init_params(seed=0)["lstm.input_gate.weight"].shape  # h, weight, gate before
    torch.Size([22, 1])
    """

    def __init__(self, n_inner_steps=8, n_hidden=20, second_order=False, network=None):
        super().__init__(n_inner_steps, second_order, network)
        check_at_least(1, n_hidden=n_hidden)
        self.n_hidden = n_hidden

    @property
    def adapted(self):
        names = self.backbone.adapted
        return names if not self.backbone.reads_tables else tuple(n for n in names if n in FEW)

    def init_params(self, seed):
        """Draw meta-parameters; the gates start as small steps that forget nothing."""
        generator = torch.Generator().manual_seed(seed)
        gates = {}
        for name, bias in (("input_gate", -5.0), ("forget_gate", 5.0)):
            gates |= linear_params(generator, f"lstm.{name}", self.n_hidden + 2, 1)
            gates[f"lstm.{name}.weight"] = 0.01 * gates[f"lstm.{name}.weight"]
            gates[f"lstm.{name}.bias"] = bias + 0.01 * uniform(generator, 1, fan_in=1)
        reader = lstm_params(generator, "lstm.reader", 4, self.n_hidden)
        return {**self.backbone.init_params(seed), **reader, **gates}

    def inner_lr(self, params, *, is_regression):
        """Return no step sizes: the gates say how far weights move."""
        return {}

    def draw_chance(self, episodes, generator):
        """Give the classes of every episode random slots, where the network has slots."""
        if self.ignores_class_order:
            return episodes
        return draw_slots(episodes, self.backbone.n_slots, generator)

    def adapt(self, params, support, *, is_regression, weights=None):
        """Let the gates move the weights; see :class:`GradientLearner`."""
        if weights is None:
            weights = self.propose(params, support, is_regression=is_regression)
        loss_of = self.support_loss(support, is_regression=is_regression)
        names = self.moved(is_regression)
        cell = torch.cat([weights[name].flatten() for name in names])
        hidden = reading = cell.new_zeros(len(cell), self.n_hidden)
        take, keep = torch.zeros_like(cell), torch.ones_like(cell)
        for _ in range(self.n_inner_steps):
            grads, loss = torch.func.grad_and_value(
                lambda cell, start=weights: loss_of({**start, **_split(cell, start, names)})
            )(cell)
            if not self.second_order:
                grads, loss = grads.detach(), loss.detach()
            seen = torch.cat(
                [preprocess_gradients(grads), preprocess_gradients(loss).expand(len(cell), -1)],
                dim=-1,
            )
            hidden, reading = lstm_cell(params, "lstm.reader", seen, hidden, reading)
            take = _gate(params, "lstm.input_gate", hidden, cell, take)
            keep = _gate(params, "lstm.forget_gate", hidden, cell, keep)
            cell = keep * cell - take * grads
        return {**weights, **_split(cell, weights, names)}


def _gate(params, name, hidden, cell, before):
    weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
    own = torch.stack([cell, before], dim=-1)
    return (torch.cat([hidden, own], dim=-1) @ weight + bias).squeeze(-1).sigmoid()


def _split(cell, weights, names):
    """Lay the elements of the cell out as the weights that they are."""
    parts = cell.split([weights[name].numel() for name in names])
    return {name: part.view(weights[name].shape) for name, part in zip(names, parts, strict=True)}
