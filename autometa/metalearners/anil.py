"""ANIL: MAML whose inner loop moves the head only."""

from autometa.metalearners.maml import MAML


class ANIL(MAML):
    """Learn features that only the last layer adapts on.

    Parameters and departures are those of :class:`~autometa.metalearners.MAML`.

    References
    ----------
    Raghu, Raghu, Bengio and Vinyals, "Rapid Learning or Feature Reuse? Towards Understanding the
    Effectiveness of MAML", 2020.

    Examples
    --------
    >>> ANIL(network={"kind": "mlp"}).adapted
    ('head', 'head_bias')
    """

    @property
    def adapted(self):
        return self.backbone.head_names
