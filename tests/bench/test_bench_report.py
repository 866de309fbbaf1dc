"""What the report says and what the plots show."""

import pandas as pd
import pytest

from autometa.bench import (
    compare_runs,
    plot_critical_difference,
    plot_over_time,
    plot_wins,
    report_text,
    write_report,
)
from autometa.exceptions import InvalidInputError

SCORES = {
    "autometa": {"t1": 0.9, "t2": 0.8, "t3": 0.7},
    "flaml": {"t1": 0.8, "t2": 0.9, "t3": 0.6},
    "linear": {"t1": 0.4, "t2": 0.7, "t3": None},
}


@pytest.fixture
def runs(make_runs):
    common = {"error": "ValueError: no", "date": "2026-01-02", "session": "s", "calibration_s": 0.5}
    found = [
        make_runs(SCORES, budget_s=s, unlimited=("linear",), fit_s=s, **common) for s in (1, 10)
    ]
    return pd.concat(found).drop_duplicates(["method", "task", "budget_s"])


def test_every_table_says_how_many_tasks_meta_training_has_seen(runs):
    text = report_text(runs)

    assert text.count("Overlap with meta-training: 0 of 3 tasks.") == 3
    seen = report_text(runs.assign(known_as=["an old friend"] + [""] * (len(runs) - 1)))
    assert "Overlap with meta-training: 1 of 3 tasks (t1): THEIR SCORES DO NOT COUNT." in seen


def test_what_the_knowledge_of_one_method_has_seen_is_told_of_after_runs_of_another(runs):
    of_autometa = runs["method"] == "autometa"
    runs = runs.assign(known_as=of_autometa.map({True: "an old friend", False: ""}))
    runs = runs.assign(session=of_autometa.map({True: "s", False: "t"}))
    runs.loc[~of_autometa, "date"] = "2026-01-03"

    assert report_text(runs).count("Overlap with meta-training: 3 of 3 tasks") == 3
    assert "Overlap with meta-training: 0 of" in report_text(runs, methods=["flaml", "linear"])


def test_over_time_only_the_tasks_of_the_table_are_counted(runs):
    is_known = runs["task"] == "t1"
    runs = runs.assign(known_as=is_known.map({True: "an old friend", False: ""}))
    lacking = is_known & (runs["method"] == "flaml") & (runs["budget_s"] == 10)

    text = report_text(runs[~lacking])

    [_, at_all_budgets] = text.split("Normalised score by time (2 tasks with all runs)")
    assert "Overlap with meta-training: 0 of 2 tasks." in at_all_budgets


def test_the_report_compares_with_autometa_and_names_failures(runs):
    text = report_text(runs)

    assert "10 s, all tasks: 3 tasks, 3 folds" in text
    assert "autometa against" in text
    assert "1 runs failed" in text
    assert "linear on t3, fold 0: failed, ValueError: no" in text
    assert "Normalised score by time (3 tasks with all runs)" in text
    lines = [line.split() for line in text.splitlines()]
    assert next(line for line in lines if line[:1] == ["autometa"])[1] == "1.33"


def test_the_report_names_runs_that_took_longer_than_their_limit(runs):
    late = (runs["method"] == "flaml") & (runs["task"] == "t2") & (runs["budget_s"] == 10)
    runs["fit_s"] = runs["fit_s"].mask(late, 58.0)

    assert "longer than their limit" not in report_text(runs[~late])
    text = report_text(runs)

    assert "1 runs took more than 1 s longer than their limit:" in text
    assert "  flaml at 10 s on t2, fold 0: 58.0 s" in text


def test_the_report_says_how_fast_the_machine_was_then_and_now(runs):
    old = runs[runs["method"] == "flaml"].assign(
        session="old", date="2026-01-01", calibration_s=0.25
    )

    text = report_text(pd.concat([old, runs[runs["method"] != "flaml"]]))

    assert "A fixed fit took 0.50 s in the newest session" in text
    assert "flaml: 0.25 s (0.50)" in text
    assert "autometa: 0.50 s (1.00)" in text


def test_a_budget_that_some_method_lacks_says_so(runs):
    text = report_text(runs[~((runs["method"] == "flaml") & (runs["budget_s"] == 10))])

    assert "1 s, all tasks" in text and "10 s, all tasks: 3 tasks" in text


def test_tasks_of_one_kind_are_told_of_once_also_where_some_are_left_out(runs):
    text = report_text(runs[~((runs["method"] == "flaml") & (runs["task"] == "t1"))])

    assert "10 s, all tasks: 2 tasks" in text
    assert "10 s, classification" not in text


