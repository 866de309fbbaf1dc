"""SNAIL: temporal convolutions and causal attention over the labelled rows, then the query."""

import math

import torch
from torch.nn import functional

from autometa.episodes import spread_rows
from autometa.exceptions import InvalidInputError
from autometa.metalearners._base import MetaLearner, check_at_least
from autometa.metalearners._layers import linear, linear_params
from autometa.metalearners._slots import count_slots, draw_slots, encode_labels, read_slots


class SNAIL(MetaLearner):
    """Read the support as a sequence of rows with their labels, and at its end the row to predict.

    Blocks as published for few-shot classification: attention, temporal convolutions, attention,
    temporal convolutions, attention; every one adds channels to its input. Temporal convolutions
    have two taps, the dilations 2, 4, ... up to the length of the sequence, and gates.

    Departures from the paper: classes are given slots at random, up to ``n_slots``, since labels
    are inputs of a fixed length; numbers have an input and an output of their own, since they are
    no class; on tables the sequence is ``max_rows`` support rows, spread over the table, since
    layers are made for a longest sequence; and there the default ``width`` is smaller, since more
    rows and slots than the paper's mean more layers and channels, and so more time. Of the weight
    of a row only counts whether it is 0, since a sequence has rows or has not.

    Parameters
    ----------
    n_slots : int, default=None
        Classes at most; None is 5, on tables 60.
    max_rows : int
        Support rows at most: of a table more are cut, of arrays refused.
    width : int, default=None
        Filters of a temporal convolution, to which the other sizes stand as published; None is
        the paper's 128, on tables 32.
    network : dict, default=None

    References
    ----------
    Mishra, Rohaninejad, Chen and Abbeel, "A Simple Neural Attentive Meta-Learner", 2018.

    Examples
    --------
    >>> learner = SNAIL(width=4, network={"kind": "mlp", "n_inputs": 2, "hidden": [3]})
    >>> learner.init_params(seed=0)["snail.attention0.query.weight"].shape
    torch.Size([9, 2])
    """

    ignores_class_order = False

    def __init__(self, n_slots=None, max_rows=64, width=None, network=None):
        super().__init__(network)
        if width is None:
            width = 128 if not self.backbone.reads_tables else 32
        check_at_least(1, max_rows=max_rows)
        check_at_least(2, width=width)  # keys are half as wide
        self.n_slots = count_slots(n_slots, self.backbone)
        self.max_rows, self.width = max_rows, width
        n_dilations = max(1, math.ceil(math.log2(max_rows + 1)))
        self.dilations = [2**i for i in range(1, n_dilations + 1)]

    def _blocks(self):
        """List attention blocks (name, n_keys, n_values) and convolutions (name, dilation)."""
        width = self.width
        sizes = [(width // 2, width // 4), (2 * width, width), (4 * width, 2 * width)]
        blocks = []
        for i, (n_keys, n_values) in enumerate(sizes):
            blocks.append(("attention", f"snail.attention{i}", n_keys, max(1, n_values)))
            if i < len(sizes) - 1:
                for dilation in self.dilations:
                    blocks.append(("dense", f"snail.dense{i}.{dilation}", dilation, width))
        return blocks

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        params = self.backbone.init_params(seed)
        n_channels = self.backbone.n_features + self.n_slots + 1
        for kind, name, size, n_added in self._blocks():
            if kind == "attention":
                params |= linear_params(generator, f"{name}.query", n_channels, size)
                params |= linear_params(generator, f"{name}.key", n_channels, size)
                params |= linear_params(generator, f"{name}.value", n_channels, n_added)
            else:
                # two taps: the row at hand and the one so many rows before
                params |= linear_params(generator, f"{name}.filter", 2 * n_channels, n_added)
                params |= linear_params(generator, f"{name}.gate", 2 * n_channels, n_added)
            n_channels += n_added
        return {**params, **linear_params(generator, "snail.out", n_channels, self.n_slots + 1)}

    def draw_chance(self, episodes, generator):
        """Give the classes of every episode random slots."""
        return draw_slots(episodes, self.n_slots, generator)

    def adapt(self, params, support, *, is_regression):
        """Write the support as a sequence.

        Returns
        -------
        dict of Tensor
            The network's weights, ``sequence`` (n_rows, n_channels) with rows of weight 0 first,
            and ``is_there`` (n_rows,).
        """
        n_rows = len(support["weight"])
        if n_rows > self.max_rows and not self.backbone.reads_tables:
            raise InvalidInputError(
                f"The support has {n_rows} rows, SNAIL reads {self.max_rows} at most. "
                f"Give it max_rows={n_rows}."
            )
        weights = self.backbone.propose(params, support, is_regression=is_regression)
        hidden = self.backbone.embed(weights, support)
        labels = encode_labels(support, self.n_slots, is_regression=is_regression)
        rows = {"X": torch.cat([hidden, labels], dim=1), "weight": support["weight"]}
        if self.backbone.reads_tables:
            rows = spread_rows(rows, self.max_rows)
        is_there = (rows["weight"] > 0).to(hidden)
        # rows that are not there become the zeros before the sequence that convolutions see
        order = torch.argsort(is_there, stable=True)
        return {**weights, "sequence": rows["X"][order], "is_there": is_there[order]}

    def predict(self, params, state, support, rows, *, is_regression):
        """Put every row at the end of the support's sequence and read what comes out there."""
        hidden = self.backbone.embed(state, rows, support)
        last = functional.pad(hidden, (0, self.n_slots + 1))  # nothing is known of its label
        outputs = self._read(params, state["sequence"], state["is_there"], last)
        return read_slots(outputs, support, is_regression=is_regression)

    def _read(self, params, sequence, is_there, last):
        """Run all blocks over the sequence, and over each of many rows that may come last.

        The sequence hears nothing of what comes after it, so it is run once for all of them.
        """
        is_there = is_there.unsqueeze(1)
        for kind, name, size, _ in self._blocks():
            sequence = sequence * is_there
            if kind == "attention":
                added = _attend(params, name, sequence, last, is_there, size)
            else:
                added = _convolve(params, name, sequence, last, size)
            sequence, last = (
                torch.cat([rows, more], dim=1)
                for rows, more in zip((sequence, last), added, strict=True)
            )
        return linear(params, "snail.out", last)


def _convolve(params, name, sequence, last, dilation):
    """Gated causal convolution with two taps."""
    n_rows = len(sequence)
    padded = functional.pad(sequence, (0, 0, dilation, 0))
    earlier_of_last = padded[n_rows].expand(len(last), -1)  # ``dilation`` rows before the end
    found = []
    for rows, earlier in ((sequence, padded[:n_rows]), (last, earlier_of_last)):
        taps = torch.cat([earlier, rows], dim=1)
        gate = linear(params, f"{name}.gate", taps).sigmoid()
        found.append(linear(params, f"{name}.filter", taps).tanh() * gate)
    return found


def _attend(params, name, sequence, last, is_there, n_keys):
    """Causal attention of every row to itself and to those before."""
    query, key, value = (
        linear(params, f"{name}.{part}", sequence) for part in ("query", "key", "value")
    )
    own_query, own_key, own_value = (
        linear(params, f"{name}.{part}", last) for part in ("query", "key", "value")
    )
    hidden_ones = (is_there.T - 1) * 1e9
    n_rows = len(sequence)
    earlier = (sequence.new_ones(n_rows, n_rows).tril() - 1) * 1e9
    scores = query @ key.T / n_keys**0.5 + earlier + hidden_ones
    to_others = own_query @ key.T / n_keys**0.5 + hidden_ones
    to_itself = (own_query * own_key).sum(1, keepdim=True) / n_keys**0.5
    share = torch.cat([to_others, to_itself], dim=1).softmax(-1)
    return scores.softmax(-1) @ value, share[:, :-1] @ value + share[:, -1:] * own_value
