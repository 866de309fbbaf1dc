"""What every meta-learner offers: parameters are values, adapting is a pure function."""

import torch
from torch.nn import functional

from autometa.exceptions import InvalidInputError
from autometa.networks import make_network, predict_outputs


class MetaLearner:
    """Base of the meta-learners.

    A learner holds no tensors. ``params`` (what meta-training moves) and a ``state`` (what
    adapting to one task gives) are dictionaries of tensors, so that ``torch.func.vmap`` runs many
    episodes, configurations or folds at once. What kind of rows it reads is the network's
    concern, see :data:`autometa.networks.NETWORKS`.

    Subclasses give ``init_params(seed)`` and ``adapt(params, support, is_regression=...)``, and
    :meth:`predict` unless the state is weights of the network. Those that propose weights also
    give :meth:`propose`. They may override :meth:`inner_lr`,
    :meth:`episode_loss` and :meth:`meta_grad`.

    Parameters
    ----------
    network : dict
        ``kind`` and arguments of the network, for
        :func:`~autometa.networks.make_network`.

    Attributes
    ----------
    backbone
        The network made from it.
    """

    #: Kind of network where none is named, and whether the learner has a use for its head.
    default_kind, needs_head = "columns", False
    #: Whether the state is weights of the network, as the adapted network of an estimator needs.
    proposes_weights = False
    #: Whether the order of classes makes no difference; else each has a slot.
    ignores_class_order = True

    def __init__(self, network=None):
        self.network = dict(network or {})
        options = {} if self.needs_head else {"head": None}
        self.backbone = make_network(self.network, default_kind=self.default_kind, **options)
        if self.needs_head and not self.backbone.head_names:
            raise InvalidInputError(
                f"{type(self).__name__} needs a network with a head, got head=None. Leave out head."
            )

    def propose(self, params, support, *, is_regression):
        """Return the weights of the network before adapting."""
        raise InvalidInputError(
            f"{type(self).__name__} proposes no weights of a network, so an estimator cannot use "
            'it. Use one that does, such as "maml" or "protonet".'
        )

    def predict(self, params, state, support, rows, *, is_regression):
        """Predict rows from what adapting gave.

        Parameters
        ----------
        params, state : dict of Tensor
        support, rows : dict of Tensor
            The labelled rows and those to predict.
        is_regression : bool

        Returns
        -------
        Tensor of shape (n_rows, n_outputs)
            Logits, or numbers in the units of the support's targets.
        """
        return self.backbone.predict(state, support, rows, is_regression=is_regression)

    def loss(self, outputs, rows, *, is_regression):
        """Measure outputs (n_rows, n_outputs) against labelled rows; a scalar."""
        return rows_loss(
            outputs,
            rows["target"],
            rows["weight"],
            is_regression=is_regression,
            huber_delta=self.backbone.huber_delta,
        )

    def draw_chance(self, episodes, generator):
        """Add to stacked episodes what meta-training leaves to chance; here nothing.

        Parameters
        ----------
        episodes : Episode
        generator : torch.Generator
            On the CPU.

        Returns
        -------
        Episode
            Its support may hold more tensors. Without them adapting plays no dice.
        """
        return episodes

    def inner_lr(self, params, *, is_regression):
        """Return learned step sizes by name of weight; those not named have none.

        The optimiser ``learned_sgd`` of the adapted network moves what has one.
        """
        return {}

    def episode_loss(self, params, support, query, *, is_regression):
        """Return what meta-training minimises on one episode; a scalar."""
        state = self.adapt(params, support, is_regression=is_regression)
        outputs = self.predict(params, state, support, query, is_regression=is_regression)
        return self.loss(outputs, query, is_regression=is_regression)

    def meta_grad(self, params, episodes):
        """Return the gradient and the value of the mean loss over stacked episodes.

        Parameters
        ----------
        params : dict of Tensor
        episodes : Episode
            As from :func:`autometa.episodes.stack_episodes`.

        Returns
        -------
        grads : dict of Tensor
        loss : Tensor of shape ()
        """

        def mean_loss(params):
            losses = torch.func.vmap(
                lambda support, query: self.episode_loss(
                    params, support, query, is_regression=episodes.is_regression
                )
            )(episodes.support, episodes.query)
            return losses.mean()

        return torch.func.grad_and_value(mean_loss)(params)


def check_at_least(least, **values):
    """Refuse arguments of a learner that are too small; None passes."""
    for name, value in values.items():
        if value is not None and not value >= least:
            raise InvalidInputError(f"{name} must be >= {least}, got {value}.")


def query_loss(weights, context, rows, *, is_regression, is_context=False, dropout_mask=None):
    """Measure the weighted mean loss of proposed or adapted weights on labelled rows.

    Cross-entropy for classes; for numbers the squared error in units of the support's standard
    deviation, linear beyond 3 of them so that one outlier does not rule an episode.

    Returns
    -------
    Tensor of shape ()
    """
    outputs = predict_outputs(
        weights,
        context,
        rows,
        is_regression=is_regression,
        is_context=is_context,
        dropout_mask=dropout_mask,
    )
    return rows_loss(outputs, rows["target"], rows["weight"], is_regression=is_regression)


def rows_loss(outputs, target, weight, *, is_regression, label_smoothing=0.0, huber_delta=3.0):
    """Weighted mean loss of outputs (n_rows, n_outputs) against targets of the same shape.

    Numbers are measured by their squared error, linear beyond ``huber_delta``; None: never.
    """
    if is_regression:
        if huber_delta is None:
            losses = (outputs - target).square()
        else:
            losses = 2 * functional.huber_loss(outputs, target, reduction="none", delta=huber_delta)
        losses = losses.squeeze(-1)
    else:
        log_shares = outputs.log_softmax(-1)
        losses = -(target * log_shares).sum(-1)
        if not isinstance(label_smoothing, float) or label_smoothing > 0:
            is_class = (outputs > -1e8).to(outputs)
            uniform = -(is_class * log_shares).sum(-1) / is_class.sum(-1)
            losses = (1 - label_smoothing) * losses + label_smoothing * uniform
    return (weight * losses).sum() / weight.sum()
