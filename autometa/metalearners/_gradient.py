"""What learners share that move weights down the support loss."""

import torch

from autometa.metalearners._base import MetaLearner, check_at_least
from autometa.metalearners._inner_loop import ThinSum, gradient_steps

#: How many times as many numbers as the thin products a matrix has that steps leave unformed.
THIN = 5
ONLY_FOR_CLASSES = ("log_ratio_scale",)


class GradientLearner(MetaLearner):
    """Base of the learners that start from proposed weights and take gradient steps.

    Parameters
    ----------
    n_inner_steps : int
    second_order : bool
        Whether derivatives flow through the inner gradients.
    network : dict, default=None

    Attributes
    ----------
    adapted : tuple of str
        Weights that steps move.
    """

    default_kind, needs_head = "look_up", True
    proposes_weights = True

    def __init__(self, n_inner_steps=1, second_order=True, network=None):
        super().__init__(network)
        check_at_least(0, n_inner_steps=n_inner_steps)
        self.n_inner_steps = n_inner_steps
        self.second_order = second_order

    @property
    def adapted(self):
        return self.backbone.adapted

    @property
    def ignores_class_order(self):
        return getattr(self.backbone, "head", None) != "slots"

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        return self.backbone.init_params(seed)

    def propose(self, params, support, *, is_regression):
        """Return the weights to start from; see :mod:`autometa.networks`."""
        return self.backbone.propose(params, support, is_regression=is_regression)

    def inner_lr(self, params, *, is_regression):
        """Return the step size of every weight that steps move; each subclass gives its own."""
        raise NotImplementedError(
            f"{type(self).__name__} gives no step sizes, so it would never adapt. Write inner_lr; "
            "fixed_step_sizes returns one number for all weights."
        )

    def step_sizes(self, params, support, *, is_regression):
        """Return :meth:`inner_lr` as it fits the weights proposed for ``support``."""
        return self.inner_lr(params, is_regression=is_regression)

    def support_loss(self, support, *, is_regression):
        """Return the function that steps descend: from weights to the loss on labelled rows."""
        context = self.backbone.context(support)

        def loss(weights):
            outputs = self.backbone.predict(
                weights, context, context, is_regression=is_regression, is_context=True
            )
            return self.loss(outputs, context, is_regression=is_regression)

        return loss

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
        moved = self._descend(params, support, weights, is_regression=is_regression)
        return {
            name: weight.form() if isinstance(weight, ThinSum) else weight
            for name, weight in moved.items()
        }

    def _descend(self, params, support, weights=None, *, is_regression):
        """Adapt; matrices that are large beside the number of rows are not formed."""
        if weights is None:
            weights = self.propose(params, support, is_regression=is_regression)
        lr = self.step_sizes(params, support, is_regression=is_regression)
        n_rows = len(support["weight"])
        thin = [
            name
            for name in getattr(self.backbone, "multiplied", ())
            if name in lr
            and lr[name].ndim == 0
            and THIN * self.n_inner_steps * n_rows * sum(weights[name].shape)
            < weights[name].numel()
        ]
        return gradient_steps(
            self.support_loss(support, is_regression=is_regression),
            weights,
            lr=lr,
            n_steps=self.n_inner_steps,
            second_order=self.second_order,
            thin=thin,
            n_rows=n_rows,
        )

    def moved(self, is_regression):
        """Names of the adapted weights that there are for classes, or for numbers."""
        return [name for name in self.adapted if not (is_regression and name in ONLY_FOR_CLASSES)]

    def fixed_step_sizes(self, params, step_size, *, is_regression):
        """Return one given number as the step size of every adapted weight."""
        some = next(iter(params.values()))
        step_size = some.new_full((), step_size)
        return dict.fromkeys(self.moved(is_regression), step_size)

    def tensor_step_sizes(self, log_step_size):
        """Draw one learned step size a weight, and one for each kind of target."""
        return {
            f"log_inner_lr.{name}": torch.full((2,), log_step_size(name)) for name in self.adapted
        }
