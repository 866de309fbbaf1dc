"""Tiny learners of every name on every kind of network, and tiny episodes for them."""

import numpy as np
import pytest

#: Arguments that keep each learner tiny.
TINY = {
    "maml": {"n_inner_steps": 2},
    "first_order_maml": {"n_inner_steps": 2},
    "reptile": {"n_inner_steps": 2, "step_size": 0.01},
    "meta_sgd": {"n_inner_steps": 2},
    "anil": {"n_inner_steps": 2},
    "proto_maml": {"n_inner_steps": 2},
    "leo": {"n_latent": 3, "n_latent_steps": 2, "n_weight_steps": 2},
    "lstm": {"n_inner_steps": 2, "n_hidden": 3},
    "snail": {"width": 4, "max_rows": 60},
    "meta_networks": {"n_samples": 2, "n_hidden": 3},
    "gnn": {"n_features": 4, "n_layers": 1},
}
#: Kinds of network; the first two read tables, the third images as rows, the last as images.
NETWORKS = {
    "look_up": {
        "kind": "look_up",
        "n_hidden": 6,
        "n_token": 8,
        "n_layers": 1,
        "n_heads": 2,
        "n_key": 3,
    },
    "columns": {"kind": "columns", "n_hidden": 6, "n_token": 8, "n_layers": 1},
    "mlp": {"kind": "mlp", "n_inputs": 16, "hidden": [6, 5]},
    "convolutional": {"kind": "convolutional", "n_filters": 4, "n_blocks": 2, "image_size": 4},
}
TABLES = ("look_up", "columns")


@pytest.fixture(scope="session")
def make_any_learner():
    """Make a learner by its name on a kind of network."""

    def make(name, kind, *, n_slots=5, head="slots", **options):
        from autometa.metalearners import METALEARNERS

        network, usual = dict(NETWORKS[kind]), METALEARNERS[name]()
        if kind not in TABLES and usual.needs_head:
            network |= {"n_slots": n_slots, "head": head}
        if hasattr(usual, "n_slots"):  # of its own, beside those of a head
            options = {"n_slots": n_slots, **options}
        return METALEARNERS[name](**{**TINY.get(name, {}), **options}, network=network)

    return make


@pytest.fixture(scope="session")
def make_any_episode(make_episode):
    """Draw an episode for a kind of network: a table, or tiny images with a mark per class."""

    def make(kind, seed=0, *, n_classes=3, n_shots=2, n_query=6, double=True):
        from autometa.episodes import Episode, make_array_rows

        if kind in TABLES:
            n_support = 6 * n_shots if n_classes is None else n_classes * n_shots * 2
            return make_episode(
                seed, n_support, n_query, n_columns=3, n_classes=n_classes, double=double
            )
        rng = np.random.default_rng(seed)

        def draw(n_rows, labels):
            X = rng.normal(size=(n_rows, 1, 4, 4))
            if n_classes is None:
                return make_array_rows(X, 2 * X[:, 0, 0, 0] + 1)
            X[np.arange(n_rows), 0, labels % 4, labels // 4 % 4] += 2
            return make_array_rows(X, labels, n_classes=n_classes)

        n_support = 4 * n_shots if n_classes is None else n_classes * n_shots
        labels = np.arange(n_support) % (n_classes or 1)
        support = draw(n_support, rng.permutation(labels))
        query = draw(n_query, np.arange(n_query) % (n_classes or 1))
        if double:
            support, query = ({n: t.double() for n, t in r.items()} for r in (support, query))
        return Episode(support, query, is_regression=n_classes is None)

    return make
