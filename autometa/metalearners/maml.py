"""MAML, of second and first order, on weights that an initialiser proposes for each task."""

import torch

from autometa.episodes import first_rows
from autometa.metalearners._base import MetaLearner, query_loss
from autometa.metalearners._inner_loop import gradient_steps
from autometa.networks import ColumnStatisticsInitialiser

#: Rows that a step reads and that an adapted network looks up, while it is meta-trained: the
#: cost grows with their cube. The proposal reads all.
MAX_CONTEXT_ROWS = 160
#: Tensors that say how an adapted network looks up rows.
LOOKUP = (
    *("keys", "relevance", "log_gamma", "kernel_logits"),
    *("log_noise", "log_lookup_scale", "log_ratio_scale", "gate"),
)

ONLY_FOR_CLASSES = ("log_ratio_scale",)


class MAML(MetaLearner):
    """Learn an initialisation that a few gradient steps adapt well.

    Departures from the paper: the initialisation is not one set of weights but a function of
    the task's column statistics; step sizes are learned, for every tensor one for classes and
    one for numbers (Antoniou, Edwards and Storkey, 2019); and the loss before adapting counts
    too, so that the proposal is useful as it is.

    Parameters
    ----------
    n_inner_steps : int
    second_order : bool
        False gives first-order MAML.
    unadapted_share : float
        Weight of the query loss before adapting, in [0, 1].
    network : dict, default=None
        Arguments of :class:`~autometa.networks.ColumnStatisticsInitialiser`.

    References
    ----------
    Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep
    Networks", 2017.

    Examples
    --------
    >>> learner = MAML(n_inner_steps=2, network={"n_hidden": 8, "n_token": 8})
    >>> params = learner.init_params(seed=0)
    >>> sorted(name for name in params if name.startswith("log_inner_lr"))[0]
    'log_inner_lr.first'
    """

    initialiser_class = ColumnStatisticsInitialiser
    adapted = (
        *("first", "first_bias", "gain", "second", "second_bias", "head", "head_bias"),
        *LOOKUP,
    )

    def __init__(self, n_inner_steps=1, second_order=True, unadapted_share=0.4, network=None):
        self.n_inner_steps = n_inner_steps
        self.second_order = second_order
        self.unadapted_share = unadapted_share
        self.network = dict(network or {})
        with torch.device("meta"):
            self._initialiser = self.initialiser_class(**self.network)

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            initialiser = self.initialiser_class(**self.network)
        params = {name: param.detach() for name, param in initialiser.named_parameters()}
        lr = {
            f"log_inner_lr.{name}": torch.full((2,), -3.0 if name not in LOOKUP else -5.0)
            for name in self.adapted
        }
        return {**params, **lr}

    def propose(self, params, support, *, is_regression):
        """Propose weights for one task; see :class:`ColumnStatisticsInitialiser`."""
        own = {name: param for name, param in params.items() if "log_inner_lr" not in name}
        return torch.func.functional_call(
            self._initialiser, own, (support,), {"is_regression": is_regression}
        )

    def adapt(self, params, support, *, is_regression, weights=None):
        """Move the proposal ``n_inner_steps`` steps down the support loss.

        Parameters
        ----------
        params, support : dict of Tensor
        is_regression : bool
        weights : dict of Tensor, default=None
            Where to start; None proposes.

        Returns
        -------
        dict of Tensor
        """
        if weights is None:
            weights = self.propose(params, support, is_regression=is_regression)

        context = first_rows(support, MAX_CONTEXT_ROWS)

        def support_loss(weights):
            return query_loss(
                weights, context, context, is_regression=is_regression, is_context=True
            )

        return gradient_steps(
            support_loss,
            weights,
            lr=self.inner_lr(params, is_regression=is_regression),
            n_steps=self.n_inner_steps,
            second_order=self.second_order,
        )

    def inner_lr(self, params, *, is_regression):
        """Return the learned step size of every adapted tensor."""
        return {
            name: params[f"log_inner_lr.{name}"][int(is_regression)].exp()
            for name in self.adapted
            if not (is_regression and name in ONLY_FOR_CLASSES)
        }

    def episode_loss(self, params, support, query, *, is_regression):
        """Mix the query losses before and after adapting."""
        before = self.propose(params, support, is_regression=is_regression)
        after = self.adapt(params, support, is_regression=is_regression, weights=before)
        context = first_rows(support, MAX_CONTEXT_ROWS)
        losses = (
            query_loss(weights, context, query, is_regression=is_regression)
            for weights in (before, after)
        )
        loss_before, loss_after = losses
        return self.unadapted_share * loss_before + (1 - self.unadapted_share) * loss_after