def test_one_method_is_reported_without_tests(runs):
    assert "against" not in report_text(runs, methods=["autometa"])


def test_no_runs_are_no_report(runs):
    with pytest.raises(InvalidInputError, match="no runs"):
        report_text(runs[:0])


@pytest.mark.parametrize(
    "options, said",
    [
        ({"metric": "auc"}, "metric must be one of"),
        ({"methods": ["autometa", "flamel"]}, r"no runs of \['flamel'\], only of .*'flaml'"),
        ({"reference": "flamel"}, r"no runs of \['flamel'\]"),
    ],
)
def test_what_there_is_not_cannot_be_reported(runs, options, said):
    with pytest.raises(InvalidInputError, match=said):
        report_text(runs, **options)


def test_runs_of_several_settings_are_no_report(runs):
    with pytest.raises(InvalidInputError, match=r"several values of seed.* --seed 0"):
        report_text(pd.concat([runs, runs.assign(seed=1)]))


def test_of_several_options_of_a_method_the_newest_are_reported(runs):
    old = runs.assign(options="{}", date="2026-01-01", roc_auc=0.1)
    is_new = runs["method"].isin(["autometa", "flaml"])
    new = runs[is_new]
    new = new.assign(options=new["method"].map({"autometa": '{"knowledge": "a"}', "flaml": "{}"}))

    both = pd.concat([old[old["method"] != "flaml"], new])

    text = report_text(both)

    assert "autometa has runs of other options, 6 of them; only the newest count: " in text
    assert text.count('{"knowledge": "a"}') == 1 and "flaml has runs" not in text
    assert "linear has runs" not in text
    table = compare_runs(both, 10.0).table()
    assert table.loc["autometa", "roc_auc"] == pytest.approx(0.8)


def test_a_method_that_was_run_in_several_versions_is_named(runs):
    versions = {"autometa": '{"autometa": "0.2"}', "flaml": '{"flaml": "1"}', "linear": "{}"}
    runs = runs.assign(versions=runs["method"].map(versions))
    old = (runs["method"] == "autometa") & (runs["task"] == "t1")
    failed = (runs["method"] == "flaml") & (runs["task"] == "t1")

    assert "in several versions" not in report_text(
        runs.assign(versions=runs["versions"].mask(failed, "{}"))
    )
    text = report_text(runs.assign(versions=runs["versions"].mask(old, '{"autometa": "0.1"}')))

    assert "autometa was run in several versions: autometa 0.1, 0.2." in text


def test_a_metric_that_no_task_has_is_named(runs):
    assert "No comparison at 1 s: No task has the metric 'rmse'." in report_text(
        runs, metric="rmse"
    )


def test_the_report_is_written_with_tables_and_plots(runs, tmp_path):
    pytest.importorskip("matplotlib")

    write_report(runs, tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("methods-10s.csv", "methods-1s.csv", "over_time.png", "ranks-10s.png", "ranks-1s.png"),
        *("report.txt", "wins-10s.csv", "wins-10s.png", "wins-1s.csv", "wins-1s.png"),
    ]
    table = pd.read_csv(tmp_path / "out" / "methods-10s.csv", index_col="method")
    assert table.loc["autometa", "mean_rank"] == pytest.approx(4 / 3)


def test_written_tables_say_how_many_tasks_meta_training_has_seen(runs, tmp_path):
    pytest.importorskip("matplotlib")
    is_known = runs["task"] == "t1"

    write_report(runs.assign(known_as=is_known.map({True: "a friend", False: ""})), tmp_path)

    for name in ("methods-10s.csv", "wins-10s.csv"):
        table = pd.read_csv(tmp_path / name)
        assert (table["n_known_tasks"] == 1).all() and (table["n_tasks"] == 3).all()


def test_names_of_methods_are_drawn_as_written(runs, tmp_path):
    pytest.importorskip("matplotlib")

    write_report(runs.replace({"method": {"flaml": "a$_{$b"}}), tmp_path)

    assert (tmp_path / "over_time.png").is_file() and (tmp_path / "ranks-1s.png").is_file()


def test_plots_show_every_method(runs):
    pytest.importorskip("matplotlib")
    comparison = compare_runs(runs, 10)

    shown = plot_critical_difference(comparison)
    texts = " ".join(text.get_text() for text in shown.texts)
    assert all(name in texts for name in SCORES)
    assert len(plot_over_time(runs).lines) == 3
    cells = {text.get_text() for text in plot_wins(comparison).texts}
    assert cells == {"67", "33", "100", "0"}


def test_a_plot_is_drawn_where_it_is_asked_for(runs):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.subplots()

    assert plot_wins(compare_runs(runs, 10), ax=ax) is ax
