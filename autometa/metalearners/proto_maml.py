"""Proto-MAML: MAML whose head starts from the prototypes of the support."""

from autometa.metalearners._prototypes import prototype_head
from autometa.metalearners.maml import MAML
from autometa.metalearners.protonet import distance_scale, first_log_scale


class ProtoMAML(MAML):
    """Start the last layer where a prototypical network stands, then take gradient steps.

    Any number of classes fits, in any order. Outer derivatives flow through the prototypes too.

    Departures from the paper: those of :class:`~autometa.metalearners.MAML` and
    :class:`~autometa.metalearners.ProtoNet`.

    Parameters
    ----------
    n_inner_steps, second_order, unadapted_share, network, step_size
        See :class:`~autometa.metalearners.MAML`.

    References
    ----------
    Triantafillou et al., "Meta-Dataset: A Dataset of Datasets for Learning to Learn from Few
    Examples", 2020.

    Examples
    --------
    >>> ProtoMAML(network={"kind": "mlp"}).adapted[-2:]
    ('head', 'head_bias')
    """

    default_kind, needs_head = "columns", False
    ignores_class_order = True

    @property
    def adapted(self):
        return (*self.backbone.adapted, "head", "head_bias")

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        return {**super().init_params(seed), **first_log_scale(self.backbone)}

    def propose(self, params, support, *, is_regression):
        """Return the network's weights, the head made of prototypes."""
        weights = self.backbone.propose(params, support, is_regression=is_regression)
        hidden = self.backbone.embed(weights, support)
        scale = distance_scale(params)
        return {**weights, **prototype_head(hidden, support, scale, is_regression=is_regression)}
