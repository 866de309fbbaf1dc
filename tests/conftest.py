"""What all tests share: no internet by default, small episodes, the corpus where it is there."""

import errno
import ipaddress
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def _is_local(host):
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def offline(request, monkeypatch):
    """Let no test reach beyond this machine, the ones marked ``network`` aside."""
    if request.node.get_closest_marker("network"):
        return
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def connect_locally(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise OSError(errno.ENETUNREACH, f"Tests run offline, {address[0]} was asked for")
        return connect(self, address)

    def resolve_locally(host, *args, **kwargs):
        if not _is_local(host):
            raise socket.gaierror(socket.EAI_NONAME, f"Tests run offline, {host} was asked for")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)
    monkeypatch.setattr(socket, "getaddrinfo", resolve_locally)


@pytest.fixture(scope="session")
def corpus():
    """Folder with ``index.csv`` and ``data/*.parquet``: real tables, not part of the project."""
    folder = ROOT.parent / "shared" / "corpus"
    if not (folder / "index.csv").is_file():
        pytest.skip(f"the corpus is not at ../shared/corpus of {ROOT.name}/")
    return folder


@pytest.fixture(scope="session")
def make_rows_of():
    """Draw labelled rows ``(X, y)`` with missing cells; the target depends on two columns."""

    def make(seed, n_rows=24, n_columns=4, n_classes=3, share_missing=0.1):
        rng = np.random.default_rng(seed)
        value = rng.normal(size=(n_rows, n_columns)).clip(-3, 3)
        is_missing = rng.random((n_rows, n_columns)) < share_missing
        signal = value[:, 0] + 0.5 * value[:, -1] ** 2 + 0.1 * rng.normal(size=n_rows)
        y = 10 + 3 * signal
        if n_classes is not None:
            y = np.argsort(np.argsort(signal)) * n_classes // n_rows
        cells = np.stack([value, 0.9 * value, is_missing], axis=-1)
        cells[is_missing, :2] = 0
        return cells, y

    return make


@pytest.fixture(scope="session")
def make_episode(make_rows_of):
    """Draw a small episode; tensors of any floating dtype."""

    def make(seed=0, n_support=24, n_query=9, n_columns=4, n_classes=3, double=False, **options):
        from autometa.episodes import Episode, make_rows, query_rows

        n_rows = n_support + n_query
        X, y = make_rows_of(seed, n_rows, n_columns, n_classes, **options)
        order = np.random.default_rng(seed).permutation(n_rows)
        first, last = order[:n_support], order[n_support:]
        support = make_rows(X[first], y[first], n_classes=n_classes)
        query = query_rows(support, X[last], y[last], n_classes=n_classes)
        if double:
            support, query = (
                {name: tensor.double() for name, tensor in rows.items()}
                for rows in (support, query)
            )
        return Episode(support, query, is_regression=n_classes is None)

    return make


@pytest.fixture(scope="session")
def tiny_network():
    """Arguments of a network that takes no time."""
    return {"n_hidden": 8, "n_token": 8, "n_layers": 1, "n_heads": 2, "n_key": 4}


@pytest.fixture(scope="session")
def tiny_initialisation(tiny_network):
    """An initialisation of a tiny network that has learned nothing."""
    from autometa.knowledge import Initialisation
    from autometa.metalearners import MAML

    config = {"network": tiny_network}
    return Initialisation(MAML(**config).init_params(0), "maml", config, {"tasks": []})


@pytest.fixture(scope="session")
def make_encoded_task(make_rows_of):
    """Draw a small encoded task, all rows of weight 1."""

    def make(seed=0, n_rows=60, n_columns=3, n_classes=2, **options):
        from autometa.families import EncodedTask

        X, y = make_rows_of(seed, n_rows, n_columns, n_classes, **options)
        order = np.random.default_rng(seed).permutation(n_rows)
        return EncodedTask(X[order].astype(np.float32), y[order], np.ones(n_rows), n_classes)

    return make


@pytest.fixture(scope="session")
def make_thirds():
    """Split an encoded task into three folds."""

    def make(task):
        from autometa.families import Folds

        is_valid = np.arange(len(task.y)) % 3 == np.arange(3)[:, None]
        return Folds(np.where(is_valid, 0.0, task.weight), np.where(is_valid, task.weight, 0.0))

    return make


@pytest.fixture
def fake_costs(monkeypatch):
    """Let time pass with what networks do, by so many seconds each, and with nothing else."""
    from autometa.families import NetworkModel, NetworkRun, adapted_network

    def use(*, propose_s=0.0, read_s=0.0, step_s=0.0):
        clock = SimpleNamespace(now=1_000.0)
        clock.monotonic = lambda: clock.now

        def cost(owner, name, seconds_of):
            function = getattr(owner, name)

            def costly(*arguments, **options):
                found = function(*arguments, **options)
                clock.now += seconds_of(*arguments)
                return found

            monkeypatch.setattr(owner, name, costly)

        def n_networks(run):
            return len(run.active) * len(run.train_weight)

        read = NetworkModel.from_tensors

        def read_slowly(weights, *arguments):
            clock.now += read_s * len(weights["head"])
            return read(weights, *arguments)

        cost(adapted_network, "_propose", lambda *arguments: propose_s)
        cost(NetworkRun, "predict", lambda run, X: read_s * n_networks(run))
        cost(NetworkRun, "advance", lambda run, n_steps: step_s * n_steps * n_networks(run))
        monkeypatch.setattr(NetworkModel, "from_tensors", read_slowly)
        monkeypatch.setattr("autometa._deadline.time", clock)
        monkeypatch.setattr("autometa.estimators._base._used", [True])
        return clock

    return use
