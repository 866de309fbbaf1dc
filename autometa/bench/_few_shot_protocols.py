"""How each meta-learner is trained and tested on the few-shot data: schedules and their sources."""

from dataclasses import dataclass, field, replace

from autometa.exceptions import InvalidInputError

#: Adam with a constant step size, as most of the papers take it.
ADAM = {"weight_decay": 0.0, "schedule": "constant", "warm_up": 0, "max_norm": None, "averaging": 0}


@dataclass(frozen=True)
class Protocol:
    """One schedule.

    Attributes
    ----------
    learner : dict
        Arguments of the learner while it is trained.
    test : dict
        Arguments that differ at the test.
    network : dict
        Arguments of the network beside its kind and sizes.
    perceptron : dict
        Those of a perceptron in its place.
    n_ways, n_shots, n_query : int or None
        Of training episodes; None is that of the test.
    n_test_query : int or None
        Query rows of each class at the test, where that is published.
    batch_size, n_iterations : int
    outer : dict
        Arguments of :class:`autometa.metatraining.OuterStep`.
    source : str
        Where it is published, or that it is ours.
    is_published : bool
        Whether ``source`` tells all of it; else it is ours, in part at least.
    """

    source: str
    n_iterations: int
    batch_size: int
    is_published: bool = False
    learner: dict = field(default_factory=dict)
    test: dict = field(default_factory=dict)
    network: dict = field(default_factory=dict)
    perceptron: dict = field(default_factory=dict)
    n_ways: int | None = None
    n_shots: int | None = None
    n_query: int | None = None
    n_test_query: int | None = None
    outer: dict = field(default_factory=lambda: dict(ADAM))


MAML_PAPER = "Finn, Abbeel and Levine 2017, appendix A, and its code"
REPTILE_PAPER = "Nichol, Achiam and Schulman 2018, table of hyperparameters, and its code"
PROTO_PAPER = "Snell, Swersky and Zemel 2017, section 3.1, and its code"
OURS = "ours; the paper's schedule is not known to us in full"
LEO_CODE = "weight decay is the L2 penalty of LEO's published code, for miniImageNet"
#: Of LEO's code: its README by rows a class, and the default of its ``config.py``.
LEO_L2 = {1: 3.623413e-10, 5: 8.540338e-9}
LEO_DEFAULT_L2 = 1e-8
#: Query rows of a test episode, where the schedule does not say: inputs of a sinusoid, drawings of
#: a character.
N_TEST_QUERY = {"sinusoid": 100, "omniglot": 15}
#: Omniglot, accuracy in percent by (n_ways, n_shots) with half its interval, from the source named.
#: Figures that could not be checked are left out, and so those of the learners not named.
PUBLISHED_ON_OMNIGLOT = {
    ("maml", "mlp"): (
        "Finn, Abbeel and Levine 2017",
        {(5, 1): (89.7, None), (5, 5): (97.5, None)},
    ),
    ("maml", "convolutional"): (
        "Finn, Abbeel and Levine 2017",
        {(5, 1): (98.7, 0.4), (5, 5): (99.9, 0.1), (20, 1): (95.8, 0.3), (20, 5): (98.9, 0.2)},
    ),
    ("first_order_maml", "convolutional"): (
        "Nichol, Achiam and Schulman 2018, with transduction",
        {(5, 1): (98.3, 0.5), (5, 5): (99.2, 0.2), (20, 1): (89.4, 0.5), (20, 5): (97.9, 0.1)},
    ),
    ("reptile", "convolutional"): (
        "Nichol, Achiam and Schulman 2018, with transduction",
        {
            (5, 1): (97.68, 0.04),
            (5, 5): (99.48, 0.06),
            (20, 1): (89.43, 0.14),
            (20, 5): (97.12, 0.32),
        },
    ),
    ("meta_sgd", "convolutional"): (
        "Li, Zhou, Chen and Li 2017, as T-NAS prints it",
        {(5, 1): (99.53, 0.26), (5, 5): (99.93, 0.09)},
    ),
    ("protonet", "convolutional"): (
        "Snell, Swersky and Zemel 2017, as oscarknagg/few-shot prints it",
        {(5, 1): (98.8, None), (5, 5): (99.7, None), (20, 1): (96.0, None), (20, 5): (98.9, None)},
    ),
    ("matching", "convolutional"): (
        "Vinyals et al. 2016, as oscarknagg/few-shot prints it",
        {(5, 1): (98.1, None), (5, 5): (98.9, None), (20, 1): (93.8, None), (20, 5): (98.5, None)},
    ),
    ("snail", "convolutional"): (
        "Mishra, Rohaninejad, Chen and Abbeel 2018",
        {(20, 1): (97.64, 0.3)},
    ),
}
#: Sinusoids, mean squared error by (n_shots, n_inner_steps); MAML's own paper has curves only.
PUBLISHED_ON_SINUSOIDS = {
    "maml": {(5, 1): (1.13, 0.18)},
    "meta_sgd": {(5, 1): (0.90, 0.16)},
}


