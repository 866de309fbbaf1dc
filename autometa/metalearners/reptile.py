"""Reptile: move the initialisation towards where training on a task leads."""

import torch

from autometa.episodes import first_places, pool_rows, take_rows
from autometa.exceptions import InvalidInputError
from autometa.metalearners._base import check_at_least
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
    through the rows that have a weight in their given order, again and again, since adapting draws
    nothing. The inner
    Adam, of ``beta1 = 0``, starts its second moment anew for every task, unless it is carried on:
    the published code does so from one task to the next, and here, where tasks are adapted side by
    side, all start from the mean of those before.

    Parameters
    ----------
    n_inner_steps : int
    step_size : float
        Of the inner steps.
    inner_optimiser : {"adam", "sgd"}
    inner_batch : int, default=None
        Rows of a step; None takes all.
    carries_moments : bool
        Whether Adam's second moment goes on from task to task, as a meta-parameter; for networks
        with one set of weights for all tasks, and an outer rule that takes whole steps ("sgd").
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
        carries_moments=False,
        network=None,
    ):
        super().__init__(n_inner_steps, second_order=False, network=network)
        if inner_optimiser not in INNER_OPTIMISERS:
            raise ValueError(f"inner_optimiser must be one of {INNER_OPTIMISERS}")
        check_at_least(1, inner_batch=inner_batch)
        self.step_size, self.inner_optimiser = step_size, inner_optimiser
        self.inner_batch, self.carries_moments = inner_batch, carries_moments
        if carries_moments and self.backbone.reads_tables:
            raise InvalidInputError(
                "carries_moments=True needs one set of weights for all tasks, and those of tables "
                "are proposed. Leave it out, or name a network such as {'kind': 'mlp'}."
            )

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        params = super().init_params(seed)
        if not self.carries_moments:
            return params
        squares = {f"square.{name}": torch.zeros_like(params[name]) for name in self.adapted}
        return {**params, **squares, "square_mass": torch.zeros(())}

    def inner_lr(self, params, *, is_regression):
        """Return the one step size for every adapted tensor."""
        return self.fixed_step_sizes(params, self.step_size, is_regression=is_regression)

    def adapt(self, params, support, *, is_regression, weights=None):
        """Train on the labelled rows; see :class:`GradientLearner`."""
        start = self._start(params, support, weights, is_regression=is_regression)
        return self._train(start, support, is_regression=is_regression)[0]

    def _start(self, params, support, weights=None, *, is_regression):
        """Return weights, second moments of their gradients, and how much of these is known."""
        if weights is None:
            weights = self.propose(params, support, is_regression=is_regression)
        if not self.carries_moments:
            names = self.moved(is_regression)
            squares = {name: torch.zeros_like(weights[name]) for name in names}
            return weights, squares, torch.zeros_like(support["weight"][0])
        squares = {name: params[f"square.{name}"] for name in self.adapted}
        squares = self.backbone.spread(squares, support)
        return weights, squares, params["square_mass"]

    def _train(self, start, support, *, is_regression):
        weights, squares, mass = start
        names = self.moved(is_regression)
        for step in range(self.n_inner_steps):
            loss = self.support_loss(self._batch(support, step), is_regression=is_regression)
            own = {name: weights[name] for name in names}
            grads = torch.func.grad(lambda own, loss=loss, w=weights: loss({**w, **own}))(own)
            if self.inner_optimiser == "adam":
                grads, squares, mass = _scale_by_adam(grads, squares, mass)
            weights = {
                **weights,
                **{name: weights[name] - self.step_size * grads[name] for name in names},
            }
        return weights, squares, mass

    def _batch(self, support, step):
        weight, size = support["weight"], self.inner_batch
        if size is None or size >= len(weight):
            return support
        n_rows = (weight > 0).sum()  # those of weight 0 would make mini-batches of nothing
        numbers = torch.arange(size, device=weight.device)
        places = first_places(weight)[(step * size + numbers) % n_rows]
        batch = take_rows(support, places)
        return {**batch, "weight": batch["weight"] * (numbers < n_rows)}  # no row counts twice

    def meta_grad(self, params, episodes):
        """Return ``proposed - adapted``, averaged over episodes, and the loss after training.

        Parameters and return value are those of :meth:`MetaLearner.meta_grad`.
        """
        is_regression = episodes.is_regression

        def direction(support, query):
            rows = pool_rows(support, query)
            start, pull_back = torch.func.vjp(
                lambda params: self._start(params, rows, is_regression=is_regression), params
            )
            end = self._train(start, rows, is_regression=is_regression)
            towards = tuple(
                {name: part[name] - after[name] for name in part}
                if isinstance(part, dict)
                else part - after
                for part, after in zip(start, end, strict=True)
            )
            outputs = self.predict(params, end[0], rows, rows, is_regression=is_regression)
            loss = self.loss(outputs, rows, is_regression=is_regression)
            return pull_back(towards)[0], loss

        grads, losses = torch.func.vmap(direction)(episodes.support, episodes.query)
        return {name: grad.mean(0) for name, grad in grads.items()}, losses.mean()


def _scale_by_adam(grads, squares, mass):
    """Adam's direction without momentum (beta1 = 0, beta2 = 0.999)."""
    mass = 0.999 * mass + 0.001  # of the moments' weights, so that early ones are not too small
    squares = {
        **squares,
        **{name: 0.999 * squares[name] + 0.001 * grads[name].square() for name in grads},
    }
    scaled = {
        # the root of 0 has no derivative; none flows here, yet functorch computes it
        name: grads[name] / ((squares[name] / mass).sqrt() + 1e-8)
        for name in grads
    }
    return scaled, squares, mass
