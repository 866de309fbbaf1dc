"""Which cells tell rows apart: the relevance proposed, corrected by rows left out."""

import torch

from autometa.networks.lookup import (
    MIN_LOG_NOISE,
    N_CELL_KERNELS,
    cell_kernels,
    mixed_kernels,
    read_context,
    squared_distances,
    weigh,
)

#: Candidates: powers of the relevance; 0 makes all cells count alike, 4 the most relevant alone.
POWERS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0)
#: Then steps of Adam, each of about so much in the logarithm.
N_STEPS, STEP = 10, 0.3
#: Rows that steps read; of wide tables both read fewer, for so many cells, but not less than a few.
MAX_ROWS, MAX_CELLS, FEW_ROWS = 256, 15_000, 96
#: Standard deviation of what is believed of these corrections beforehand.
SPREAD = 0.25
#: Adam's, for so few steps; slopes below the last make no step.
KEEP_MEAN, KEEP_SQUARE, LEAST_SLOPE = 0.8, 0.95, 1e-3
#: Cells that vary less, as a share of the variance of all, stay as they are.
LEAST_VARIANCE = 1e-9


def choose_power(held, hidden, context, trust):
    """Choose how much cells differ in their relevance, by squared errors of rows left out.

    Parameters
    ----------
    held : dict of Tensor
        Weights that are taken as given.
    hidden : Tensor of shape (n_rows, n_hidden)
        The embedded rows.
    context : dict of Tensor
        The rows.
    trust : Tensor of shape ()
        How much a row counts against the proposal.

    Returns
    -------
    Tensor of shape ()
    """
    left_out = LeftOut(held, *_first(hidden, context))
    relevance, least = held["relevance"], held["relevance"].clamp(min=1e-6)
    errors = [left_out.error(to_power(relevance, power) / least) for power in POWERS]
    powers = torch.tensor(POWERS).to(hidden)
    distance = (powers - 1).abs()  # where rows do not tell, about 1 on the mean
    return weigh(torch.stack(errors), distance, left_out.n_rows, trust) @ powers


def to_power(relevance, power):
    """Raise the relevance to a power, its mean square left as it was; absent columns stay at 0."""
    is_present = relevance > 0
    raised = (relevance + 1e-6) ** power * is_present
    before, after = (one.square().sum().clamp(min=1e-12) for one in (relevance, raised))
    return raised * (before / after).sqrt()


def correct(held, hidden, context, trust):
    """Find logarithms to add to the relevance of every cell, by gradient steps.

    They descend the squared error of rows left out, which counts as :func:`weigh` counts it, and
    what is believed beforehand.

    Parameters
    ----------
    held, hidden, context, trust
        As of :func:`choose_power`.

    Returns
    -------
    Tensor of shape (n_columns, N_BASIS)
    """
    left_out = LeftOut(held, *_first(hidden, context, MAX_ROWS))
    added = torch.zeros_like(held["relevance"])
    mean, square = torch.zeros_like(added), torch.zeros_like(added)
    for step in range(1, N_STEPS + 1):
        slope = left_out.slope(added, trust.detach()) + added / SPREAD**2
        mean = KEEP_MEAN * mean + (1 - KEEP_MEAN) * slope
        square = KEEP_SQUARE * square + (1 - KEEP_SQUARE) * slope.square()
        root = (square / (1 - KEEP_SQUARE**step)).sqrt() + LEAST_SLOPE
        added = added - STEP * mean / (1 - KEEP_MEAN**step) / root
    return added.nan_to_num(0.0, 0.0, 0.0)  # where rounding leaves no solution, the proposal stands