def find_protocol(learner, data, *, n_ways=5, n_shots=1):
    """Return the schedule of a learner on a kind of data.

    Parameters
    ----------
    learner : str
        A key of :data:`autometa.metalearners.METALEARNERS`.
    data : {"omniglot", "sinusoid"}
    n_ways, n_shots : int
        Of the test.

    Returns
    -------
    Protocol

    Examples
    --------
    >>> find_protocol("maml", "omniglot", n_ways=5, n_shots=1).learner["step_size"]
    0.4
    """
    makers = {"omniglot": _omniglot, "sinusoid": _sinusoid}
    if data not in makers:
        raise InvalidInputError(f"data must be one of {[*makers]}, got {data!r}.")
    protocols = makers[data](n_ways, n_shots)
    if learner not in protocols:
        raise InvalidInputError(f"learner must be one of {[*protocols]}, got {learner!r}.")
    return protocols[learner]


def find_published(
    learner, data, *, n_ways=5, n_shots=1, network=None, n_inner_steps=None, n_test_query=None
):
    """Return the published figure of a learner at a test, None where no checked one is known.

    Parameters
    ----------
    learner, data, n_ways, n_shots
        As in :func:`find_protocol`.
    network : {"mlp", "convolutional"}, default=None
        That of Omniglot; None is the latter.
    n_inner_steps, n_test_query : int, default=None
        Those at the test; None is the schedule's, to which figures on Omniglot belong.

    Returns
    -------
    dict or None
        ``mse`` or ``accuracy``, half of its 95 % interval or None, and its ``source``.

    Examples
    --------
    >>> find_published("meta_sgd", "sinusoid", n_shots=5)["mse"]
    0.9
    """
    if data == "sinusoid":
        source = "Li, Zhou, Chen and Li 2017, the paper of Meta-SGD"
        steps = 1 if n_inner_steps is None else n_inner_steps
        found = PUBLISHED_ON_SINUSOIDS.get(learner, {}).get((n_shots, steps))
    else:
        key = (learner, network or "convolutional")
        source, figures = PUBLISHED_ON_OMNIGLOT.get(key, ("", {}))
        found = figures.get((n_ways, n_shots))
        if found is not None and not _is_scheduled(
            find_protocol(learner, data, n_ways=n_ways, n_shots=n_shots),
            n_inner_steps,
            n_test_query,
        ):
            found = None
    if found is None:
        return None
    name = "mse" if data == "sinusoid" else "accuracy"
    return {name: found[0], "ci95": found[1], "source": source}


def _is_scheduled(protocol, n_inner_steps, n_test_query):
    """Whether steps and query rows of a test on Omniglot are those of its schedule."""
    steps = {"n_inner_steps": 1, **protocol.learner, **protocol.test}["n_inner_steps"]
    n_query = protocol.n_test_query or N_TEST_QUERY["omniglot"]
    return n_inner_steps in (None, steps) and n_test_query in (None, n_query)


