"""What tells how fast the machine is: one fixed fit, run as methods are, before every task.

A file as those in ``methods/``; its seconds are stored with every run that follows.
"""

IMPORTS = ["sklearn.ensemble"]


def fit(job):
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=100, early_stopping=False).fit(job.X, job.y)