def _first(hidden, context, n_rows=None):
    """Take the first rows, as many as wide tables allow."""
    n_rows = len(hidden) if n_rows is None else n_rows
    n_rows = min(n_rows, max(FEW_ROWS, MAX_CELLS // max(1, context["X"].shape[1])))
    first = {name: tensor[:n_rows] for name, tensor in context.items() if "mask" not in name}
    return hidden[:n_rows], {**context, **first}


class LeftOut:
    """The squared error of rows left out, as a function of the relevance.

    Its slope is written out: the gradient of torch.func imports torch's compiler, which takes two
    seconds, and takes longer itself.
    """

    def __init__(self, held, hidden, rows):
        reading = read_context(held, hidden, rows)
        share = held["kernel_logits"].softmax(-1)
        self._share = share[-N_CELL_KERNELS:]
        others = mixed_kernels(held, reading, reading)[:-N_CELL_KERNELS]
        self._others = sum(part * kernel for part, kernel in zip(share, others, strict=False))
        self._cells = reading["at.cells"][:, 0]
        weight = rows["weight"]
        self._variance = weight @ self._cells.square() / weight.sum()  # they add up to 1
        self._is_varied = (self._variance > LEAST_VARIANCE).to(weight)
        self._gamma = held["log_gamma"][-1].exp()
        self._noise = held["log_noise"].clamp(min=MIN_LOG_NOISE).exp()
        self._eye = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
        self._deviation = rows["target"] - reading["target_mean"]
        self._root, self.n_rows = weight.sqrt().unsqueeze(-1), weight.sum()

    def error(self, factor):
        """Return the mean squared error with a factor on every cell's relevance; a scalar."""
        _, kernels = self._compare(factor.flatten())
        _, pulled, own = self._solve(kernels)
        return (pulled / own).square().sum() / self.n_rows

    def slope(self, added, trust):
        """Return the gradient of what is lost, by what is added to logarithms of the relevance.

        What is lost is half the logarithm of the error, times the rows and ``trust``.
        """
        placed, kernels = self._compare(added.flatten().exp())
        whitener, pulled, own = self._solve(kernels)
        inverse = whitener.T @ whitener
        error = (pulled / own).square().sum() / self.n_rows
        # Of the error: by what is pulled, and by the inverse's diagonal; then by the kernel.
        by_pulled = inverse @ (2 * pulled / own.square())
        by_own = (2 * pulled.square() / own**3).sum(-1)
        by_kernel = (inverse * by_own) @ inverse - (by_pulled @ pulled.T + pulled @ by_pulled.T) / 2
        by_kernel = by_kernel * self._root * self._root.T * trust / (2 * (error + 1e-6))
        # by squared distances, and by products
        (smooth, rough, _), share = kernels, self._share
        bent = share[0] * smooth / 2 - share[1] * rough / (2 * rough.clamp(min=1e-30).log())
        by_distance, by_product = -self._gamma * by_kernel * bent, share[2] * by_kernel
        by_place = 4 * by_distance.sum(-1, keepdim=True) * placed
        by_place = by_place + (2 * by_product - 4 * by_distance) @ placed
        by_logarithm = (by_place * placed).sum(0)
        variance = self._variance * (2 * added.flatten()).exp()
        share = variance / variance.sum().clamp(min=LEAST_VARIANCE)
        by_logarithm = (by_logarithm - share * by_logarithm.sum()) * self._is_varied
        return by_logarithm.view(added.shape)

    def _compare(self, factor):
        """Place the rows with a factor on the relevance, and compare them by their cells."""
        scale = (self._variance @ factor.square() + 1e-6).sqrt()
        placed = self._cells * factor / scale
        product = placed @ placed.T
        squares = product.diagonal()
        distance = squared_distances(product, squares, squares)
        return placed, cell_kernels(distance, product, self._gamma)

    def _solve(self, kernels):
        """Give a root of the inverse, what that makes of the targets, and its diagonal."""
        pairs = zip(self._share, kernels, strict=True)
        kernel = self._others + sum(part * one for part, one in pairs)
        system = self._root * kernel * self._root.T + self._noise * self._eye
        factor = torch.linalg.cholesky_ex(system)[0]
        whitener = torch.linalg.solve_triangular(factor, self._eye, upper=False)
        pulled = whitener.T @ (whitener @ (self._root * self._deviation))
        return whitener, pulled, whitener.square().sum(0).unsqueeze(-1)