def _sinusoid(n_ways, n_shots):
    batch = {"n_iterations": 70_000, "batch_size": 25}
    step = {"step_size": 0.001}
    source = f"{MAML_PAPER}; the step size is its code's .001, not the paper's .01"
    maml = Protocol(source, is_published=True, learner=step, **batch)
    like_maml = replace(maml, source=f"{OURS}; all as for MAML", is_published=False)
    ours = {"source": f"{OURS}; batches and iterations as for MAML", **batch}
    reptile = Protocol(
        f"{OURS}; inner loop as in Reptile's code for Omniglot, iterations as in its section 6.1",
        n_iterations=30_000,
        batch_size=5,
        n_query=n_shots,
        learner={"n_inner_steps": 10, "step_size": 0.01},
        test={"n_inner_steps": 32},
        outer={**ADAM, "optimiser": "sgd", "lr": 1.0, "schedule": "linear"},
    )
    leo = {**ours, "source": f"{ours['source']}; codes' first step size .03, as .1 diverges"}
    return {
        "maml": maml,
        "first_order_maml": like_maml,
        "meta_sgd": Protocol(f"{OURS}; all but the learned step sizes as for MAML", **batch),
        "anil": like_maml,
        "reptile": reptile,
        "protonet": Protocol(**ours),
        "proto_maml": Protocol(learner=step, **ours),
        "matching": Protocol(learner={"full_context": True}, **ours),
        "leo": _leo(leo, LEO_DEFAULT_L2, learner={"first_step_sizes": (0.03, 1e-3)}),
        "lstm": Protocol(learner={"n_inner_steps": 5}, **ours),
        "snail": Protocol(learner={"n_slots": 1, "max_rows": 2 * n_shots, "width": 32}, **ours),
        "meta_networks": Protocol(learner={"n_slots": 1}, **ours),
        "gnn": Protocol(learner={"n_slots": 1, "n_features": 32}, **ours),
    }


def _omniglot(n_ways, n_shots):
    is_large = n_ways > 5
    step = {"n_inner_steps": 5 if is_large else 1, "step_size": 0.1 if is_large else 0.4}
    start = {"init_std": 0.01, "shared_shift": True}
    maml = Protocol(
        f"{MAML_PAPER}, but for steps on the mean loss, where the code sums over classes, and for "
        "the first head of the four-block network, which is smaller",
        is_published=True,
        n_iterations=60_000,
        batch_size=16 if is_large else 32,
        n_query=n_shots,
        n_test_query=n_shots,
        network=start,
        perceptron=start,
        learner=step,
        test={"n_inner_steps": 5 if is_large else 3},
    )
    like_maml = replace(maml, source=f"{OURS}; all as for MAML", is_published=False)
    meta_sgd = Protocol(
        f"{OURS}; all but the learned step sizes as for MAML",
        n_iterations=60_000,
        batch_size=16 if is_large else 32,
        n_query=n_shots,
    )
    proto = Protocol(
        PROTO_PAPER,
        is_published=True,
        n_iterations=40_000,
        batch_size=1,
        n_ways=60,
        n_query=5,
        network={"pooling": True},
        outer={**ADAM, "schedule": "halving", "halve_every": 2_000},
    )
    reptile = Protocol(
        REPTILE_PAPER,
        is_published=True,
        n_iterations=200_000 if is_large else 100_000,
        batch_size=5,
        n_shots=5,
        n_query=5,
        n_test_query=1,
        learner={
            "n_inner_steps": 10 if is_large else 5,
            "step_size": 5e-4 if is_large else 1e-3,
            "inner_batch": 20 if is_large else 10,
            "carries_moments": True,
        },
        network={"averaged": False},  # rows to predict by themselves, as the released code has it
        test={"n_inner_steps": 50, "inner_batch": 10 if is_large else 5},
        outer={**ADAM, "optimiser": "sgd", "lr": 1.0, "schedule": "linear"},
    )
    ours = {"source": OURS, "n_iterations": 60_000, "batch_size": 32, "n_query": 1}
    few = {**ours, "batch_size": 4}  # an episode of theirs takes gigabytes
    slots = {"n_slots": n_ways}
    return {
        "maml": maml,
        "first_order_maml": replace(like_maml, n_test_query=1),  # as Reptile's paper tests it
        "anil": like_maml,
        "meta_sgd": meta_sgd,
        "reptile": reptile,
        "protonet": proto,
        "matching": Protocol(network={"pooling": True}, **ours),
        "proto_maml": Protocol(learner={**step, "step_size": 0.1}, **ours),
        "leo": _leo(ours, LEO_L2.get(n_shots, LEO_DEFAULT_L2)),
        "lstm": Protocol(learner={"n_inner_steps": 12 if n_shots == 1 else 5}, **few),
        "snail": Protocol(
            learner={**slots, "max_rows": n_ways * n_shots}, network={"pooling": True}, **ours
        ),
        "meta_networks": Protocol(
            learner={**slots, "n_samples": n_ways}, network={"pooling": True}, **few
        ),
        "gnn": Protocol(
            learner=slots,
            network={"pooling": True},
            **{**ours, "batch_size": 8 if is_large else 32},
        ),
    }


def _leo(ours, weight_decay, **options):
    outer = {**ADAM, "weight_decay": weight_decay}
    return Protocol(**{**ours, "source": f"{ours['source']}; {LEO_CODE}"}, outer=outer, **options)
