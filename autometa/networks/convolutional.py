"""The convolutional network of the few-shot papers, with one set of weights for all tasks."""

from torch.nn import functional

from autometa.exceptions import InvalidInputError
from autometa.networks._draws import uniform
from autometa.networks._plain import PlainNetwork


class Convolutional(PlainNetwork):
    """Embed images by blocks of 3x3 convolution, batch normalisation and ReLU.

    Parameters
    ----------
    n_filters, n_blocks, n_channels, image_size : int
        Images have shape (n_channels, image_size, image_size).
    pooling : bool
        Halve the image by 2x2 max-pooling after every block, as Vinyals et al. and Snell et al.
        do; else by a stride of 2, as MAML does on Omniglot.
    averaged : bool
        Whether what strides leave of the image is averaged, as MAML's code does on Omniglot; else
        every position has features, as in Reptile's.
    n_slots, head, norm, transductive, init_std, shared_shift
        See :class:`~autometa.networks._plain.PlainNetwork`. Convolutions have no bias of their
        own where normalisation would take it away. ``init_std`` is that of the head.

    Notes
    -----
    With pooling 28x28 images end as one position.

    References
    ----------
    Vinyals et al., "Matching Networks for One Shot Learning", 2016; Finn, Abbeel and Levine,
    "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", 2017.

    Examples
    --------
    >>> Convolutional(n_filters=64).n_features
    64
    """

    def __init__(
        self,
        n_filters=64,
        n_blocks=4,
        n_channels=1,
        image_size=28,
        pooling=False,
        averaged=True,
        n_slots=5,
        head="slots",
        norm=True,
        transductive=True,
        init_std=None,
        shared_shift=False,
    ):
        self.n_filters, self.n_blocks, self.n_channels = n_filters, n_blocks, n_channels
        self.image_size = image_size
        self.pooling, self.averaged = pooling, averaged and not pooling
        size = image_size
        for _ in range(n_blocks):
            size = size // 2 if pooling else -(-size // 2)
        if size < 1:
            raise ValueError(f"{n_blocks} blocks leave nothing of an image of size {image_size}")
        self.n_features = n_filters if self.averaged else n_filters * size**2
        super().__init__(
            n_slots=n_slots,
            head=head,
            norm=norm,
            transductive=transductive,
            init_std=init_std,
            shared_shift=shared_shift,
        )

    def _init_layers(self, generator):
        params, n_in = {}, self.n_channels
        for i in range(self.n_blocks):
            params[f"block{i}"] = uniform(generator, self.n_filters, n_in, 3, 3, fan_in=9 * n_in)
            if not self.norm:
                params[f"block{i}_bias"] = uniform(generator, self.n_filters, fan_in=9 * n_in)
            params |= self._norm_params(f"block{i}", self.n_filters)
            n_in = self.n_filters
        return params

    n_layers = property(lambda self: self.n_blocks)

    def _start(self, X):
        sizes = X.shape[2:] if self.averaged else (self.image_size,) * 2  # averages are of any size
        if X.ndim != 4 or X.shape[1:] != (self.n_channels, *sizes):
            expected = (self.n_channels, self.image_size, self.image_size)
            raise InvalidInputError(
                f"Rows have shape {tuple(X.shape[1:])}, the network reads images of {expected}. "
                'Give it n_channels and image_size, or take kind "mlp" for rows that are no images.'
            )
        return X

    def _layer(self, weights, i, hidden, weight):
        bias = None if self.norm else weights[f"block{i}_bias"]
        stride = 1 if self.pooling else 2
        hidden = functional.conv2d(hidden, weights[f"block{i}"], bias, stride, padding=1)
        hidden = self._normalise(hidden, weight, weights, f"block{i}").relu()
        return functional.max_pool2d(hidden, 2) if self.pooling else hidden

    def _end(self, hidden):
        return hidden.mean((2, 3)) if self.averaged else hidden.flatten(1)
