"""Fit a table and predict rows held out: two tables that come with scikit-learn, or a file.

python examples/demo.py
python examples/demo.py --data file.csv --target column --seconds 60
"""

# %% What to run on
import argparse
import time

from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split

from autometa import AutoMetaClassifier, AutoMetaRegressor
from autometa.exceptions import AutoMetaError, InvalidTableError
from autometa.tasks import task_from_arrays, task_from_file

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", help="a CSV, Parquet or ARFF file")
parser.add_argument("--target", help="the column to predict")
parser.add_argument("--seconds", type=float, default=20.0, help="time limit of each search")
arguments = parser.parse_args()
if (arguments.data is None) != (arguments.target is None):
    parser.error("--data and --target go together, e.g. --data file.csv --target column")


# %% Two fits and one baseline, scored on a quarter of the rows
def demonstrate(task, seconds):
    is_regression = task.kind == "regression"
    n_of_rarest = 0 if is_regression else task.y.value_counts().min()
    # as scikit-learn wants it: two rows of each class, and a test row for each
    is_splittable = n_of_rarest > 1 and len(task.classes) <= task.n_rows // 4
    X_train, X_test, y_train, y_test = train_test_split(
        task.X, task.y, stratify=task.y if is_splittable else None, random_state=0
    )
    if not is_regression:  # a class of one row may have fallen into the test rows
        X_test, y_test = X_test[y_test.isin(y_train)], y_test[y_test.isin(y_train)]
    if not len(y_test):
        raise InvalidTableError(
            f"{task.name}: no row held out has a class that was learned from ({task.n_rows} rows, "
            f"{len(task.classes)} classes). Give more rows, or another target."
        )
    make_model = AutoMetaRegressor if is_regression else AutoMetaClassifier
    models = {
        "mean of the target" if is_regression else "shares of the classes": (
            DummyRegressor() if is_regression else DummyClassifier()
        ),
        "weights as proposed": make_model(n_trials=0, random_state=0),
        f"adapted, {seconds:g} s of search": make_model(time_limit=seconds, random_state=0),
    }

    print(f"\n{task.name}: {len(X_train)} rows to learn from, {len(X_test)} to predict")
    loss_name, score_name = ("RMSE", "R2") if is_regression else ("log-loss", "accuracy")
    print(f"{'':<28}{loss_name:>10}{score_name:>10}{'seconds':>9}")
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        elapsed = time.perf_counter() - start
        if is_regression:
            loss = root_mean_squared_error(y_test, model.predict(X_test))
        else:
            loss = log_loss(y_test, model.predict_proba(X_test), labels=model.classes_)
        print(f"{name:<28}{loss:>10.4g}{model.score(X_test, y_test):>10.3f}{elapsed:>9.1f}")


# %% Run
try:
    if arguments.data:
        tasks = [task_from_file(arguments.data, arguments.target)]
    else:
        tables = {"breast cancer": load_breast_cancer, "diabetes": load_diabetes}
        tasks = [
            task_from_arrays(*load(return_X_y=True, as_frame=True), name=name)
            for name, load in tables.items()
        ]
    for task in tasks:
        demonstrate(task, arguments.seconds)
except AutoMetaError as error:
    parser.exit(1, f"{error}\n")
