"""Reptile: move the initialisation towards where training on a task leads."""

import torch

from autometa.episodes import pool_rows
from autometa.metalearners._gradient import GradientLearner

INNER_OPTIMISERS = ("adam", "sgd")


class Reptile(GradientLearner):
    """Learn an initialisation by following the weights that plain training ends with.

    The outer direction is ``proposed - adapted``, averaged over tasks. Training sees support and
    query as one set of labelled rows, as published; only the support is there at the test.

    Departures from the paper: where a network proposes the weights for a table, whose shapes
    differ from table to table, the direction is pulled back to its parameters by the transposed
    Jacobian of the proposal, the gradient of half the squared distance between proposed and
    adapted weights (with plain networks this is the paper's direction itself). Mini-batches go
    through the rows in their given order, again and again, since adapting draws nothing. The inner
    Adam, of ``beta1 = 0``, starts its second moment anew for every task, since adapting keeps
    nothing and tasks are adapted side by side; the published code carries it on from one to the
    next.

    Parameters
    ----------
    n_inner_steps : int
    step_size : float
        Of the inner steps.
    inner_optimiser : {"adam", "sgd"}
    inner_batch : int, default=None
        Rows of a step; None takes all.
    network : dict, default=None

    References
    ----------
    Nichol, Achiam and Schulman, "On First-Order Meta-Learning Algorithms", 2018.

    Examples
    --------
    >>> learner = Reptile(network={"kind": "mlp", "n_inputs": 2, "hidden": [3]})
    >>> sorted(learner.init_params(seed=0))
    ['head', 'head_bias', 'layer0', 'layer0_gain', 'layer0_shift']
    """

    def __init__(
        self,
        n_inner_steps=5,
        step_size=1e-3,
        inner_optimiser="adam",
        inner_batch=None,
        network=None,
    ):
        super().__init__(n_inner_steps, second_order=False, network=network)
        if inner_optimiser not in INNER_OPTIMISERS:
            raise ValueError(f"inner_optimiser must be one of {INNER_OPTIMISERS}")
        self.step_size, self.inner_optimiser = step_size, inner_optimiser
        self.inner_batch = inner_batch

    def inner_lr(self, params, *, is_regression):
        """Return the one step size for every adapted tensor."""
        return self.fixed_step_sizes(params, self.step_size, is_regression=is_regression)

    def adapt(self, params, support, *, is_regression, weights=None):
        """Train on the labelled rows; see :class:`GradientLearner`."""
        if weights is None:
            weights = self.propose(params, support, is_regression=is_regression)
        names = self.moved(is_regression)
        squares = {name: torch.zeros_like(weights[name]) for name in names}
        for step in range(self.n_inner_steps):
            loss = self.support_loss(self._batch(support, step), is_regression=is_regression)
            own = {name: weights[name] for name in names}
            grads = torch.func.grad(lambda own, loss=loss, w=weights: loss({**w, **own}))(own)
            if self.inner_optimiser == "adam":
                grads, squares = _scale_by_adam(grads, squares, step + 1)
            weights = {
                **weights,
                **{name: weights[name] - self.step_size * grads[name] for name in names},
            }
        return weights

    def _batch(self, support, step):
        n_rows = len(support["weight"])
        if self.inner_batch is None or self.inner_batch >= n_rows:
            return support
        start, device = step * self.inner_batch, support["weight"].device
        places = torch.arange(start, start + self.inner_batch, device=device) % n_rows
        per_row = ("X", "weight", "target", "membership")
        return {name: t[places] if name in per_row else t for name, t in support.items()}

    def meta_grad(self, params, episodes):
        """Return ``proposed - adapted``, averaged over episodes, and the loss after training.

        Parameters and return value are those of :meth:`MetaLearner.meta_grad`.
        """
        is_regression = episodes.is_regression

        def direction(support, query):
            rows = pool_rows(support, query)
            proposed, pull_back = torch.func.vjp(
                lambda params: self.propose(params, rows, is_regression=is_regression), params
            )
            adapted = self.adapt(params, rows, is_regression=is_regression, weights=proposed)
            towards = {name: proposed[name] - adapted[name] for name in proposed}
            outputs = self.predict(params, adapted, rows, rows, is_regression=is_regression)
            loss = self.loss(outputs, rows, is_regression=is_regression)
            return pull_back(towards)[0], loss

        grads, losses = torch.func.vmap(direction)(episodes.support, episodes.query)
        return {name: grad.mean(0) for name, grad in grads.items()}, losses.mean()


def _scale_by_adam(grads, squares, n_steps):
    """Adam's direction without momentum (beta1 = 0, beta2 = 0.999)."""
    squares = {name: 0.999 * squares[name] + 0.001 * grads[name].square() for name in grads}
    correction = 1 - 0.999**n_steps
    scaled = {
        # the root of 0 has no derivative; none flows here, yet functorch computes it
        name: grads[name] / ((squares[name] / correction).sqrt() + 1e-8)
        for name in grads
    }
    return scaled, squares
