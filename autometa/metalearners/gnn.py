"""The graph network meta-learner: rows are nodes, similarities are learned, labels spread."""

import torch
from torch.nn import functional

from autometa.episodes import spread_rows
from autometa.metalearners._base import MetaLearner, check_at_least
from autometa.metalearners._layers import linear, linear_params
from autometa.metalearners._slots import (
    count_slots,
    draw_slots,
    encode_labels,
    encode_no_label,
    read_slots,
)
from autometa.networks import uniform


class GraphNetwork(MetaLearner):
    """Spread labels over the graph of the support rows and one row to predict.

    Every layer computes the adjacency of all nodes from the absolute differences of their
    features, by a perceptron with a softmax over neighbours, then mixes what neighbours and the
    node itself have; features of all layers are kept. Normalisation uses the statistics of all
    graphs of the episode.

    Departures from the paper: classes are given slots at random, up to ``n_slots``, since a label
    is part of a node's features, whose number is fixed, while tables have any number of classes.
    Numbers have an input and an output of their own, since they are no class; of a table only
    ``max_rows`` support rows, spread over it, are nodes, and the default ``n_features`` is smaller,
    as the cost grows with the square of the nodes for each row to predict. Its semi-supervised and
    active learning are left out, as episodes have no support rows without a label. Of the weight of
    a row only counts whether it is 0, since what is normalised and mixed are nodes. Departure from
    other learners: what is normalised are the graphs of all rows to predict together, as published,
    on tables and with ``transductive=False`` too, so that the prediction for a row depends on which
    others are predicted with it.

    Parameters
    ----------
    n_slots : int, default=None
        Classes at most; None is 5, on tables 60.
    max_rows : int
        Support rows of a table at most.
    n_features : int, default=None
        The paper's ``nf``: width of the perceptron that compares nodes; layers add half of it.
        None is the paper's 96, on tables 32.
    n_layers : int
        Layers before the last.
    network : dict, default=None

    References
    ----------
    Garcia and Bruna, "Few-Shot Learning with Graph Neural Networks", 2018.

    Examples
    --------
    >>> learner = GraphNetwork(network={"kind": "mlp", "n_inputs": 2, "hidden": [3]})
    >>> [name for name in learner.init_params(seed=0) if name.startswith("gnn")][0]
    'gnn.adjacency0.0.weight'
    """

    ignores_class_order = False

    def __init__(self, n_slots=None, max_rows=12, n_features=None, n_layers=2, network=None):
        super().__init__(network)
        if n_features is None:
            n_features = 32 if self.backbone.reads_tables else 96
        check_at_least(1, max_rows=max_rows)
        check_at_least(2, n_features=n_features)  # layers add half of it
        check_at_least(0, n_layers=n_layers)
        self.n_slots, self.max_rows = count_slots(n_slots, self.backbone), max_rows
        self.n_features, self.n_layers = n_features, n_layers

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        params = self.backbone.init_params(seed)
        n_channels, added = self.backbone.n_features + self.n_slots + 1, self.n_features // 2
        for layer in range(self.n_layers + 1):
            n_in = n_channels
            for i, n_out in enumerate(self._widths()):
                params |= _unbiased(generator, f"gnn.adjacency{layer}.{i}", n_in, n_out)
                n_in = n_out
            params[f"gnn.adjacency{layer}.out"] = uniform(generator, n_in, 1, fan_in=n_in)
            if layer < self.n_layers:
                params |= _unbiased(generator, f"gnn.mix{layer}", 2 * n_channels, added)
                n_channels += added
        last = linear_params(generator, "gnn.out", 2 * n_channels, self.n_slots + 1)
        return {**params, **last}

    def _widths(self):
        n = self.n_features
        return (2 * n, n + n // 2, n, n)

    def draw_chance(self, episodes, generator):
        """Give the classes of every episode random slots."""
        return draw_slots(episodes, self.n_slots, generator)

    def adapt(self, params, support, *, is_regression):
        """Write the support as nodes.

        Returns
        -------
        dict of Tensor
            The network's weights, ``nodes`` (n_nodes, n_channels) and ``node_weight`` (n_nodes,).
        """
        weights = self.backbone.propose(params, support, is_regression=is_regression)
        hidden = self.backbone.embed(weights, support)
        labels = encode_labels(support, self.n_slots, is_regression=is_regression)
        rows = {"X": torch.cat([hidden, labels], dim=1), "weight": support["weight"]}
        if self.backbone.reads_tables:
            rows = spread_rows(rows, self.max_rows)
        is_there = (rows["weight"] > 0).to(hidden)
        return {**weights, "nodes": rows["X"], "node_weight": is_there}

    def predict(self, params, state, support, rows, *, is_regression):
        """Make one graph of the support and each row, and read what its node ends with."""
        hidden = self.backbone.embed(state, rows, support)
        label = encode_no_label(support, self.n_slots, is_regression=is_regression)
        n_rows = len(hidden)
        query = torch.cat([hidden, label.expand(n_rows, -1)], dim=1).unsqueeze(1)
        nodes = torch.cat([query, state["nodes"].expand(n_rows, -1, -1)], dim=1)
        is_there = torch.cat([torch.ones_like(state["node_weight"][:1]), state["node_weight"]])
        is_row = (rows.get("weight", hidden.new_ones(n_rows)) > 0).to(hidden)
        weight = is_row.unsqueeze(1) * is_there  # (n_rows, n_nodes)
        for layer in range(self.n_layers + 1):
            spread = self._adjacency(params, layer, nodes, weight, is_there) @ nodes
            both = torch.cat([nodes, spread], dim=-1)
            if layer == self.n_layers:
                outputs = linear(params, "gnn.out", both[:, 0])
                return read_slots(outputs, support, is_regression=is_regression)
            mixed = _normalised(params, f"gnn.mix{layer}", both, weight)
            nodes = torch.cat([nodes, functional.leaky_relu(mixed)], dim=-1)

    def _adjacency(self, params, layer, nodes, weight, is_there):
        """Share of every other node that there is in what a node hears; rows sum up to 1."""
        hidden = (nodes.unsqueeze(2) - nodes.unsqueeze(1)).abs()
        pair_weight = weight.unsqueeze(2) * weight.unsqueeze(1)
        for i in range(len(self._widths())):
            hidden = _normalised(params, f"gnn.adjacency{layer}.{i}", hidden, pair_weight)
            hidden = functional.leaky_relu(hidden)
        scores = (hidden @ params[f"gnn.adjacency{layer}.out"]).squeeze(-1)
        itself = torch.eye(len(is_there), dtype=scores.dtype, device=scores.device)
        is_other = is_there * (1 - itself)
        return (scores + (is_other - 1) * 1e8).softmax(-1)


def _unbiased(generator, name, n_in, n_out):
    """Draw a layer whose normalisation takes away any bias."""
    return {
        f"{name}.weight": uniform(generator, n_in, n_out, fan_in=n_in),
        f"{name}.gain": torch.ones(n_out),
        f"{name}.shift": torch.zeros(n_out),
    }


def _normalised(params, name, inputs, weight):
    """Apply a layer, then give its outputs mean 0 and variance 1 by weight (those of inputs)."""
    outputs = inputs @ params[f"{name}.weight"]
    share = (weight / weight.sum()).unsqueeze(-1)
    dims = tuple(range(outputs.ndim - 1))
    centred = outputs - (share * outputs).sum(dims)
    scaled = centred / ((share * centred.square()).sum(dims) + 1e-5).sqrt()
    return scaled * params[f"{name}.gain"] + params[f"{name}.shift"]
