"""Meta-SGD: MAML that also learns a step size, and its sign, for every element."""

import torch

from autometa.metalearners.maml import MAML


class MetaSGD(MAML):
    """Learn an initialisation together with the direction and size of one step from it.

    Departures from the paper: the number of steps is free, since more rows may allow for more of
    them; the default is the paper's one step. On tables, whose weights depend on the number of
    columns and classes, all columns share their step sizes, and so do all classes, with one set
    for classes and one for numbers; and there the departures of
    :class:`~autometa.metalearners.MAML` on tables are made here too.

    Parameters
    ----------
    n_inner_steps, second_order, unadapted_share, network
        See :class:`~autometa.metalearners.MAML`.
    first_step_sizes : (float, float)
        Between which the first ones are drawn. The paper's are (0.005, 0.1).

    References
    ----------
    Li, Zhou, Chen and Li, "Meta-SGD: Learning to Learn Quickly for Few-Shot Learning", 2017.

    Examples
    --------
    >>> learner = MetaSGD(network={"kind": "mlp", "n_inputs": 2, "hidden": [3], "n_slots": 5})
    >>> learner.init_params(seed=0)["inner_lr.head"].shape
    torch.Size([3, 5])
    """

    def __init__(
        self,
        n_inner_steps=1,
        second_order=True,
        unadapted_share=None,
        network=None,
        first_step_sizes=(0.005, 0.1),
    ):
        super().__init__(n_inner_steps, second_order, unadapted_share, network)
        self.first_step_sizes = first_step_sizes

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        low, high = self.first_step_sizes
        own = {
            f"inner_lr.{name}": low
            + (high - low) * torch.rand(self._lr_shape(name), generator=generator)
            for name in self.adapted
        }
        return {**self.backbone.init_params(seed), **own}

    def _lr_shape(self, name):
        shape = self.backbone.element_shapes[name]
        return shape if not self.backbone.reads_tables else (2, *shape)

    def inner_lr(self, params, *, is_regression):
        """Return the step size of every element; of all classes and columns alike on tables."""
        own = {name: params[f"inner_lr.{name}"] for name in self.moved(is_regression)}
        if self.backbone.reads_tables:
            own = {name: lr[int(is_regression)] for name, lr in own.items()}
        return own

    def step_sizes(self, params, support, *, is_regression):
        """Return the step sizes in the layout of the weights proposed for ``support``."""
        own = self.inner_lr(params, is_regression=is_regression)
        return self.backbone.spread(own, support)
