"""MAML, of second and first order, on weights that all tasks share or a network proposes."""

from autometa.exceptions import InvalidInputError
from autometa.metalearners._gradient import GradientLearner
from autometa.networks import LOOKUP, ColumnStatisticsInitialiser, LookUpNetwork


class MAML(GradientLearner):
    """Learn an initialisation that a few gradient steps adapt well.

    Departures from the paper: step sizes are learned, for every tensor one for classes and one
    for numbers (Antoniou, Edwards and Storkey, 2019), since tensors of different roles need steps
    of different sizes; ``step_size`` fixes one. On tables the initialisation is not one set of
    weights but a function of the task's column statistics, since tables differ in their columns
    and classes; the loss before adapting counts too, so that the proposal is useful as it is
    (``unadapted_share``); the squared error is linear for outliers, so that one does not rule an
    episode; and inner steps read at most the first 160 rows that have a weight, since the cost of
    looking up grows with their cube.

    Parameters
    ----------
    n_inner_steps : int
    second_order : bool
        False gives first-order MAML.
    unadapted_share : float, default=None
        Weight of the query loss before adapting, in [0, 1]. None means 0.4 for networks that
        propose weights for tables, else 0.
    network : dict, default=None
        Arguments of :class:`~autometa.networks.ColumnStatisticsInitialiser`; with ``kind`` those
        of another of :data:`autometa.networks.NETWORKS`.
    step_size : float, default=None
        Of the inner steps; None learns them.

    References
    ----------
    Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep
    Networks", 2017.

    Examples
    --------
    >>> learner = MAML(n_inner_steps=2, network={"n_hidden": 8, "n_token": 8})
    >>> params = learner.init_params(seed=0)
    >>> sorted(name for name in params if name.startswith("log_inner_lr"))[0]
    'log_inner_lr.first'
    >>> as_published = MAML(step_size=0.4, network={"kind": "mlp", "n_slots": 5})
    >>> "log_inner_lr.head" in as_published.init_params(seed=0)
    False
    """

    initialiser_class = ColumnStatisticsInitialiser

    def __init__(
        self,
        n_inner_steps=1,
        second_order=True,
        unadapted_share=None,
        network=None,
        step_size=None,
    ):
        super().__init__(n_inner_steps, second_order, network)
        if isinstance(self.backbone, LookUpNetwork):
            own = {name: value for name, value in self.network.items() if name != "kind"}
            self.backbone = LookUpNetwork(self.initialiser_class, **own)
        if unadapted_share is None:
            unadapted_share = 0.4 if self.backbone.reads_tables else 0.0
        if not 0 <= unadapted_share <= 1:
            raise InvalidInputError(f"unadapted_share must be in [0, 1], got {unadapted_share}.")
        self.unadapted_share = unadapted_share
        self.step_size = step_size

    def init_params(self, seed):
        """Draw meta-parameters; a dictionary of float32 tensors on the CPU."""
        params = super().init_params(seed)
        if self.step_size is not None:
            return params
        return {**params, **self.tensor_step_sizes(lambda name: -5.0 if name in LOOKUP else -3.0)}

    def inner_lr(self, params, *, is_regression):
        """Return the step size of every adapted tensor."""
        if self.step_size is not None:
            return self.fixed_step_sizes(params, self.step_size, is_regression=is_regression)
        return {
            name: params[f"log_inner_lr.{name}"][int(is_regression)].exp()
            for name in self.moved(is_regression)
        }

    def episode_loss(self, params, support, query, *, is_regression):
        """Mix the query losses before and after adapting."""
        before = self.propose(params, support, is_regression=is_regression)
        after = self._descend(params, support, before, is_regression=is_regression)
        total = 0.0
        for weights, share in (
            (before, self.unadapted_share),
            (after, 1 - self.unadapted_share),
        ):
            if share:
                outputs = self.predict(params, weights, support, query, is_regression=is_regression)
                total = total + share * self.loss(outputs, query, is_regression=is_regression)
        return total
