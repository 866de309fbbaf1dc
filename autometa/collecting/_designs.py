"""A space-filling set of configurations that all tasks share."""

import math

from optuna.distributions import CategoricalDistribution, IntDistribution
from scipy.stats import qmc

from autometa.families import default_config, drop_inactive, find_family


def design_configs(family, n_configs, *, is_regression, seed=0):
    """Spread configurations over a family's space, its default first.

    The first ones do not depend on how many are asked for, so a set can grow.

    Parameters
    ----------
    family : str
    n_configs : int
    is_regression : bool
    seed : int

    Returns
    -------
    list of dict
        Without the parameters that are inactive.

    References
    ----------
    Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences", 1995: scrambled Sobol points.

    Examples
    --------
    >>> for config in design_configs("linear", 3, is_regression=True):
    ...     print(config["scaling"], f"{config['alpha']:.2g}")
    standardised 1
    ranked 0.45
    standardised 1.2e+02
    """
    found = find_family(family)
    space = found.space(is_regression=is_regression)
    configs = [default_config(family, is_regression=is_regression)]
    n_more = n_configs - 1
    if n_more > 0:
        points = qmc.Sobol(len(space), scramble=True, seed=seed)
        for point in points.random_base2(math.ceil(math.log2(n_more)))[:n_more].tolist():
            pairs = zip(space.items(), point, strict=True)
            config = {name: place(distribution, share) for (name, distribution), share in pairs}
            configs.append(drop_inactive(config, found.CONDITIONS))
    return configs[:n_configs]


def place(distribution, share):
    """Return the value at a share of a distribution's range.

    Parameters
    ----------
    distribution : optuna distribution
    share : float
        In [0, 1).

    Examples
    --------
    >>> place(IntDistribution(1, 100, log=True), 0.5)
    10
    >>> place(CategoricalDistribution(["a", "b"]), 0.5)
    'b'
    """
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    low, high, step = distribution.low, distribution.high, distribution.step
    if isinstance(distribution, IntDistribution):
        # every integer has a stretch of its own around it
        low, high = low - 0.5, high + 0.5
    elif step is not None:
        low, high = low - step / 2, high + step / 2
    if distribution.log:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        value = low + share * (high - low)
    if step is not None:
        value = distribution.low + step * round((value - distribution.low) / step)
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else float(value)
