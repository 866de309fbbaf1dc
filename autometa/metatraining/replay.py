"""Meta-gradients on a GPU: a batch whose shapes come again is recorded once and then replayed."""

import logging
from collections import Counter

import torch

from autometa.episodes import Episode

logger = logging.getLogger(__name__)

#: How often batches of some shapes are computed before they are recorded.
MET_BEFORE = 3
#: Recordings at most; each keeps the memory of one meta-gradient.
MOST_RECORDINGS = 4


class ReplayedGradient:
    """Compute a learner's meta-gradient; on a CUDA device by replaying what was recorded.

    A meta-gradient is hundreds of small kernels, and to launch them one by one takes longer than to
    run them. A CUDA graph launches all at once, for the shapes that it was recorded with. What
    cannot be recorded, since it waits for a number of the device, is computed as before.

    Parameters
    ----------
    learner : MetaLearner
    device : str
    """

    def __init__(self, learner, device):
        self._learner, self._is_replayed = learner, device.startswith("cuda")
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
        if not self._is_replayed:
            return self._learner.meta_grad(params, episodes)
        shapes = _shapes(episodes)
        self._met[shapes] += 1
        if shapes not in self._recordings:
            if self._met[shapes] <= MET_BEFORE or len(self._recordings) == MOST_RECORDINGS:
                return self._learner.meta_grad(params, episodes)
            try:
                self._recordings[shapes] = _Recording(self._learner, params, episodes)
            except RuntimeError as error:
                logger.info("not replayed, since it cannot be recorded: %s", error)
                self._is_replayed = False
                torch.cuda.synchronize()
                return self._learner.meta_grad(params, episodes)
        return self._recordings[shapes].replay(episodes)


class _Recording:
    """The kernels of one meta-gradient, and the tensors that they read and write."""

    def __init__(self, learner, params, episodes):
        parts = ({n: t.clone() for n, t in rows.items()} for rows in _parts(episodes))
        self._inputs = Episode(*parts, is_regression=episodes.is_regression)
        # libraries set themselves up in a first run, which must not be recorded
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            learner.meta_grad(params, self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.empty_cache()  # a recording takes memory of its own
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
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
