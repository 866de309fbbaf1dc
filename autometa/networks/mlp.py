"""A perceptron for rows of fixed length, with one set of weights for all tasks."""

from autometa.exceptions import InvalidInputError
from autometa.networks._draws import uniform
from autometa.networks._plain import PlainNetwork


class MLP(PlainNetwork):
    """Embed rows by fully connected layers with ReLU.

    Parameters
    ----------
    n_inputs : int
        Numbers of a row; images are flattened.
    hidden : sequence of int
        Widths; MAML's are the default for Omniglot, and ``(40, 40)`` without ``norm`` for
        sinusoids.
    n_slots, head, norm, transductive, init_std, shared_shift
        See :class:`~autometa.networks._plain.PlainNetwork`. A layer with batch normalisation has
        no bias of its own, since the normalisation would take it away.

    References
    ----------
    Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks",
    2017, appendix A.

    Examples
    --------
    >>> network = MLP(n_inputs=1, hidden=(40, 40), norm=False, n_slots=1)
    >>> sum(param.numel() for param in network.init_params(seed=0).values())
    1761
    """

    def __init__(
        self,
        n_inputs=784,
        hidden=(256, 128, 64, 64),
        n_slots=5,
        head="slots",
        norm=True,
        transductive=True,
        init_std=None,
        shared_shift=False,
    ):
        self.widths = (n_inputs, *hidden)
        self.n_features = self.widths[-1]
        super().__init__(
            n_slots=n_slots,
            head=head,
            norm=norm,
            transductive=transductive,
            init_std=init_std,
            shared_shift=shared_shift,
        )

    def _init_layers(self, generator):
        params = {}
        for i, (n_in, n_out) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            params[f"layer{i}"] = self._matrix(generator, n_in, n_out)
            if not self.norm:
                params[f"layer{i}_bias"] = uniform(generator, n_out, fan_in=n_in)
            params |= self._norm_params(f"layer{i}", n_out)
        return params

    n_layers = property(lambda self: len(self.widths) - 1)
    multiplied = property(lambda self: tuple(f"layer{i}" for i in range(self.n_layers)))

    def _start(self, X):
        X = X.flatten(1)
        if X.shape[1] != self.widths[0]:
            raise InvalidInputError(
                f"Rows have {X.shape[1]} numbers, the network reads {self.widths[0]}. "
                f"Give it n_inputs={X.shape[1]}."
            )
        return X

    def _layer(self, weights, i, hidden, weight):
        hidden = hidden @ weights[f"layer{i}"]
        if not self.norm:
            hidden = hidden + weights[f"layer{i}_bias"]
        return self._normalise(hidden, weight, weights, f"layer{i}").relu()

    def _end(self, hidden):
        return hidden
