"""What every meta-learner offers: parameters are values, adapting is a pure function."""

import torch
from torch.nn import functional

from autometa.networks import predict_outputs


class MetaLearner:
    """Base of the meta-learners.

    A learner holds no tensors. ``params`` (what meta-training moves) and ``weights`` (what
    adapting moves) are dictionaries of tensors, so that ``torch.func.vmap`` runs many episodes,
    configurations or folds at once.

    Subclasses give ``init_params(seed)``, ``propose(params, support, is_regression=...)``,
    ``adapt(params, support, is_regression=...)`` and may override :meth:`inner_lr`,
    :meth:`episode_loss` and :meth:`meta_grad`.
    """

    def inner_lr(self, params, *, is_regression):
        """Return learned step sizes by name of weight; those not named have none.

        The optimiser ``learned_sgd`` of the adapted network moves what has one.
        """
        return {}

    def episode_loss(self, params, support, query, *, is_regression):
        """Return what meta-training minimises on one episode; a scalar."""
        weights = self.adapt(params, support, is_regression=is_regression)
        return query_loss(weights, support, query, is_regression=is_regression)

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


def rows_loss(outputs, target, weight, *, is_regression, label_smoothing=0.0):
    """Weighted mean loss of outputs (n_rows, n_outputs) against targets of the same shape."""
    if is_regression:
        losses = 2 * functional.huber_loss(outputs, target, reduction="none", delta=3.0)
        losses = losses.squeeze(-1)
    else:
        log_shares = outputs.log_softmax(-1)
        losses = -(target * log_shares).sum(-1)
        if not isinstance(label_smoothing, float) or label_smoothing > 0:
            is_class = (outputs > -1e8).to(outputs)
            uniform = -(is_class * log_shares).sum(-1) / is_class.sum(-1)
            losses = (1 - label_smoothing) * losses + label_smoothing * uniform
    return (weight * losses).sum() / weight.sum()
