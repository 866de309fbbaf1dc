"""A space-filling set of configurations that all tasks share."""

import math

from optuna.distributions import CategoricalDistribution, IntDistribution
from scipy.stats import qmc

from autometa.exceptions import InvalidInputError
from autometa.families import default_config, drop_inactive, find_family

#: Points after which a space is taken to hold no more than was found.
MAX_POINTS = 2**14


def design_configs(family, n_configs, *, is_regression, seed=0):
    """Spread configurations over a family's space, its default first.

    The first ones do not depend on how many are asked for, so a set can grow. Apart from the
    default, configurations for classes and for numbers agree in the parameters that both have.

    Parameters
    ----------
    family : str
    n_configs : int
    is_regression : bool
    seed : int

    Returns
    -------
    list of dict
        No two the same, without the parameters that are inactive.

    Raises
    ------
    InvalidInputError
        Where the space does not hold as many.

    References
    ----------
    Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences", 1995: scrambled Sobol points.

    Examples
    --------
    >>> for config in design_configs("linear", 3, is_regression=True):
    ...     print(config["scaling"], f"{config['alpha']:.2g}")
    standardised 1
    standardised 2.8e+03
    ranked 0.18
    """
    found = find_family(family)
    own, other = (found.space(is_regression=kind) for kind in (is_regression, not is_regression))
    space = dict(sorted((own | other).items()))
    configs = [default_config(family, is_regression=is_regression)]
    points = qmc.Sobol(len(space), scramble=True, seed=seed)
    n_points = 1
    while len(configs) < n_configs and n_points <= MAX_POINTS:
        # as many again as there were: only powers of 2 are balanced
        drawn = points.random(n_points if n_points == 1 else n_points // 2)
        n_points *= 2
        for point in drawn.tolist():
            pairs = zip(space.items(), point, strict=True)
            config = {name: place(distribution, share) for (name, distribution), share in pairs}
            config = drop_inactive(config, found.CONDITIONS)
            if config not in configs and len(configs) < n_configs:
                configs.append(config)
    if len(configs) < n_configs:
        raise InvalidInputError(
            f"The space of {family} gives {len(configs)} different configurations, n_configs="
            f"{n_configs} were asked for. Ask for fewer."
        )
    return [{name: config[name] for name in own if name in config} for config in configs]


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
    7
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
