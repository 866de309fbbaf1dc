"""The adapted network: proposed weights, moved a few steps, many configurations at once."""

import math
from functools import partial

import numpy as np
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa._device import with_fallback
from autometa.episodes import make_rows
from autometa.families._network_model import NetworkModel
from autometa.metalearners import LOOKUP, adamw_init, adamw_step, rows_loss
from autometa.networks import predict_outputs

NAME = "adapted_network"
STEPS_NAME = "n_steps"

#: Rows in one step; a count, so that results do not depend on the machine. Looking up rows costs
#: the cube of it. With twice as many, trials take twice as long and are hardly better, but for
#: tables of many classes.
MAX_STEP_ROWS, MANY_CLASSES = 256, 16
#: Rows that a network looks up when it predicts.
MAX_CONTEXT_ROWS = 2_048
#: Cells of these rows; wide tables get fewer rows, but at least so many.
MAX_CONTEXT_CELLS, FEWEST_CONTEXT_ROWS = 1_000_000, 512
#: Cells that the proposal reads; rows are capped accordingly.
MAX_PROPOSAL_CELLS = 2_000_000
#: Pairs of rows that a CPU compares at once; with more, memory is what takes the time.
MAX_PAIRS = 2**20
#: Steps after which a learning curve has a point.
REPORT_STEPS = (0, 2, 5, 10, 15, 20, 30, 45, 60, 80, 100, 130, 160, 200, 250, 300)

#: AdamW's step size; a configuration's ``step_size`` is a factor on it, or, with the optimiser
#: ``learned_sgd``, a factor on the step sizes that meta-training found for each tensor.
ADAMW_LR = 1e-3
#: Factors on it for what says how rows are looked up: logarithms and weights of the size of 1.
LOOKUP_LR = {name: 100.0 for name in LOOKUP if name != "keys"}

HEAD = ("head", "head_bias")
ADAPTED_TENSORS = {
    "all": ("first", "first_bias", "gain", "second", "second_bias", *HEAD, *LOOKUP),
    "upper": ("gain", "second", "second_bias", *HEAD),
    "head": HEAD,
}

CONDITIONS = {}

#: What a configuration that lacks something means, chosen on the meta-development families.
DEFAULT_CONFIG = {
    "optimiser": "adamw",
    "step_size": 0.3,
    "n_steps": 30,
    "weight_decay": 0.1,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "adapted_tensors": "all",
}


