"""The initialiser: from the label-aware statistics of a table's columns to network weights."""

import torch
from torch import nn
from torch.nn import functional

from autometa.networks._attention import ColumnAttention
from autometa.networks.basis import N_BASIS, with_basis
from autometa.networks.heads import ridge_head
from autometa.networks.lookup import N_CELL_KERNELS
from autometa.networks.settings import choose_settings
from autometa.networks.trunk import embed

#: Rows that a proposal may take its statistics to rest on: as many as meta-training showed it.
MAX_EVIDENCE_ROWS = 1_200


class ColumnStatisticsInitialiser(nn.Module):
    """Propose the weights of a small network for one table.

    Every column is described by how the basis of its cells (see
    :func:`~autometa.networks.basis.expand_basis`) differs between the classes; for regression
    soft bins of the target stand in for classes. These descriptions attend to each other, and
    each becomes its column's block of the first layer. The head is a ridge regression on the
    embedding of the support rows, in closed form. The order of rows, columns and classes does
    not matter, and any number of each fits.

    Parameters
    ----------
    n_hidden : int
        Width of the proposed network.
    n_token : int
        Width of a column's token.
    n_layers : int
        Attention layers over columns.
    n_heads, n_key : int
        Gaussian kernels with which the proposed network looks up support rows, and the width of
        what they compare.
    """

    #: Length of what :meth:`describe_table` gives.
    n_table_numbers = 4

    def __init__(self, n_hidden=256, n_token=64, n_layers=2, n_heads=2, n_key=48):
        super().__init__()
        self.config = {
            "n_hidden": n_hidden,
            "n_token": n_token,
            "n_layers": n_layers,
            "n_heads": n_heads,
            "n_key": n_key,
        }
        self._n_scalars = 9 + (n_heads + 1) + (n_heads + 1 + N_CELL_KERNELS)
        n_class_numbers = 2 * N_BASIS + 4
        self.class_mlp = nn.Sequential(
            nn.Linear(n_class_numbers, n_token), nn.GELU(), nn.Linear(n_token, n_token)
        )
        self.token = nn.Linear(n_token + 2 * N_BASIS + self.n_table_numbers, n_token)
        self.layers = nn.ModuleList(ColumnAttention(n_token) for _ in range(n_layers))
        self.norm = nn.LayerNorm(n_token)
        self.first_layer = nn.Sequential(
            nn.Linear(n_token, 2 * n_token), nn.GELU(), nn.Linear(2 * n_token, N_BASIS * n_hidden)
        )
        self.relevance = nn.Linear(n_token, N_BASIS)
        self.table_mlp = nn.Sequential(nn.Linear(n_token, 2 * n_token), nn.GELU())
        self.biases = nn.Linear(2 * n_token, 3 * n_hidden)
        # for classes and for numbers
        self.scalars = nn.Linear(2 * n_token, 2 * self._n_scalars)
        self.second_layer = nn.Parameter(torch.randn(n_hidden, n_hidden) / n_hidden**0.5)
        self.keys = nn.Parameter(torch.randn(n_hidden, n_heads, n_key) / n_hidden**0.5)
        with torch.no_grad():
            self.scalars.weight.mul_(0.1)
            for part, log_scale in zip(self.scalars.bias.chunk(2), (1.5, 0.0), strict=True):
                part.zero_()
                # ridge strength, output scale, gate; then noise, scale, share of prior, two trusts
                # and the preference for logarithms
                part[:8] = torch.tensor([-3.0, log_scale, 0.0, -1.5, log_scale, 0.5, -1.0, -1.0])
                part[8] = -1.0
            self.biases.weight.mul_(0.3)

    def forward(self, support, *, is_regression):
        """Propose weights for the table of which ``support`` holds the labelled rows.

        Parameters
        ----------
        support : dict of Tensor
            As from :func:`autometa.episodes.make_rows`.
        is_regression : bool

        Returns
        -------
        dict of Tensor
            ``first`` (n_columns, N_BASIS, n_hidden), ``first_bias``, ``gain``, ``second_bias``
            (n_hidden,), ``second`` (n_hidden, n_hidden), ``head`` (n_hidden, n_outputs),
            ``head_bias`` (n_outputs,), ``keys`` (n_hidden, n_heads, n_key), ``relevance``
            (n_columns, N_BASIS), ``log_gamma`` (n_heads + 1,), ``kernel_logits`` (n_heads + 4,),
            ``log_noise``, ``log_lookup_scale``, ``prior_share`` and ``gate`` () and, for classes,
            ``log_ratio_scale`` ().
        """
        support = with_basis(support)
        tokens = self._column_tokens(support, is_regression)
        column_mask = support["column_mask"]
        n_columns = column_mask.sum().clamp(min=1)  # a table may have no column that tells
        blocks = self.first_layer(tokens).unflatten(-1, (N_BASIS, -1))
        table = self.table_mlp((tokens * column_mask.unsqueeze(-1)).sum(0) / n_columns)
        first_bias, gain, second_bias = self.biases(table).chunk(3, dim=-1)
        scalars = self.scalars(table).chunk(2)[int(is_regression)]
        log_ridge, log_scale, gate, log_noise, log_lookup_scale, prior_share = scalars[:6]
        trust, log_preference = scalars[6:8].exp(), scalars[8]
        log_gamma, kernel_logits = scalars[9:].tensor_split([self.config["n_heads"] + 1])
        weights = {
            "first": blocks * (column_mask / n_columns.sqrt()).view(-1, 1, 1),
            "first_bias": first_bias,
            "gain": 1 + gain,
            "second": self.second_layer,
            "second_bias": second_bias,
            "keys": self.keys,
            "relevance": functional.softplus(self.relevance(tokens)) * column_mask.unsqueeze(-1),
            "log_gamma": log_gamma,
            "kernel_logits": kernel_logits,
            "log_noise": log_noise,
            "log_lookup_scale": log_lookup_scale,
            "prior_share": prior_share,
            "gate": gate,
        }
        hidden = embed(weights, support)
        ridge = {"log_ridge": log_ridge, "log_scale": log_scale}
        head, head_bias = ridge_head(hidden, support, **ridge, is_regression=is_regression)
        settings = choose_settings(
            weights,
            hidden,
            support,
            ridge,
            is_regression=is_regression,
            trust=trust,
            log_preference=log_preference,
        )
        return {**weights, **settings, "head": head, "head_bias": head_bias}

    def describe_table(self, support, is_regression):
        """Give the numbers that every column hears about the table as a whole.

        Returns
        -------
        Tensor of shape (n_table_numbers,)
            Logarithms of the numbers of rows, columns and classes; whether it is a regression.
        """
        n_rows = support["weight"].sum().clamp(max=MAX_EVIDENCE_ROWS)
        return torch.stack(
            [
                n_rows.log() / 5,
                support["column_mask"].sum().clamp(min=1).log() / 3,
                support["class_mask"].sum().log(),
                torch.full_like(n_rows, is_regression),
            ]
        )

    def _column_tokens(self, support, is_regression):
        basis = with_basis(support)["basis"]  # (n_rows, n_columns, N_BASIS)
        weight, membership = support["weight"], support["membership"]
        weight = weight * (MAX_EVIDENCE_ROWS / weight.sum()).clamp(max=1)
        n_rows = weight.sum()
        mean = torch.einsum("n,ndb->db", weight, basis) / n_rows
        variance = torch.einsum("n,ndb->db", weight, basis.square()) / n_rows - mean.square()
        spread = (variance.clamp(min=0) + 1e-6).sqrt()

        class_rows = weight @ membership  # (n_bins,)
        share = class_rows / n_rows
        sums = torch.einsum("nc,ndb->cdb", weight.unsqueeze(-1) * membership, basis)
        contrast = sums / class_rows.clamp(min=1e-6).view(-1, 1, 1) - mean
        contrast = contrast * (class_rows > 0).to(mean).view(-1, 1, 1)
        # asinh keeps the test-like statistic in range however many rows there are
        evidence = torch.asinh(contrast * class_rows.sqrt().view(-1, 1, 1) / (spread + 0.1))
        n_bins, n_columns = contrast.shape[:2]
        position = torch.zeros(n_bins, dtype=mean.dtype, device=mean.device)
        if is_regression:
            position = torch.linspace(-1, 1, n_bins, dtype=mean.dtype, device=mean.device)
        per_class = torch.stack(
            [share, (class_rows + 1).log() / 5, position, torch.full_like(share, is_regression)],
            dim=-1,
        )
        per_class = per_class.unsqueeze(1).expand(-1, n_columns, -1)
        described = self.class_mlp(torch.cat([contrast, evidence, per_class], dim=-1))
        class_weight = (share + 1e-12).sqrt() * (share > 0)
        class_weight = class_weight / class_weight.sum()
        summary = torch.einsum("c,cdt->dt", class_weight, described)

        table = self.describe_table(support, is_regression)
        tokens = self.token(torch.cat([summary, mean, spread, table.expand(n_columns, -1)], dim=-1))
        for layer in self.layers:
            tokens = layer(tokens, support["column_mask"])
        return self.norm(tokens)
