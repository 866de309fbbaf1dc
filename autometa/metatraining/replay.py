"""Meta-gradients on a GPU: a batch whose shapes come again is recorded once and then replayed."""

import warnings
from collections import Counter

import torch

from autometa.episodes import Episode

#: How often batches of some shapes are computed before they are recorded.
MET_BEFORE = 3
#: Recordings at most; each keeps the memory of one meta-gradient.
MOST_RECORDINGS = 4


class ReplayedGradient:
    """Compute a learner's meta-gradient; on a CUDA device by replaying what was recorded.

    A meta-gradient is hundreds of small kernels, and to launch them one by one takes longer than to
    run them. A CUDA graph launches all at once, for the shapes that it was recorded with. Episodes
    of tables hardly have the shapes of others, so theirs are always computed anew.

    Parameters
    ----------
    learner : MetaLearner
    device : str

    Warns
    -----
    UserWarning
        Where a gradient cannot be recorded, since it waits for a number of the device or memory
        does not suffice; from then on all are computed anew.
    """

    def __init__(self, learner, device):
        self._learner = learner
        self._is_replayed = device.startswith("cuda") and not learner.backbone.reads_tables
        self._met, self._recordings = Counter(), {}

    def __call__(self, params, episodes):
        """Do as :meth:`MetaLearner.meta_grad` does.

        Parameters
        ----------
        params : dict of Tensor
            The same tensors in every call; their values may change.
        episodes : Episode

        Returns
        -------
        grads : dict of Tensor
            Replayed ones hold until the next call.
        loss : Tensor of shape ()
        """
        if self._is_replayed:
            shapes = _shapes(episodes)
            self._met[shapes] += 1
            is_due = self._met[shapes] > MET_BEFORE and len(self._recordings) < MOST_RECORDINGS
            if shapes not in self._recordings and is_due:
                self._record(shapes, params, episodes)
            if shapes in self._recordings:
                return self._recordings[shapes].replay(episodes)
        return self._learner.meta_grad(params, episodes)

    def _record(self, shapes, params, episodes):
        device = next(iter(params.values())).device
        stream = torch.cuda.current_stream(device)
        try:
            self._recordings[shapes] = _Recording(self._learner, params, episodes, device)
            return
        except RuntimeError as error:
            reason = str(error)
        # here the traceback is gone, and with it the tensors that it held
        torch.cuda.set_stream(stream)
        self._is_replayed = False
        self._recordings.clear()
        warnings.warn(
            f"Meta-gradients are computed anew instead of being replayed: {reason}", stacklevel=3
        )


class _Recording:
    """The kernels of one meta-gradient, and the tensors that they read and write."""

    def __init__(self, learner, params, episodes, device):
        parts = ({n: t.clone() for n, t in rows.items()} for rows in _parts(episodes))
        self._inputs = Episode(*parts, is_regression=episodes.is_regression)
        stream, current = torch.cuda.Stream(device), torch.cuda.current_stream(device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            # libraries set themselves up in a first run, which must not be recorded
            learner.meta_grad(params, self._inputs)
        current.wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=stream):
            self._outputs = learner.meta_grad(params, self._inputs)

    def replay(self, episodes):
        for held, rows in zip(_parts(self._inputs), _parts(episodes), strict=True):
            for name, tensor in rows.items():
                held[name].copy_(tensor)
        self._graph.replay()
        return self._outputs


def _parts(episodes):
    return episodes.support, episodes.query


def _shapes(episodes):
    rows = (tuple((n, t.shape) for n, t in sorted(part.items())) for part in _parts(episodes))
    return (*rows, episodes.is_regression)