def first_steps(n_rows):
    """Return the steps of the configuration to try first; on few rows, few large ones do as well.

    Examples
    --------
    >>> [first_steps(n) for n in (100, 1_000, 10_000)]
    [10, 20, 30]
    """
    return int(np.clip(n_rows // 50, 10, DEFAULT_CONFIG["n_steps"]))


def first_config(n_rows, *, is_regression):
    """Return the configuration to try first on a table.

    The more rows, the farther steps may lead; chosen on the meta-development families.

    Parameters
    ----------
    n_rows : int
    is_regression : bool

    Examples
    --------
    >>> for n_rows in (100, 900, 10_000):
    ...     config = first_config(n_rows, is_regression=False)
    ...     print(config["n_steps"], round(config["step_size"], 2))
    10 0.3
    18 0.5
    30 1.0
    """
    n_steps = first_steps(n_rows)
    way = float(np.clip(n_rows / 100, 3.0, 30.0))
    config = {**DEFAULT_CONFIG, "step_size": way / n_steps, "n_steps": n_steps}
    return {name: config[name] for name in space(is_regression=is_regression)}


def space(*, is_regression):
    """Return the search space of the adaptation: parameter names to Optuna distributions.

    Examples
    --------
    >>> sorted(space(is_regression=True))
    ['adapted_tensors', 'dropout', 'n_steps', 'optimiser', 'step_size', 'weight_decay']
    """
    distributions = {
        "optimiser": CategoricalDistribution(["adamw", "learned_sgd"]),
        "step_size": FloatDistribution(0.03, 10.0, log=True),
        "n_steps": IntDistribution(5, 300, log=True),
        "weight_decay": FloatDistribution(1e-2, 30.0, log=True),
        "dropout": FloatDistribution(0.0, 0.5),
        "adapted_tensors": CategoricalDistribution(list(ADAPTED_TENSORS)),
    }
    if not is_regression:
        distributions["label_smoothing"] = FloatDistribution(0.0, 0.1)
    return distributions


def context_rows(task):
    """Return how many rows of a task a network looks up when it predicts."""
    n_cells = task.reading_share * MAX_CONTEXT_CELLS
    n_rows = max(_fewest_rows(task), int(n_cells // max(1, task.X.shape[1])))
    return min(len(task.y), _most_rows(task), n_rows)


def _fewest_rows(task):
    """Fewer than on wide tables only where hardly any time is left."""
    return round(FEWEST_CONTEXT_ROWS * min(1.0, max(0.5, 4 * math.sqrt(task.reading_share))))


def _most_rows(task):
    """Rows that may be compared with each other, which costs their square."""
    return max(_fewest_rows(task), round(MAX_CONTEXT_ROWS * math.sqrt(task.reading_share)))


def step_rows(task):
    """Return how many rows of a task a step reads at most."""
    has_many_classes = task.n_classes is not None and task.n_classes > MANY_CLASSES
    return 2 * MAX_STEP_ROWS if has_many_classes else MAX_STEP_ROWS


def has_chance(task, config):
    """Whether chance plays a part in adapting: by dropout, or by the rows that a step draws."""
    return config["dropout"] > 0 or len(task.y) > step_rows(task)


def propose_model(task, initialisation, *, device="cpu"):
    """Propose a model for a task, unadapted.

    Parameters
    ----------
    task : EncodedTask
    initialisation : Initialisation
    device : str

    Returns
    -------
    NetworkModel
    """
    [weights] = propose_weights(task, task.weight[None], initialisation, device=device)
    return make_model(task, weights)


def propose_weights(task, train_weight, initialisation, *, seed=0, device="cpu", first=None):
    """Propose weights for every fold of a task, from the rows of that fold.

    Parameters
    ----------
    task : EncodedTask
    train_weight : ndarray of shape (n_folds, n_rows)
    initialisation : Initialisation
    seed : int
        Of the rows drawn where there are too many.
    device : str
    first : NetworkModel, default=None
        Of the weights of the first fold, where they were proposed before.

    Returns
    -------
    list of dict of Tensor
        One for all folds where they are the same.
    """
    known = [] if first is None else [_weights_of(first)]

    def compute(device):
        rng, learner = np.random.default_rng(seed), initialisation.learner
        params = _to(initialisation.params, device)
        same = len(train_weight) > 1 and (train_weight == train_weight[0]).all()
        folds = (train_weight[:1] if same else train_weight)[len(known) :]
        return known + [_propose(learner, params, task, weight, rng, device) for weight in folds]

    return with_fallback(compute, device)


def make_model(task, weights, row_weight=None):
    """Let a network of given weights read the rows that it looks up, so that it can predict.

    Parameters
    ----------
    task : EncodedTask
    weights : dict of Tensor
    row_weight : ndarray of shape (n_rows,), default=None
        0 where a row is not to be read; None is the task's.

    Returns
    -------
    NetworkModel
    """
    row_weight = task.weight if row_weight is None else row_weight
    context = _draw_rows(task, row_weight, context_rows(task), np.random.default_rng(0))
    return NetworkModel.from_tensors(_stack([weights]), _stack([context]), task.is_regression)


def adapt_model(
    task, initialisation, config, *, n_steps, n_bags, seed, device, deadline=None, proposed=None
):
    """Adapt the proposal on all rows of a task, several times with other dropout masks.

    Parameters
    ----------
    task : EncodedTask
    initialisation : Initialisation
    config : dict
        Values for :func:`space`; missing ones come from :data:`DEFAULT_CONFIG`.
    n_steps : int
        Overrides the configuration's.
    n_bags : int
        Networks whose predictions are averaged; one where chance plays no part, that is without
        dropout on a table whose rows all fit into one step.
    seed : int
    device : str
    deadline : Deadline, default=None
        Steps end when it has expired.
    proposed : NetworkModel, default=None
        As from :func:`propose_model`, where it is there already.

    Returns
    -------
    NetworkModel
    """
    config = {**DEFAULT_CONFIG, **config}
    if not has_chance(task, config):
        n_bags = 1
    weights = np.repeat(task.weight[None], n_bags, axis=0)
    if proposed is not None:
        proposed = [_weights_of(proposed)]

    def compute(device):
        run = NetworkRun(
            task,
            weights,
            [{**config, "n_steps": n_steps}],
            initialisation,
            seed=seed,
            device=device,
            share_noise=False,
            proposed=proposed,
        )
        while run.n_steps < n_steps and not (deadline is not None and deadline.expired()):
            run.advance(1)
        return {name: tensor[0] for name, tensor in run.weights.items()}

    bags = with_fallback(compute, device)
    contexts = _deal_contexts(task, n_bags, np.random.default_rng(seed))
    return NetworkModel.from_tensors(bags, contexts, task.is_regression)


class NetworkRun:
    """Several configurations times several folds, adapted together.

    Every configuration meets the same dropout noise and the same rows in the same step, so a
    configuration alone and in a group gives the same numbers (to rounding), and differences
    between configurations are not noise.

    Parameters
    ----------
    task : EncodedTask
    train_weight : ndarray of shape (n_folds, n_rows)
    configs : list of dict
    initialisation : Initialisation
    seed : int
    device : str
    share_noise : bool
        Whether folds see the same noise; bags must not.
    proposed : list of dict of Tensor, default=None
        As from :func:`propose_weights`, where they are there already.

    Attributes
    ----------
    weights : dict of Tensor of shape (n_configs, n_folds, ...)
    n_steps : int
        Steps taken.
    active : list of int
        Which of ``configs`` still run, in the order of the first dimension.
    """

    def __init__(
        self,
        task,
        train_weight,
        configs,
        initialisation,
        *,
        seed,
        device,
        share_noise=True,
        proposed=None,
    ):
        self.task, self.train_weight, self.device = task, train_weight, device
        self.seed, self.share_noise = seed, share_noise
        self.configs = [{**DEFAULT_CONFIG, **config} for config in configs]
        self.active = list(range(len(configs)))
        self.n_steps = 0
        params, learner = _to(initialisation.params, device), initialisation.learner
        if proposed is None:
            proposed = propose_weights(task, train_weight, initialisation, seed=seed, device=device)
        proposed = [_to(one, device) for one in proposed]
        if len(proposed) != len(train_weight):  # bags differ in their noise alone
            proposed = proposed * len(train_weight)
        rng = np.random.default_rng(seed)
        self._contexts = _stack(
            [
                _to(_draw_rows(task, weight, context_rows(task), rng), device)
                for weight in train_weight
            ]
        )
        self._is_full_batch = len(task.y) <= step_rows(task)
        anchor = _stack(proposed)
        self._anchor = {name: anchor[name] for name in ADAPTED_TENSORS["all"] if name in anchor}
        learned_lr = learner.inner_lr(params, is_regression=task.is_regression)
        self._learned_lr = {name: learned_lr.get(name, 0.0) for name in self._anchor}
        self.weights = {
            name: tensor.expand(len(configs), *tensor.shape) for name, tensor in anchor.items()
        }
        self._moments = adamw_init({name: self.weights[name] for name in self._anchor})
        self._hyper = self._tensors_of(self.configs)

    def _tensors_of(self, configs):
        def column(values):
            return torch.tensor(values, dtype=torch.float32, device=self.device)

        names = ("step_size", "weight_decay", "dropout", "label_smoothing")
        hyper = {name: column([config[name] for config in configs]) for name in names}
        hyper["is_sgd"] = column([config["optimiser"] == "learned_sgd" for config in configs])
        for name in self._anchor:
            moves = [name in ADAPTED_TENSORS[config["adapted_tensors"]] for config in configs]
            hyper[f"moves.{name}"] = column(moves)
        return hyper

    @property
    def next_report(self):
        """The number of steps at which the next point of a learning curve is due, or None."""
        ends = {self._end(i) for i in self.active}
        last = max(ends, default=-1)
        return min(
            (step for step in {*REPORT_STEPS, *ends} if self.n_steps < step <= last), default=None
        )

    @property
    def is_due(self):
        """Which active configurations have a point of their learning curve here."""
        is_common = self.n_steps in REPORT_STEPS
        return np.array(
            [is_common or self.n_steps == self._end(i) for i in self.active], dtype=bool
        )

    @property
    def has_ended(self):
        """Which active configurations have taken all their steps."""
        return np.array([self.n_steps >= self._end(i) for i in self.active], dtype=bool)

    def _end(self, index):
        return self.configs[index]["n_steps"]

    def advance(self, n_steps):
        """Take steps in all active configurations and folds."""
        for _ in range(n_steps):
            support, noise = self._draw_step()
            anchor = self._anchor
            adapted = {name: self.weights[name] for name in anchor}
            grads = self._grads(adapted, support, noise)
            moved, self._moments = _descend(
                adapted, grads, self._moments, self._hyper, anchor, self._learned_lr
            )
            self.weights = {**self.weights, **moved}
            self.n_steps += 1

    def _grads(self, adapted, support, noise):
        """The gradient of every network's loss by its own weights, some configurations at once.

        That of the sum, since no network's loss depends on another's weights; torch.func.grad
        would import torch's compiler, which takes two seconds.
        """
        loss = partial(_support_loss, is_regression=self.task.is_regression)
        per_fold = torch.func.vmap(loss, in_dims=(0, 0, 0, 0, None))
        per_config = torch.func.vmap(per_fold, in_dims=(0, 0, None, None, 0))
        fixed = {name: t for name, t in self.weights.items() if name not in adapted}
        hyper = {name: self._hyper[name] for name in ("dropout", "label_smoothing")}
        n_configs = len(self.active)
        n_at_once = self._chunk_size(support["weight"].shape[1]) or n_configs
        parts = []
        for start in range(0, n_configs, n_at_once):
            own, rest, options = (
                {name: tensor[start : start + n_at_once] for name, tensor in tensors.items()}
                for tensors in (adapted, fixed, hyper)
            )
            own = {name: tensor.detach().requires_grad_() for name, tensor in own.items()}
            with torch.enable_grad():
                total = per_config(own, rest, support, noise, options).sum()
            found = torch.autograd.grad(total, list(own.values()), materialize_grads=True)
            parts.append(dict(zip(own, found, strict=True)))
        return {name: torch.cat([part[name] for part in parts]) for name in adapted}

    def predict(self, X):
        """Predict rows that differ from fold to fold.

        Parameters
        ----------
        X : ndarray of shape (n_folds, n_valid, n_columns, 3)

        Returns
        -------
        ndarray of shape (n_active, n_folds, n_valid, n_classes) or (n_active, n_folds, n_valid)
            Probabilities, or numbers in the units of ``y``.
        """
        X = torch.as_tensor(X, dtype=torch.float32, device=self.device)
        contexts = self._contexts

        def outputs(weights, context, X):
            rows = {"X": X, "column_mask": context["column_mask"]}
            found = predict_outputs(weights, context, rows, is_regression=self.task.is_regression)
            if self.task.is_regression:
                return found.squeeze(-1) * context["target_scale"] + context["target_mean"]
            return found.softmax(-1)

        per_fold = torch.func.vmap(outputs)
        size = self._chunk_size(max(contexts["weight"].shape[1], X.shape[1]))
        per_config = torch.func.vmap(per_fold, in_dims=(0, None, None), chunk_size=size)
        with torch.no_grad():
            found = per_config(self.weights, contexts, X)
        return found.double().cpu().numpy()

    def _chunk_size(self, n_rows):
        """Configurations computed at once: on a CPU as many as its caches gain from."""
        if self.device != "cpu":
            return None
        return max(1, MAX_PAIRS // (len(self.train_weight) * n_rows**2))

    def drop(self, dropped):
        """Stop adapting configurations.

        Parameters
        ----------
        dropped : ndarray of bool of shape (n_active,)
        """
        kept = torch.as_tensor(np.flatnonzero(~np.asarray(dropped)), device=self.device)

        def select(tensors):
            return {name: tensor[kept] for name, tensor in tensors.items()}

        self.active = [self.active[i] for i in kept.tolist()]
        self.weights, self._hyper = select(self.weights), select(self._hyper)
        moments = self._moments
        self._moments = {**moments, "first": select(moments["first"])}
        self._moments["second"] = select(moments["second"])

    def _draw_step(self):
        rng = np.random.default_rng([self.seed, self.n_steps])
        if self._is_full_batch:
            support = self._contexts
        else:
            support = _stack(
                [
                    _to(_draw_rows(self.task, weight, step_rows(self.task), rng), self.device)
                    for weight in self.train_weight
                ]
            )
        n_folds, n_rows = support["weight"].shape
        n_hidden = self._anchor["second"].shape[-1]
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        n_draws = 1 if self.share_noise else n_folds
        noise = torch.rand((n_draws, 2, n_rows, n_hidden), generator=generator).to(self.device)
        return support, noise.expand(n_folds, -1, -1, -1)


def _support_loss(adapted, fixed, support, noise, hyper, *, is_regression):
    rate = hyper["dropout"]
    outputs = predict_outputs(
        {**fixed, **adapted},
        support,
        support,
        is_regression=is_regression,
        is_context=True,
        dropout_mask=(noise >= rate).to(noise) / (1 - rate),
    )
    return rows_loss(
        outputs,
        support["target"],
        support["weight"],
        is_regression=is_regression,
        label_smoothing=hyper["label_smoothing"],
    )


def _descend(params, grads, moments, hyper, anchor, learned_lr):
    """One step of every configuration by its own optimiser, hyperparameters along dimension 0."""
    moved, moments = {}, {**moments}
    shaped = {name: {key: _like(hyper[key], params[name]) for key in hyper} for name in params}
    by_adamw, moments = adamw_step(
        params,
        grads,
        moments,
        lr={
            name: ADAMW_LR * LOOKUP_LR.get(name, 1.0) * shaped[name]["step_size"] for name in params
        },
        weight_decay={name: shaped[name]["weight_decay"] for name in params},
        anchor=anchor,
    )
    for name, param in params.items():
        own = shaped[name]
        step = grads[name] + own["weight_decay"] * (param - anchor[name])
        by_sgd = param - own["step_size"] * learned_lr[name] * step
        is_sgd = own["is_sgd"] * torch.ones_like(by_sgd)
        chosen = torch.where(is_sgd > 0, by_sgd, by_adamw[name])
        moved[name] = param + own[f"moves.{name}"] * (chosen - param)
    return moved, moments


def _propose(learner, params, task, weight, rng, device):
    n_cells = task.reading_share * MAX_PROPOSAL_CELLS
    max_rows = max(_most_rows(task), int(n_cells // max(1, task.X.shape[1])))
    rows = _draw_rows(task, weight, max_rows, rng, present_first=True)
    with torch.no_grad():
        return learner.propose(params, _to(rows, device), is_regression=task.is_regression)


def _weights_of(proposed):
    """The weights of a model as proposed."""
    arrays = proposed.weights.items()
    return {name: torch.as_tensor(bags[0], dtype=torch.float32) for name, bags in arrays}


def _deal_contexts(task, n_bags, rng):
    """Rows to look up: all of them for all networks, or where they are too many each its own part.

    Parts overlap only where the rows do not suffice for all.
    """
    n_rows, present = context_rows(task), np.flatnonzero(task.weight > 0)
    if len(present) <= n_rows:
        return _stack([_draw_rows(task, task.weight, n_rows, rng)])
    parts = np.resize(rng.permutation(present), (n_bags, n_rows))
    return _stack([_rows_at(task, task.weight[part], part) for part in np.sort(parts, axis=1)])


def _draw_rows(task, weight, max_rows, rng, *, present_first=False):
    """Rows of a task as tensors: all of them, or a random part."""
    present = np.flatnonzero(weight > 0)
    if len(weight) > max_rows:
        drawn = np.sort(rng.permutation(present)[:max_rows])
        drawn_weight = weight[drawn]
        if len(drawn) < max_rows:  # folds of unequal size are stacked
            filling = np.resize(drawn, max_rows - len(drawn))
            drawn = np.concatenate([drawn, filling])
            drawn_weight = np.concatenate([drawn_weight, np.zeros(len(filling))])
    else:
        drawn = np.arange(len(weight))
        if present_first:
            drawn = np.concatenate([present, np.flatnonzero(weight <= 0)])
        drawn_weight = weight[drawn]
    return _rows_at(task, drawn_weight, drawn)


def _rows_at(task, weight, places):
    return make_rows(task.X[places], task.y[places], weight, n_classes=task.n_classes)


def _stack(dictionaries):
    return {name: torch.stack([d[name] for d in dictionaries]) for name in dictionaries[0]}


def _to(tensors, device):
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def _like(values, tensor):
    return values.view(-1, *[1] * (tensor.ndim - 1))
