"""Benchmarks: methods, tasks, folds and budgets; what came out, compared."""

from autometa.bench._compare import Comparison, compare_runs
from autometa.bench._elo import elo
from autometa.bench._environments import build_environments, plan_environments
from autometa.bench._method import Method, find_methods, read_methods
from autometa.bench._over_time import over_time
from autometa.bench._plots import plot_critical_difference, plot_over_time, plot_wins
from autometa.bench._publish import publish_runs
from autometa.bench._report import report_text, write_report
from autometa.bench._run import run_benchmark
from autometa.bench._runs import read_runs
from autometa.bench._splits import benchmark_tasks, outer_folds
from autometa.bench.few_shot import few_shot, find_protocol

__all__ = [
    "Comparison",
    "Method",
    "benchmark_tasks",
    "build_environments",
    "compare_runs",
    "elo",
    "few_shot",
    "find_methods",
    "find_protocol",
    "outer_folds",
    "over_time",
    "plan_environments",
    "plot_critical_difference",
    "plot_over_time",
    "plot_wins",
    "publish_runs",
    "read_methods",
    "read_runs",
    "report_text",
    "run_benchmark",
    "write_report",
]
