"""Matching networks: attention over the support rows in a learned embedding."""

import torch
from torch.nn import functional

from autometa.episodes import spread_rows
from autometa.metalearners._base import MetaLearner, check_at_least
from autometa.metalearners._layers import lstm_cell, lstm_params

#: Rows of a table that full context embeddings read one after the other.
MAX_SEQUENCE_ROWS = 64


class MatchingNetwork(MetaLearner):
    """Predict the labels of the support rows that are similar by cosine.

    Departures from the paper: numbers, which it does not treat, are predicted by the same
    attention; similarities have a learned scale, since cosines within [-1, 1] leave attention
    almost even: without it Omniglot ended at 89 % (5 classes of 1 row) and, ever worse, at 57 %
    (20 of 1), and a reproduction by others at 92.0 and 75.6 (oscarknagg/few-shot). Full context
    embeddings read at most :data:`MAX_SEQUENCE_ROWS` rows of a table, spread over it, since an LSTM
    reads them one after the other.

    Parameters
    ----------
    full_context : bool
        Embed the support by a bidirectional LSTM over it, and rows to predict by an LSTM that
        reads the support ``n_reads`` times. The paper's figures on Omniglot are without.
    n_reads : int
    network : dict, default=None

    References
    ----------
    Vinyals, Blundell, Lillicrap, Kavukcuoglu and Wierstra, "Matching Networks for One Shot
    Learning", 2016.

    Examples
    --------
    >>> learner = MatchingNetwork(full_context=True, network={"kind": "mlp", "hidden": [8]})
    >>> [name for name in learner.init_params(seed=0) if "lstm" in name][0]
    'forward_lstm.weight'
    """

    def __init__(self, full_context=False, n_reads=5, network=None):
        super().__init__(network)
        check_at_least(0, n_reads=n_reads)
        self.full_context, self.n_reads = full_context, n_reads

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        params = {**self.backbone.init_params(seed), "log_scale": torch.tensor(2.0)}
        if self.full_context:
            generator = torch.Generator().manual_seed(seed)
            size = self.backbone.n_features
            params |= lstm_params(generator, "forward_lstm", size, size)
            params |= lstm_params(generator, "backward_lstm", size, size)
            params |= lstm_params(generator, "reading_lstm", 2 * size, size)
        return params

    def adapt(self, params, support, *, is_regression):
        """Embed the support.

        Returns
        -------
        dict of Tensor
            The network's weights, and ``memory`` (n_memory, n_features).
        """
        weights = self.backbone.propose(params, support, is_regression=is_regression)
        rows = self._rows(support)
        memory = self.backbone.embed(weights, rows)
        if self.full_context:
            weight = rows["weight"]
            forward = _read(params, "forward_lstm", memory, weight)
            backward = _read(params, "backward_lstm", memory.flip(0), weight.flip(0)).flip(0)
            memory = memory + forward + backward
        return {**weights, "memory": memory}

    def predict(self, params, state, support, rows, *, is_regression):
        """Average the support's targets by attention; logits are logarithms of shares."""
        hidden, support = self.backbone.embed(state, rows, support), self._rows(support)
        log_weight = support["weight"].clamp(min=1e-30).log()
        if self.full_context:
            hidden = self._read_support(params, hidden, state["memory"], log_weight)
        similarity = functional.normalize(hidden, dim=-1, eps=1e-6)
        similarity = similarity @ functional.normalize(state["memory"], dim=-1, eps=1e-6).T
        similarity = similarity * params["log_scale"].exp()
        shares = (similarity + log_weight).softmax(-1) @ support["target"]
        if is_regression:
            return shares
        return shares.clamp(min=1e-12).log() + (support["class_mask"] - 1) * 1e9

    def _rows(self, support):
        is_bounded = self.full_context and self.backbone.reads_tables
        return spread_rows(support, MAX_SEQUENCE_ROWS) if is_bounded else support

    def _read_support(self, params, embedded, memory, log_weight):
        hidden, cell = embedded, torch.zeros_like(embedded)
        for _ in range(self.n_reads):
            read = (hidden @ memory.T + log_weight).softmax(-1) @ memory
            inputs = torch.cat([embedded, read], dim=-1)
            hidden, cell = lstm_cell(params, "reading_lstm", inputs, hidden, cell)
            hidden = hidden + embedded
        return hidden


def _read(params, name, inputs, weight):
    """Run an LSTM over rows (n_rows, n_features), passing by rows of weight 0."""
    hidden = cell = torch.zeros_like(inputs[0])
    outputs = []
    for row, is_there in zip(inputs, weight > 0, strict=True):
        new_hidden, new_cell = lstm_cell(params, name, row, hidden, cell)
        hidden = torch.where(is_there, new_hidden, hidden)
        cell = torch.where(is_there, new_cell, cell)
        outputs.append(hidden)
    return torch.stack(outputs)
