"""The baseline without meta-learning: the same network from random weights."""

import torch

from autometa.metalearners._base import MetaLearner
from autometa.networks.basis import N_BASIS
from autometa.networks.heads import ridge_head
from autometa.networks.lookup import N_CELL_KERNELS
from autometa.networks.settings import choose_settings
from autometa.networks.trunk import embed


class RandomWeights(MetaLearner):
    """Propose random weights, as a network trained from scratch would start.

    Parameters
    ----------
    seed : int
        Of the weights; the same at every call.
    closed_form_head : bool
        Solve the head by ridge regression on the random embedding, instead of starting it at 0.
    look_up : bool
        Look up the labelled rows too, by kernels on the random embedding and on the cells, whose
        noise and scale the rows choose. Without it the network is a plain one.
    n_hidden, n_heads, n_key : int
        Sizes of the network, as in :class:`~autometa.networks.ColumnStatisticsInitialiser`.
    ridge : float
        Ridge strength per row of the closed-form head.

    References
    ----------
    He et al., "Delving Deep into Rectifiers", 2015, for the scale of the weights.
    """

    def __init__(
        self,
        seed=0,
        closed_form_head=False,
        look_up=False,
        n_hidden=256,
        n_heads=2,
        n_key=48,
        ridge=0.1,
    ):
        self.seed, self.ridge = seed, ridge
        self.closed_form_head, self.look_up = closed_form_head, look_up
        self.n_hidden, self.n_heads, self.n_key = n_hidden, n_heads, n_key

    def init_params(self, seed):
        """Return no parameters: nothing is learned here."""
        return {}

    def propose(self, params, support, *, is_regression):
        """Draw weights for the table of which ``support`` holds the labelled rows."""
        generator = torch.Generator().manual_seed(self.seed)
        n_columns, n_outputs = support["X"].shape[1], support["target"].shape[1]
        device, n_hidden = support["X"].device, self.n_hidden

        def normal(*shape, scale):
            return (torch.randn(shape, generator=generator) * scale).to(device)

        def constant(value, *shape):
            return torch.full(shape, value, device=device)

        n_inputs = N_BASIS * n_columns
        weights = {
            "first": normal(n_columns, N_BASIS, n_hidden, scale=(2 / n_inputs) ** 0.5),
            "first_bias": normal(n_hidden, scale=0.1),
            "gain": constant(1.0, n_hidden),
            "second": normal(n_hidden, n_hidden, scale=(2 / n_hidden) ** 0.5),
            "second_bias": constant(0.0, n_hidden),
        }
        head, head_bias = normal(n_hidden, n_outputs, scale=0.0), constant(0.0, n_outputs)
        hidden = embed(weights, support)
        log_scale = constant(0.0 if is_regression else 1.5)
        ridge = {"log_ridge": constant(self.ridge).log(), "log_scale": log_scale}
        if self.closed_form_head:
            head, head_bias = ridge_head(hidden, support, **ridge, is_regression=is_regression)
        weights |= {"head": head, "head_bias": head_bias}
        if not self.look_up:
            return weights
        weights |= {
            "keys": normal(n_hidden, self.n_heads, self.n_key, scale=n_hidden**-0.5),
            "relevance": constant(1.0, n_columns, N_BASIS) * support["column_mask"].unsqueeze(-1),
            "log_gamma": constant(0.0, self.n_heads + 1),
            "kernel_logits": constant(0.0, self.n_heads + 1 + N_CELL_KERNELS),
            "log_noise": constant(-1.5),
            "log_lookup_scale": log_scale,
            "prior_share": constant(1.0),
            "gate": constant(3.0),
        }
        return weights | choose_settings(
            weights,
            hidden,
            support,
            ridge,
            is_regression=is_regression,
            trust=constant(1.0, 2),
            log_preference=constant(-1.0),
        )
