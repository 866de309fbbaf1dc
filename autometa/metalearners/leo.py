"""LEO: adapt in a latent space from which the head's weights are decoded."""

import math

import torch

from autometa.episodes import Episode, spread_rows
from autometa.exceptions import InvalidInputError
from autometa.metalearners._base import MetaLearner, check_at_least
from autometa.metalearners._inner_loop import gradient_steps
from autometa.metalearners._layers import linear, linear_params
from autometa.networks import uniform

#: Rows of a table that the relation network pairs with each other.
MAX_PAIRED_ROWS = 64
#: Of codes and of weights, where learning the step sizes starts: of the published code, on tables.
STEPS_ON_ARRAYS, STEPS_ON_TABLES = (1.0, 1e-3), (1e-2, 1e-3)
#: Times as long as for classes are codes' steps for numbers on arrays, unless sizes are asked for.
SHARE_FOR_NUMBERS = 0.02


class LEO(MetaLearner):
    """Encode the support into one latent code a class, decode codes into the head, adapt both.

    The encoder embeds rows, a relation network looks at all pairs of rows and gives each class a
    Gaussian over codes, the decoder turns a code into a Gaussian over the head's weights of that
    class. Steps with a learned size first move the codes, then the weights. The outer loss adds
    the divergence of the codes from the standard normal distribution, the distance that codes
    moved (so that the encoder learns to start there) and the correlation of the decoder's rows.

    Departures from the paper: its features come from a pretrained residual network and are frozen,
    ours are meta-trained along, so that no other data are needed; numbers have one code, of pairs
    of rows together with their targets, and a head is decoded for them too, so that one decoder
    serves both (the paper decodes a whole network); of a table at most :data:`MAX_PAIRED_ROWS`
    rows, spread over it, are paired, since pairs grow with their square; and on tables the codes'
    steps start at .01, since their features, of a mean square near 1, are so many that steps of 1
    diverge, as those of numbers do on arrays, too, which take :data:`SHARE_FOR_NUMBERS` of the
    steps of classes.

    Departures from the published code: inner steps descend the mean loss of the support's rows,
    there the sum over them, so that steps of one size are some n_ways * n_shots times as long
    there; there is one code a class, there one is drawn for each row from its class's Gaussian and
    decoded, and the class's logits are averaged; correlations are of the decoder's rows about their
    means, there of the rows as they are; matrices start uniform within 1 / sqrt(fan_in), there as
    Glorot and Bengio draw them; step sizes are learned as logarithms, so that they stay positive;
    the same features stay hidden through all inner steps, since tables have many rows to draw them
    for; codes start with a standard deviation of about 1, there of about 0, and the divergence is
    computed, as a Gaussian's can be, there estimated from the sample; penalties on codes add up the
    elements of a code, as the paper writes them, there they average them; the relation network's
    layers have biases, as all other layers here; and in place of an L2 penalty in the loss, on
    encoder, relation network and decoder, there is the outer optimiser's weight decay, which every
    learner has: it is decoupled from the gradient and reaches all parameters (the few-shot
    schedules take the published strength).

    Samples and dropout come from the outer loop (:meth:`draw_chance`); adapting without them takes
    the means.

    Parameters
    ----------
    n_latent : int
    n_latent_steps, n_weight_steps : int
    dropout : float
        Share of a row's features that meta-training hides, from the encoder and from the head.
    kl_share, encoder_share, orthogonality_share : float
        Weights of the three penalties.
    second_order : bool
        Whether derivatives flow through the inner gradients, as published.
    first_step_sizes : (float, float), default=None
        Of codes and of weights, where learning them starts; every element has its own. None is
        those of the published code, on tables (.01, .001), and shorter steps of codes for numbers
        on arrays.
    network : dict, default=None

    References
    ----------
    Rusu, Rao, Sygnowski, Vinyals, Pascanu, Osindero and Hadsell, "Meta-Learning with Latent
    Embedding Optimization", 2019.

    Examples
    --------
    >>> learner = LEO(n_latent=4, network={"kind": "mlp", "n_inputs": 2, "hidden": [3]})
    >>> learner.init_params(seed=0)["decoder"].shape  # means and spreads of weights
    torch.Size([4, 6])
    """

    proposes_weights = True

    def __init__(
        self,
        n_latent=64,
        n_latent_steps=5,
        n_weight_steps=5,
        dropout=0.3,
        kl_share=0.001,
        encoder_share=0.1,
        orthogonality_share=0.1,
        second_order=True,
        first_step_sizes=None,
        network=None,
    ):
        super().__init__(network)
        check_at_least(1, n_latent=n_latent)
        check_at_least(0, n_latent_steps=n_latent_steps, n_weight_steps=n_weight_steps)
        if not 0 <= dropout < 1:
            raise InvalidInputError(f"dropout must be in [0, 1), got {dropout}.")
        self.n_latent, self.dropout, self.second_order = n_latent, dropout, second_order
        self.n_latent_steps, self.n_weight_steps = n_latent_steps, n_weight_steps
        self.kl_share, self.encoder_share = kl_share, encoder_share
        self.orthogonality_share = orthogonality_share
        self.first_step_sizes = first_step_sizes

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        n_features, n_latent = self.backbone.n_features, self.n_latent
        usual = STEPS_ON_TABLES if self.backbone.reads_tables else STEPS_ON_ARRAYS
        latent_lr, weight_lr = self.first_step_sizes or usual
        return {
            **self.backbone.init_params(seed),
            "encoder": uniform(generator, n_features, n_latent, fan_in=n_features),
            "target_encoder": uniform(generator, 1, n_latent, fan_in=1),
            **linear_params(generator, "relation0", 2 * n_latent, 2 * n_latent),
            **linear_params(generator, "relation1", 2 * n_latent, 2 * n_latent),
            **linear_params(generator, "relation2", 2 * n_latent, 2 * n_latent),
            "decoder": uniform(generator, n_latent, 2 * n_features, fan_in=n_latent),
            "log_latent_lr": torch.full((n_latent,), math.log(latent_lr)),
            "log_weight_lr": torch.full((n_features,), math.log(weight_lr)),
        }

    def draw_chance(self, episodes, generator):
        """Draw samples of codes and weights, and which features stay, for stacked episodes."""
        support, query = episodes.support, episodes.query
        n_episodes, n_rows, n_outputs = support["target"].shape
        n_features = self.backbone.n_features

        def normal(*shape):
            return torch.randn((n_episodes, *shape), generator=generator).to(support["weight"])

        def kept(n_rows):
            shape = (n_episodes, n_rows, n_features)
            is_kept = torch.rand(shape, generator=generator) >= self.dropout
            return (is_kept / (1 - self.dropout)).to(support["weight"])

        support = {
            **support,
            "chance.codes": normal(n_outputs, self.n_latent),
            "chance.weights": normal(self.n_latent_steps + 1, n_outputs, n_features),
            "chance.encoded": kept(n_rows),
            "chance.seen": kept(n_rows),
        }
        query = {**query, "chance.seen": kept(query["weight"].shape[1])}
        return Episode(support, query, episodes.is_regression)

    def propose(self, params, support, *, is_regression):
        """Return the network's weights with the head that the moved codes decode to."""
        return self._move_codes(params, support, is_regression)[0]

    def adapt(self, params, support, *, is_regression, weights=None):
        """Move the codes, then the head; from given weights, the head alone.

        Returns
        -------
        dict of Tensor
        """
        if weights is None:
            weights = self.propose(params, support, is_regression=is_regression)
        hidden = self._see(weights, support)
        return self._move_head(params, weights, hidden, support, is_regression)

    def inner_lr(self, params, *, is_regression):
        """Return the learned step sizes of the head, one for every feature."""
        return {"head": params["log_weight_lr"].exp().unsqueeze(1)}

    def episode_loss(self, params, support, query, *, is_regression):
        """Add the penalties on codes and decoder to the query loss."""
        weights, found, moved = self._move_codes(params, support, is_regression)
        state = self.adapt(params, support, is_regression=is_regression, weights=weights)
        hidden = self._see(state, query, support)
        outputs = self._outputs(state, hidden, support, is_regression)
        is_class = support["class_mask"].unsqueeze(1)
        mean, log_variance = found["mean"], found["log_variance"]
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        distance = (moved.detach() - found["codes"]).square()
        return (
            self.loss(outputs, query, is_regression=is_regression)
            + self.kl_share * (is_class * divergence).sum() / is_class.sum()
            + self.encoder_share * (is_class * distance).sum() / is_class.sum()
            + self.orthogonality_share * _correlation(params["decoder"])
        )

    def _move_codes(self, params, support, is_regression):
        """Encode the support, step, decode; weights, what was encoded, and the codes as moved."""
        weights = self.backbone.propose(params, support, is_regression=is_regression)
        hidden = self.backbone.embed(weights, support)
        found = self._encode(params, hidden, support, is_regression)
        hidden = hidden * support.get("chance.seen", 1.0)
        codes, lr = found["codes"], self._latent_lr(params, is_regression)
        for step in range(self.n_latent_steps):

            def code_loss(moved, step=step):
                head = self._decode(params, moved["codes"], support, step)
                return self._head_loss(head, hidden, support, is_regression)

            codes = gradient_steps(
                code_loss,
                {"codes": codes},
                lr={"codes": lr},
                n_steps=1,
                second_order=self.second_order,
            )["codes"]
        head = self._decode(params, codes, support, self.n_latent_steps)
        return {**weights, **head}, found, codes

    def _latent_lr(self, params, is_regression):
        lr = params["log_latent_lr"].exp()
        if is_regression and self.first_step_sizes is None and not self.backbone.reads_tables:
            lr = SHARE_FOR_NUMBERS * lr
        return lr

    def _see(self, weights, rows, context=None):
        """Embed rows as the head gets to see them."""
        return self.backbone.embed(weights, rows, context) * rows.get("chance.seen", 1.0)

    def _encode(self, params, hidden, support, is_regression):
        """Give every class a Gaussian over codes, and a code; each (n_outputs, n_latent)."""
        hidden = hidden * support.get("chance.encoded", 1.0)
        encoded = hidden @ params["encoder"]
        share = support["target"]
        if is_regression:
            encoded = encoded + support["target"] @ params["target_encoder"]
            share = torch.ones_like(share)
        rows = {"X": encoded, "weight": support["weight"], "target": share}
        if self.backbone.reads_tables:
            rows = spread_rows(rows, MAX_PAIRED_ROWS)
        related = _relate(params, rows["X"], rows["weight"])  # (n_rows, 2 * n_latent)
        weights = rows["weight"].unsqueeze(1) * rows["target"]
        per_class = weights.T @ related / weights.sum(0).clamp(min=1e-9).unsqueeze(1)
        mean, log_variance = per_class.chunk(2, dim=-1)
        noise = support.get("chance.codes", 0.0)
        codes = mean + (0.5 * log_variance).exp() * noise
        return {"mean": mean, "log_variance": log_variance, "codes": codes}

    def _decode(self, params, codes, support, step):
        mean, spread = (codes @ params["decoder"]).chunk(2, dim=-1)
        if "chance.weights" in support:
            # where nothing is known yet, weights are as far apart as Glorot and Bengio draw them
            first = (2 / (self.backbone.n_features + support["class_mask"].sum())).sqrt()
            deviation = (first + spread.exp() - 1).clamp(min=1e-10)
            mean = mean + deviation * support["chance.weights"][step]
        return {"head": mean.T, "head_bias": torch.zeros_like(mean[:, 0])}

    def _outputs(self, head, hidden, support, is_regression):
        outputs = hidden @ head["head"] + head["head_bias"]
        return outputs if is_regression else outputs + (support["class_mask"] - 1) * 1e9

    def _head_loss(self, head, hidden, support, is_regression):
        outputs = self._outputs(head, hidden, support, is_regression)
        return self.loss(outputs, support, is_regression=is_regression)

    def _move_head(self, params, weights, hidden, support, is_regression):
        return gradient_steps(
            lambda weights: self._head_loss(weights, hidden, support, is_regression),
            weights,
            lr=self.inner_lr(params, is_regression=is_regression),
            n_steps=self.n_weight_steps,
            second_order=self.second_order,
        )


def _relate(params, encoded, weight):
    """Let every row look at every other through the relation network, and average."""
    n_rows = len(encoded)
    pairs = torch.cat(
        [
            encoded.unsqueeze(1).expand(-1, n_rows, -1),
            encoded.unsqueeze(0).expand(n_rows, -1, -1),
        ],
        dim=-1,
    )
    hidden = linear(params, "relation0", pairs).relu()
    hidden = linear(params, "relation1", hidden).relu()
    found = linear(params, "relation2", hidden)  # (n_rows, n_rows, 2 * n_latent)
    return torch.einsum("m,nmd->nd", weight / weight.sum(), found)


def _correlation(decoder):
    """Mean squared deviation of the correlations of the decoder's rows from none."""
    centred = decoder - decoder.mean(1, keepdim=True)
    unit = centred / (centred.square().sum(1, keepdim=True) + 1e-12).sqrt()
    eye = torch.eye(len(unit), dtype=unit.dtype, device=unit.device)
    return (unit @ unit.T - eye).square().mean()
