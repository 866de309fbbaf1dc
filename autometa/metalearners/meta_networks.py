"""Meta networks: fast weights made from loss gradients, beside the slow ones."""

import torch
from torch.nn import functional

from autometa.episodes import first_places, spread_places, spread_rows
from autometa.metalearners._base import MetaLearner, check_at_least
from autometa.metalearners._layers import (
    linear,
    linear_params,
    lstm_cell,
    lstm_params,
    preprocess_gradients,
)
from autometa.metalearners._slots import count_slots, draw_slots, encode_labels, read_slots
from autometa.networks import uniform

#: Weights of a proposed network that get fast ones: those that there are few of.
FEW = ("first_bias", "gain", "second_bias")


class MetaNetworks(MetaLearner):
    """Learn two networks and how to make fast weights for both from their loss gradients.

    The representation network's fast weights come from an LSTM over the gradients of its loss on
    a few support rows. The base network's come from a perceptron, for every support row one set
    from the gradient of that row's loss; they are stored under the row's representation, and a row
    to predict reads its own by cosine attention. Layers add up what slow and fast weights make
    of their input. Both meta-learners are shared by all weights.

    Departures from the paper: of the base network the head alone has fast weights, since a set for
    all layers, of every row to store and for every row to predict, would cost many times as much,
    while heads can be applied before they are attended to; the representation loss is cross-entropy
    however many rows a class has, so that one loss serves all, where the paper, as we read its
    section 3.1, takes a contrastive loss over pairs of rows for more than one, and for numbers the
    squared error; the rows that the LSTM reads are the first of the support, of a table some that
    are spread over it, since adapting draws nothing; classes are given slots at random, up to
    ``n_slots``, since the head has a fixed number of columns; numbers have a slot of their own,
    since they are no class; on tables, whose weights are proposed, both networks have one
    initialiser each, fast weights are added to the slow ones (:data:`FEW`), and at most
    ``max_rows`` rows, spread over the table, are stored, since each is stored with a head.

    Departures from the authors' code: derivatives flow through the loss gradients unless
    ``second_order=False``, where the code takes the gradients as given numbers, so that what is
    followed is the gradient of the whole; and one meta-learner of each kind makes the fast weights
    of all layers, where the code has one for convolutions and another for other layers, so that
    the learner need not know its network's.

    Parameters
    ----------
    n_slots : int, default=None
        Classes at most; None is 5, on tables 60.
    n_samples : int
        Support rows whose gradients the LSTM reads.
    max_rows : int
        Support rows of a table at most.
    n_hidden : int
        Of the two meta-learners.
    second_order : bool
        Whether derivatives flow through the loss gradients.
    network : dict, default=None

    References
    ----------
    Munkhdalai and Yu, "Meta Networks", 2017.

    Examples
    --------
    >>> learner = MetaNetworks(network={"kind": "mlp", "n_inputs": 2, "hidden": [3]})
    >>> [name for name in learner.init_params(seed=0) if "head" in name]
    ['base.head', 'base.head_bias', 'representation.head', 'representation.head_bias']
    """

    ignores_class_order = False

    def __init__(
        self, n_slots=None, n_samples=5, max_rows=16, n_hidden=20, second_order=True, network=None
    ):
        super().__init__(network)
        check_at_least(1, n_samples=n_samples, max_rows=max_rows, n_hidden=n_hidden)
        self.n_slots = count_slots(n_slots, self.backbone)
        self.n_samples, self.max_rows = n_samples, max_rows
        self.n_hidden, self.second_order = n_hidden, second_order

    @property
    def _fast_names(self):
        return self.backbone.adapted if not self.backbone.reads_tables else FEW

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        params, n_features, n_outputs = {}, self.backbone.n_features, self.n_slots + 1
        for number, part in enumerate(("base", "representation")):
            own = self.backbone.init_params(seed + number)
            own["head"] = uniform(generator, n_features, n_outputs, fan_in=n_features)
            own["head_bias"] = torch.zeros(n_outputs)
            params |= {f"{part}.{name}": value for name, value in own.items()}
        n_hidden = self.n_hidden
        return {
            **params,
            **lstm_params(generator, "sequence_learner", 2, n_hidden),
            **linear_params(generator, "sequence_out", n_hidden, 1),
            **linear_params(generator, "weight_learner0", 2, n_hidden),
            **linear_params(generator, "weight_learner1", n_hidden, n_hidden),
            **linear_params(generator, "weight_learner2", n_hidden, 1),
        }

    def draw_chance(self, episodes, generator):
        """Give the classes of every episode random slots."""
        return draw_slots(episodes, self.n_slots, generator)

    def adapt(self, params, support, *, is_regression):
        """Make the representation's fast weights, and store those of the base network.

        Returns
        -------
        dict of Tensor
            ``base.`` and ``representation.`` weights, ``fast.`` those of the representation,
            ``keys`` (n_rows, n_features), ``key_weight`` (n_rows,) and ``fast_heads``
            (n_rows, n_features + 1, n_outputs).
        """
        options = {"is_regression": is_regression}
        parts = {}
        for part in ("base", "representation"):
            own = _take(params, part)
            parts[part] = self.backbone.propose(own, support, **options)
            parts[part] |= {name: own[name] for name in ("head", "head_bias")}
        if self.backbone.reads_tables:
            support = spread_rows(support, self.max_rows)
        labels = encode_labels(support, self.n_slots, is_regression=is_regression)
        rows = {**support, "target": labels}

        fast = self._fast_representation(params, parts["representation"], rows, support, options)
        hidden = self.backbone.embed(parts["base"], rows)
        return {
            **{f"{part}.{name}": w for part, own in parts.items() for name, w in own.items()},
            **{f"fast.{name}": value for name, value in fast.items()},
            "keys": self.backbone.embed(parts["representation"], rows, fast=fast),
            "key_weight": rows["weight"],
            "fast_heads": self._fast_heads(params, parts["base"], hidden, rows, support, options),
        }

    def predict(self, params, state, support, rows, *, is_regression):
        """Read fast weights for every row, and add up what both kinds of weights say."""
        base, representation, fast = (
            _take(state, part) for part in ("base", "representation", "fast")
        )
        key = self.backbone.embed(representation, rows, support, fast=fast)
        similarity = functional.normalize(key, dim=-1, eps=1e-6)
        similarity = similarity @ functional.normalize(state["keys"], dim=-1, eps=1e-6).T
        log_weight = state["key_weight"].clamp(min=1e-30).log()
        read = (similarity + log_weight).softmax(-1)
        hidden = self.backbone.embed(base, rows, support)
        with_one = functional.pad(hidden, (0, 1), value=1.0)
        # attention to heads and then applying them is applying all and then attending
        fast_outputs = torch.einsum("qm,mfo,qf->qo", read, state["fast_heads"], with_one)
        outputs = hidden @ base["head"] + base["head_bias"] + fast_outputs
        return read_slots(outputs, support, is_regression=is_regression)

    def _fast_representation(self, params, weights, rows, support, options):
        """Let the LSTM read the gradients of a few rows' losses, weight by weight."""
        own = {name: weights[name] for name in self._fast_names}
        find_places = spread_places if self.backbone.reads_tables else first_places
        places = find_places(rows["weight"], self.n_samples)

        def losses(own):
            moved = {**weights, **own}
            hidden = self.backbone.embed(moved, rows)
            outputs = hidden @ moved["head"] + moved["head_bias"]
            return self._row_losses(outputs, rows, support, options)[places]

        grads = self._constant(torch.func.jacrev(losses)(own))
        is_there = (rows["weight"][places] > 0).unsqueeze(1)
        flat = torch.cat([grads[name].flatten(1) for name in own], dim=1)
        hidden = cell = flat.new_zeros(flat.shape[1], self.n_hidden)
        for i in range(len(places)):
            seen = preprocess_gradients(flat[i])
            new_hidden, new_cell = lstm_cell(params, "sequence_learner", seen, hidden, cell)
            hidden = torch.where(is_there[i], new_hidden, hidden)
            cell = torch.where(is_there[i], new_cell, cell)
        made = linear(params, "sequence_out", hidden).squeeze(-1)
        parts = made.split([weight.numel() for weight in own.values()])
        return {
            name: part.view(weight.shape)
            for (name, weight), part in zip(own.items(), parts, strict=True)
        }

    def _fast_heads(self, params, weights, hidden, rows, support, options):
        """Turn the gradient of every row's loss with respect to the head into a fast head."""
        with_one = functional.pad(hidden, (0, 1), value=1.0)
        head = torch.cat([weights["head"], weights["head_bias"].unsqueeze(0)])

        def loss_of_outputs(outputs):
            return self._row_losses(outputs, rows, support, options).sum()

        # of a linear head the gradient is an outer product
        outer = torch.func.grad(loss_of_outputs)(with_one @ head)
        grads = self._constant({"head": torch.einsum("nf,no->nfo", with_one, outer)})["head"]
        made = linear(params, "weight_learner0", preprocess_gradients(grads)).relu()
        made = linear(params, "weight_learner1", made).relu()
        return linear(params, "weight_learner2", made).squeeze(-1)

    def _row_losses(self, outputs, rows, support, options):
        """Loss of every row; a slot that no class has takes no part."""
        if options["is_regression"]:
            return (outputs[:, -1] - rows["target"][:, -1]).square()
        logits = read_slots(outputs, support, is_regression=False)
        return -(support["target"] * logits.log_softmax(-1)).sum(-1)

    def _constant(self, grads):
        if self.second_order:
            return grads
        return {name: grad.detach() for name, grad in grads.items()}


def _take(tensors, part):
    """Pick the tensors of one part by their prefix, and take it off."""
    prefix = f"{part}."
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
