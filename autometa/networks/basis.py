"""A fixed basis for the cells of a table, so that a linear layer can bend every column."""

import torch

#: Knots of the piecewise-linear bins, in normal scores.
KNOTS = (-2.5, -1.5, -0.9, -0.45, 0.0, 0.45, 0.9, 1.5, 2.5)

#: Numbers that describe one cell: score, eight bins, standardised value, missingness.
N_BASIS = len(KNOTS) + 2


def expand_basis(X, column_mask):
    """Expand every cell into :data:`N_BASIS` numbers.

    Parameters
    ----------
    X : Tensor of shape (n_rows, n_columns, 3)
        Normal score, standardised value, missingness.
    column_mask : Tensor of shape (n_columns,)
        0 for columns that are only padding, else 1.

    Returns
    -------
    Tensor of shape (n_rows, n_columns, N_BASIS)
        Values within [-1.5, 1.5]; a missing cell is 0 everywhere but in its last number.

    References
    ----------
    The bins are those of Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features
    in Tabular Deep Learning", 2022, at fixed knots.
    """
    score, value, is_missing = X.unbind(-1)
    knots = torch.tensor(KNOTS, dtype=X.dtype, device=X.device)
    low, high = knots[:-1], knots[1:]
    bins = ((score.unsqueeze(-1) - low) / (high - low)).clamp(0, 1) * 2 - 1
    present = torch.cat(
        [(score / 2.5).clamp(-1, 1).unsqueeze(-1), bins, (value / 2).unsqueeze(-1)], dim=-1
    )
    is_missing = is_missing.unsqueeze(-1)
    basis = torch.cat([present * (1 - is_missing), is_missing], dim=-1)
    return basis * column_mask.unsqueeze(-1)


def with_basis(rows):
    """Return rows with their cells expanded under ``basis``, so that it is done once.

    Parameters
    ----------
    rows : dict of Tensor
        Its ``X`` and ``column_mask`` are read, unless there is a ``basis`` already.
    """
    if "basis" in rows:
        return rows
    return {**rows, "basis": expand_basis(rows["X"], rows["column_mask"])}
