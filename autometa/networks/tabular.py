"""Networks for tables behind the interface that meta-learners ask: weights from the support."""

import torch
from torch import nn

from autometa.episodes import first_rows
from autometa.exceptions import InvalidInputError
from autometa.networks.basis import N_BASIS
from autometa.networks.heads import ridge_head
from autometa.networks.initialiser import ColumnStatisticsInitialiser
from autometa.networks.lookup import N_CELL_KERNELS
from autometa.networks.trunk import embed, predict_outputs

#: Rows that a step reads and that an adapted network looks up, while it is meta-trained: the
#: cost grows with their cube. The proposal reads all.
MAX_CONTEXT_ROWS = 160
#: Tensors that say how an adapted network looks up rows.
LOOKUP = (
    *("keys", "relevance", "log_gamma", "kernel_logits"),
    *("log_noise", "log_lookup_scale", "log_ratio_scale", "gate"),
)
TRUNK = ("first", "first_bias", "gain", "second", "second_bias")


class _TableNetwork:
    """Base: parameters are those of a module that proposes weights for one table."""

    huber_delta = 3.0
    reads_tables = True
    head_names = ("head", "head_bias")
    transductive = False

    def _make_module(self):
        raise NotImplementedError

    def _keep_module(self):
        """Make the module once, of whatever values; not later, since nothing is drawn under vmap.

        Not on the device "meta", some operations of which import torch's compiler: 1.5 seconds.
        """
        with torch.random.fork_rng(devices=[]):
            self._module = self._make_module()
        self._own_names = [name for name, _ in self._module.named_parameters()]

    def init_params(self, seed):
        """Draw parameters; a dictionary of float32 tensors on the CPU."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self._make_module()
        return {name: param.detach() for name, param in module.named_parameters()}

    def propose(self, params, support, *, is_regression):
        """Propose weights for the table of which ``support`` holds the labelled rows."""
        if "column_mask" not in support:
            raise InvalidInputError(
                f"A network for tables got rows of shape {tuple(support['X'].shape[1:])} without "
                "column_mask, as make_array_rows gives them. Make rows of tables by make_rows; for "
                'images and functions give the learner network={"kind": "mlp"} or "convolutional".'
            )
        own = {name: params[name] for name in self._own_names}
        options = {"is_regression": is_regression}
        return torch.func.functional_call(self._module, own, (support,), options)

    def spread(self, elements, support):
        """Return the elements as they are: they broadcast over columns and classes."""
        return elements

    def embed(self, weights, rows, context=None, fast=None):
        """Embed rows; (n_rows, n_features). Fast weights are added to the others."""
        if fast is not None:
            weights = {**weights, **{name: weights[name] + fast[name] for name in fast}}
        return embed(weights, rows)

    def predict(self, weights, context, rows, *, is_regression, is_context=False):
        """Predict logits or numbers; (n_rows, n_outputs)."""
        return predict_outputs(
            weights,
            self.context(context),
            rows,
            is_regression=is_regression,
            is_context=is_context,
        )

    def context(self, support):
        """Return the labelled rows that a step reads: a bounded number."""
        return first_rows(support, MAX_CONTEXT_ROWS)

    def _trunk_shapes(self):
        n_hidden = self.n_features
        wide = dict.fromkeys(("first_bias", "gain", "second_bias"), (n_hidden,))
        return {
            "first": (1, N_BASIS, n_hidden),
            "second": (n_hidden, n_hidden),
            **wide,
            "head": (n_hidden, 1),
            "head_bias": (1,),
        }


class LookUpNetwork(_TableNetwork):
    """The network that ships: proposed weights, and kernels that look up the labelled rows.

    Parameters
    ----------
    initialiser_class : type, default=ColumnStatisticsInitialiser
    config
        Arguments of it.
    """

    def __init__(self, initialiser_class=ColumnStatisticsInitialiser, **config):
        if "head" in config:
            raise InvalidInputError(
                "A network of kind 'look_up' always has its own head, and head="
                f"{config['head']!r} was asked for. Take kind 'columns' where a learner, such as "
                '"protonet", makes the head itself or has none; else leave out head.'
            )
        self._initialiser_class, self._config = initialiser_class, config
        self._keep_module()
        self.n_features = self._module.config["n_hidden"]

    adapted = (*TRUNK, "head", "head_bias", *LOOKUP)

    def _make_module(self):
        return self._initialiser_class(**self._config)

    @property
    def element_shapes(self):
        sizes = self._module.config
        n_kernels = sizes["n_heads"] + 1 + N_CELL_KERNELS
        scalars = ("log_noise", "log_lookup_scale", "log_ratio_scale", "gate")
        return {
            **self._trunk_shapes(),
            "keys": (sizes["n_hidden"], sizes["n_heads"], sizes["n_key"]),
            "relevance": (1, N_BASIS),
            "log_gamma": (sizes["n_heads"] + 1,),
            "kernel_logits": (n_kernels,),
            **dict.fromkeys(scalars, ()),
        }


class ColumnsNetwork(_TableNetwork):
    """The proposed trunk alone: an encoder of rows by the statistics of their table's columns.

    Parameters
    ----------
    n_hidden, n_token, n_layers : int
        See :class:`~autometa.networks.ColumnStatisticsInitialiser`.
    head : {"ridge", None}
        A ridge regression in closed form, or no head.
    """

    def __init__(self, n_hidden=256, n_token=64, n_layers=2, head="ridge"):
        if head not in ("ridge", None):
            raise InvalidInputError(f"head must be 'ridge' or None, got {head!r}.")
        self.head, self.n_features = head, n_hidden
        self._sizes = {"n_hidden": n_hidden, "n_token": n_token, "n_layers": n_layers}
        self.head_names = ("head", "head_bias") if head else ()
        self.adapted = (*TRUNK, *self.head_names)
        self._keep_module()

    def _make_module(self):
        return _ColumnsEncoder(has_head=self.head is not None, **self._sizes)

    @property
    def element_shapes(self):
        return {name: self._trunk_shapes()[name] for name in self.adapted}


class _ColumnsEncoder(ColumnStatisticsInitialiser):
    """The initialiser without what looks up rows."""

    def __init__(self, *, has_head, **sizes):
        super().__init__(**sizes)
        del self.keys, self.relevance, self.scalars
        if has_head:
            # for classes and for numbers: logarithms of ridge strength and output scale
            self.head_scalars = nn.Linear(self.biases.in_features, 4)
            with torch.no_grad():
                self.head_scalars.weight.mul_(0.1)
                self.head_scalars.bias.copy_(torch.tensor([-3.0, 1.5, -3.0, 0.0]))

    def forward(self, support, *, is_regression):
        tokens, column_mask = self._column_tokens(support, is_regression), support["column_mask"]
        n_columns = column_mask.sum().clamp(min=1)
        blocks = self.first_layer(tokens).unflatten(-1, (N_BASIS, -1))
        table = self.table_mlp((tokens * column_mask.unsqueeze(-1)).sum(0) / n_columns)
        first_bias, gain, second_bias = self.biases(table).chunk(3, dim=-1)
        weights = {
            "first": blocks * (column_mask / n_columns.sqrt()).view(-1, 1, 1),
            "first_bias": first_bias,
            "gain": 1 + gain,
            "second": self.second_layer,
            "second_bias": second_bias,
        }
        if not hasattr(self, "head_scalars"):
            return weights
        log_ridge, log_scale = self.head_scalars(table).chunk(2)[int(is_regression)]
        head, head_bias = ridge_head(
            embed(weights, support),
            support,
            log_ridge=log_ridge,
            log_scale=log_scale,
            is_regression=is_regression,
        )
        return {**weights, "head": head, "head_bias": head_bias}
