"""Collect on the tasks of an OpenML suite."""

from autometa.collecting._collect import collect
from autometa.tasks import load_suite


def collect_suite(suite, families, n_configs, folder, **options):
    """Evaluate a shared set of configurations on every task of an OpenML suite.

    Tasks are downloaded by OpenML's own client, or come from its cache. They are evaluated on our
    own folds of at most ``max_rows`` rows, not on OpenML's.

    Parameters
    ----------
    suite : int or str
        For example 99 or "OpenML-CC18".
    families, n_configs, folder, **options
        See :func:`collect`.

    Returns
    -------
    Collected

    Raises
    ------
    OpenMLError
        Where there is no such suite, or OpenML cannot be reached.
    """
    return collect(load_suite(suite), families, n_configs, folder, **options)
