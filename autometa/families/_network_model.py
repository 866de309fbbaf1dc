"""A fitted network: adapted weights and the rows it looks up, as arrays."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np

#: Cells predicted at once, so that memory does not grow with the number of rows, and so that
#: threads have a part each.
CELLS_AT_ONCE = 50_000

PARTS = ("weights", "reading", "context")

#: Their number is the process's: who predicts in several threads must leave it as it was.
_torch_threads = Lock()


@dataclass(frozen=True)
class NetworkModel:
    """Predict with the mean of several adapted networks, in float64 on the CPU.

    Attributes
    ----------
    weights : dict of ndarray of shape (n_bags, ...)
    reading : dict of ndarray of shape (n_bags, ...)
        What the networks made of the labelled rows that they look up; may be empty.
    context : dict of ndarray of shape (n_contexts, ...)
        Targets, weights and masks of these rows; of the same ones for all networks, or of each
        network's own.
    is_regression : bool
    """

    weights: dict
    reading: dict
    context: dict
    is_regression: bool

    @classmethod
    def from_tensors(cls, weights, context, is_regression):
        """Read the context with every network, once and for all.

        Parameters
        ----------
        weights : dict of Tensor of shape (n_bags, ...)
        context : dict of Tensor of shape (n_contexts, ...)
            As from :func:`autometa.episodes.make_rows`; one for all networks, or one each.
        is_regression : bool
        """
        import torch

        from autometa.networks import look_up

        weights, context = (
            {name: tensor.detach().cpu().double() for name, tensor in tensors.items()}
            for tensors in (weights, context)
        )
        reading = {}
        if "keys" in weights:
            n_bags = len(weights["head"])
            contexts = {name: t.expand(n_bags, *t.shape[1:]) for name, t in context.items()}
            reading = torch.func.vmap(look_up)(weights, contexts)
        kept = {name: t for name, t in context.items() if name not in ("X", "membership")}
        arrays = (
            {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}
            for tensors in (weights, reading, kept)
        )
        return cls(*arrays, is_regression)

    def predict(self, X):
        """Predict encoded rows; each row's numbers depend on that row alone.

        Torch's threads take parts of the rows: numbers are the same to the bit however many there
        are, and none waits for another where the machine has other work.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns, 3)

        Returns
        -------
        ndarray of shape (n_rows, n_classes) or (n_rows,)
            Probabilities, or numbers in the units of ``y``; float64.
        """
        import torch

        X = np.asarray(X)
        n_at_once = max(1, CELLS_AT_ONCE // max(1, X.shape[1]))
        tensors = [
            {name: torch.as_tensor(value).double() for name, value in arrays.items()}
            for arrays in (self.weights, self.reading, self.context)
        ]

        def predict(start):
            rows = torch.as_tensor(X[start : start + n_at_once]).double()
            return self._predict_rows(rows, *tensors)

        with _torch_threads:
            n_threads = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                with ThreadPoolExecutor(n_threads) as pool:
                    parts = list(pool.map(predict, range(0, len(X), n_at_once)))
            finally:
                torch.set_num_threads(n_threads)
        return torch.cat(parts).numpy()

    def _predict_rows(self, X, weights, reading, context):
        import torch

        from autometa.networks import predict_from

        total = 0
        n_bags, n_contexts = len(weights["head"]), len(context["weight"])
        with torch.no_grad():
            for bag in range(n_bags):
                own, read, seen = (
                    {name: tensor[place] for name, tensor in tensors.items()}
                    for tensors, place in (
                        (weights, bag),
                        (reading, bag),
                        (context, bag % n_contexts),
                    )
                )
                rows = {"X": X, "column_mask": seen["column_mask"]}
                outputs = predict_from(own, read, seen, rows, is_regression=self.is_regression)
                if self.is_regression:
                    total = total + outputs[:, 0] * seen["target_scale"] + seen["target_mean"]
                else:
                    total = total + outputs.softmax(-1)
        return total / n_bags

    def fewer(self, n_bags):
        """Return the model with the first of its networks alone."""
        weights, reading, context = (
            {name: value[:n_bags] for name, value in arrays.items()}
            for arrays in (self.weights, self.reading, self.context)
        )
        return NetworkModel(weights, reading, context, self.is_regression)

    def to_state(self):
        """Return what :meth:`from_state` takes: a JSON-able dictionary and arrays."""
        arrays = {
            f"{part}.{name}": value for part in PARTS for name, value in getattr(self, part).items()
        }
        return {"is_regression": self.is_regression}, arrays

    @classmethod
    def from_state(cls, described, arrays):
        """Restore a model from :meth:`to_state`'s result."""
        parts = {part: {} for part in PARTS}
        for key, value in arrays.items():
            part, name = key.split(".", 1)
            parts[part][name] = value
        if parts["context"]["weight"].ndim == 1:  # saved when there was always one for all
            parts["context"] = {name: value[None] for name, value in parts["context"].items()}
        return cls(**parts, is_regression=described["is_regression"])
