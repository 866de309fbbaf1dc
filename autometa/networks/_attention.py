"""Self-attention over the columns of one table."""

import torch
from torch import nn


class ColumnAttention(nn.Module):
    """One pre-norm transformer layer over column tokens, blind to their order.

    Written out because the kernels behind ``torch.nn.MultiheadAttention`` have no second
    derivative, which MAML needs.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(self, n_token, n_heads=4):
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(n_token)
        self.projections = nn.Linear(n_token, 3 * n_token)
        self.out = nn.Linear(n_token, n_token)
        self.mlp = nn.Sequential(
            nn.LayerNorm(n_token),
            nn.Linear(n_token, 2 * n_token),
            nn.GELU(),
            nn.Linear(2 * n_token, n_token),
        )

    def forward(self, tokens, column_mask):
        """Mix tokens of shape (n_columns, n_token); masked columns are not attended to."""
        split = self.projections(self.norm(tokens)).unflatten(-1, (3, self.n_heads, -1))
        query, key, value = split.unbind(-3)  # (n_columns, n_heads, n_token / n_heads)
        scores = torch.einsum("qhe,khe->hqk", query, key) / query.shape[-1] ** 0.5
        scores = scores + (column_mask - 1) * 1e9
        mixed = torch.einsum("hqk,khe->qhe", scores.softmax(-1), value)
        tokens = tokens + self.out(mixed.flatten(-2))
        return tokens + self.mlp(tokens)
