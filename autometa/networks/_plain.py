"""What networks for arrays share: one set of weights for all tasks, class slots, batch norm."""

import torch

from autometa.exceptions import InvalidInputError
from autometa.networks._draws import truncated_normal, uniform

HEADS = ("slots", "shared")


class PlainNetwork:
    """Base of the networks whose weights are meta-parameters themselves.

    Parameters
    ----------
    n_slots : int
        Classes that the head has columns for, and outputs at most.
    head : {"slots", "shared", None}
        A column for every class, as published; one start for the columns of all classes, so that
        any number fits and their order does not matter (Ye and Chao, "How to Train Your MAML to
        Excel in Few-Shot Classification", 2022); or no head at all.
    norm : bool
        Batch normalisation by the statistics of the rows at hand, each by its weight; none are
        kept between calls.
    transductive : bool or "joint"
        Whether rows to predict are normalised together, as MAML's code and the released one of
        Reptile do; "joint" together with the labelled rows, as Reptile's did in earlier versions;
        False each with the labelled rows.
    init_std : float, default=None
        Standard deviation of the first values of matrices, which are normal and cut at two of
        them; None draws them as torch does, by the number of inputs. Below a normalisation it says
        how far a step of a given size goes: MAML's code has 0.01.
    shared_shift : bool
        Normalise without gains, and with shifts that steps do not move, as MAML's code does.

    Attributes
    ----------
    adapted : tuple of str
        Weights that gradient learners move.
    element_shapes : dict of str to tuple
        Shape of every adapted weight, for what is learned of each of its elements.
    n_features : int
        Numbers that :meth:`embed` gives for a row.
    multiplied : tuple of str
        Matrices that a pass uses once, as ``rows @ matrix``: inner steps need not form them.
    """

    multiplied = ()
    huber_delta = None
    reads_tables = False
    n_features: int

    def __init__(self, *, n_slots, head, norm, transductive, init_std, shared_shift):
        if head not in (*HEADS, None):
            raise InvalidInputError(f"head must be one of {[*HEADS, None]}, got {head!r}.")
        if transductive not in (True, False, "joint"):
            raise InvalidInputError(
                f'transductive must be True, False or "joint", got {transductive!r}.'
            )
        if n_slots < 1:
            raise InvalidInputError(f"n_slots must be >= 1, got {n_slots}.")
        self.n_slots, self.head, self.norm, self.transductive = n_slots, head, norm, transductive
        self.init_std, self.shared_shift = init_std, shared_shift
        params = self.init_params(0)  # here, since nothing may be drawn under vmap
        self.element_shapes = {name: tuple(param.shape) for name, param in params.items()}

    @property
    def head_names(self):
        return ("head", "head_bias") if self.head else ()

    def init_params(self, seed):
        """Draw weights; a dictionary of float32 tensors on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        params = self._init_layers(generator)
        if self.head:
            n_columns = self.n_slots if self.head == "slots" else 1
            params["head"] = self._matrix(generator, self.n_features, n_columns)
            params["head_bias"] = torch.zeros(n_columns)
        return params

    @property
    def adapted(self):
        shared = "_shift" if self.shared_shift else ()
        return tuple(name for name in self.element_shapes if not name.endswith(shared))

    def propose(self, params, support, *, is_regression):
        """Return the weights to start from: the parameters, with a head column for each class.

        Where ``support`` has ``slots`` (n_slots,), they say which column each class gets.
        """
        weights = {name: params[name] for name in self.element_shapes if name in params}
        if not self.head:
            return weights
        n_outputs = support["target"].shape[-1]
        if self.head == "shared":
            weights["head"] = weights["head"].expand(-1, n_outputs)
            weights["head_bias"] = weights["head_bias"].expand(n_outputs)
            return weights
        if n_outputs > self.n_slots:
            raise InvalidInputError(
                f"The episode has {n_outputs} classes, the network slots for {self.n_slots}. "
                f'Give it n_slots={n_outputs}, or head="shared" for any number.'
            )
        slots = slots_of(support, self.n_slots)[:n_outputs]
        weights["head"] = weights["head"][:, slots]
        weights["head_bias"] = weights["head_bias"][slots]
        return weights

    def spread(self, elements, support):
        """Lay out numbers for the elements of parameters as :meth:`propose` lays those out."""
        return self.propose(elements, support, is_regression=False)

    def embed(self, weights, rows, context=None, fast=None):
        """Embed rows.

        Parameters
        ----------
        weights : dict of Tensor
        rows : dict of Tensor
        context : dict of Tensor, default=None
            The labelled rows, where ``rows`` are others.
        fast : dict of Tensor, default=None
            A second set of weights: every layer adds up what both make of its input. Those that it
            lacks, such as shared shifts, are the same in both.

        Returns
        -------
        Tensor of shape (n_rows, n_features)
        """
        weight = rows.get("weight", rows["X"].new_ones(len(rows["X"])))
        if self.transductive == "joint" and context is not None and self.norm:
            X, weight = torch.cat([context["X"], rows["X"]]), torch.cat([context["weight"], weight])
            return self._features(weights, X, weight, fast)[len(context["X"]) :]
        if context is None or self.transductive or not self.norm:
            return self._features(weights, rows["X"], weight, fast)

        def embed_one(row):
            X = torch.cat([context["X"], row.unsqueeze(0)])
            weight = torch.cat([context["weight"], torch.ones_like(context["weight"][:1])])
            return self._features(weights, X, weight, fast)[-1]

        return torch.func.vmap(embed_one)(rows["X"])

    def predict(self, weights, context, rows, *, is_regression, is_context=False):
        """Predict logits or numbers; (n_rows, n_outputs)."""
        hidden = self.embed(weights, rows, None if is_context else context)
        outputs = hidden @ weights["head"] + weights["head_bias"]
        return outputs if is_regression else outputs + (context["class_mask"] - 1) * 1e9

    def context(self, support):
        """Return the labelled rows that a step reads: all."""
        return support

    def _features(self, weights, X, weight, fast):
        hidden = self._start(X)
        for i in range(self.n_layers):
            found = self._layer(weights, i, hidden, weight)
            if fast is not None:
                found = found + self._layer({**weights, **fast}, i, hidden, weight)
            hidden = found
        return self._end(hidden)

    def _matrix(self, generator, n_in, n_out):
        if self.init_std is None:
            return uniform(generator, n_in, n_out, fan_in=n_in)
        return truncated_normal(generator, n_in, n_out, std=self.init_std)

    def _norm_params(self, name, n_channels):
        if not self.norm:
            return {}
        shift = {f"{name}_shift": torch.zeros(n_channels)}
        return shift if self.shared_shift else {f"{name}_gain": torch.ones(n_channels), **shift}

    def _normalise(self, hidden, weight, weights, name):
        """Give every channel mean 0 and variance 1 over rows (by weight) and positions."""
        if not self.norm:
            return hidden
        share = weight / weight.sum().clamp(min=1e-9)
        positions = tuple(range(2, hidden.ndim))

        def mean(values):
            per_row = values.mean(positions) if positions else values
            return (share @ per_row).view(1, -1, *[1] * len(positions))

        centred = hidden - mean(hidden)
        shape = (1, -1, *[1] * len(positions))
        factor = (mean(centred.square()) + 1e-5).rsqrt()
        if not self.shared_shift:
            factor = factor * weights[f"{name}_gain"].view(shape)
        return centred * factor + weights[f"{name}_shift"].view(shape)


def slots_of(support, n_slots):
    """Return which slot each class gets; (n_slots,), in order where ``support`` does not say."""
    if "slots" in support:
        return support["slots"].long()
    return torch.arange(n_slots, device=support["target"].device)
