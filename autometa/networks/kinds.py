"""Networks by the names that configurations give them."""

from autometa.exceptions import InvalidInputError
from autometa.networks.convolutional import Convolutional
from autometa.networks.mlp import MLP
from autometa.networks.tabular import ColumnsNetwork, LookUpNetwork

#: For tables ``look_up`` and ``columns``, for arrays ``mlp`` and ``convolutional``.
NETWORKS = {
    "look_up": LookUpNetwork,
    "columns": ColumnsNetwork,
    "mlp": MLP,
    "convolutional": Convolutional,
}


def make_network(config, *, default_kind, **options):
    """Make the network that a configuration describes.

    Parameters
    ----------
    config : dict
        ``kind``, a key of :data:`NETWORKS`, and arguments of that class.
    default_kind : str
        Where ``config`` names none.
    options
        Arguments that the learner, and not its user, decides.

    Examples
    --------
    >>> make_network({"kind": "mlp", "n_inputs": 3, "hidden": [8]}, default_kind="look_up").adapted
    ('layer0', 'layer0_gain', 'layer0_shift', 'head', 'head_bias')
    """
    config = dict(config)
    kind = config.pop("kind", default_kind)
    if kind not in NETWORKS:
        raise InvalidInputError(f"A network's kind must be one of {[*NETWORKS]}, got {kind!r}.")
    return NETWORKS[kind](**{**config, **options})
