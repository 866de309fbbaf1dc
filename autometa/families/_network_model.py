"""A fitted network: adapted weights and the rows it looks up, as arrays."""

from dataclasses import dataclass

import numpy as np

#: Cells predicted at once, so that memory does not grow with the number of rows.
CELLS_AT_ONCE = 200_000


@dataclass(frozen=True)
class NetworkModel:
    """Predict with the mean of several adapted networks, in float64 on the CPU.

    Attributes
    ----------
    weights : dict of ndarray of shape (n_bags, ...)
    context : dict of ndarray
        Labelled rows that the networks look up.
    is_regression : bool
    """

    weights: dict
    context: dict
    is_regression: bool

    @classmethod
    def from_tensors(cls, weights, context, is_regression):
        def arrays(tensors):
            return {name: t.detach().cpu().contiguous().numpy() for name, t in tensors.items()}

        return cls(arrays(weights), arrays(context), is_regression)

    def predict(self, X):
        """Predict encoded rows; each row's numbers depend on that row alone.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns, 3)

        Returns
        -------
        ndarray of shape (n_rows, n_classes) or (n_rows,)
            Probabilities, or numbers in the units of ``y``; float64.
        """
        import torch

        def tensors(arrays):
            return {name: torch.as_tensor(value).double() for name, value in arrays.items()}

        weights, context = tensors(self.weights), tensors(self.context)
        X = np.asarray(X)
        n_at_once = max(1, CELLS_AT_ONCE // max(1, X.shape[1]))
        parts = [
            self._predict_rows(torch.as_tensor(X[i : i + n_at_once]).double(), weights, context)
            for i in range(0, len(X), n_at_once)
        ]
        return torch.cat(parts).numpy()

    def _predict_rows(self, X, weights, context):
        import torch

        from autometa.networks import predict_outputs

        rows = {"X": X, "column_mask": context["column_mask"]}
        total = 0
        n_bags = len(weights["gate"])
        with torch.no_grad():
            for bag in range(n_bags):
                own = {name: tensor[bag] for name, tensor in weights.items()}
                outputs = predict_outputs(own, context, rows, is_regression=self.is_regression)
                total = total + (outputs if self.is_regression else outputs.softmax(-1))
        if self.is_regression:
            return total[:, 0] / n_bags * context["target_scale"] + context["target_mean"]
        return total / n_bags

    def to_state(self):
        """Return what :meth:`from_state` takes: a JSON-able dictionary and arrays."""
        arrays = {f"weights.{name}": value for name, value in self.weights.items()}
        arrays |= {f"context.{name}": value for name, value in self.context.items()}
        return {"is_regression": self.is_regression}, arrays

    @classmethod
    def from_state(cls, described, arrays):
        """Restore a model from :meth:`to_state`'s result."""
        weights, context = (
            {
                name.removeprefix(prefix): value
                for name, value in arrays.items()
                if name.startswith(prefix)
            }
            for prefix in ("weights.", "context.")
        )
        return cls(weights, context, described["is_regression"])
