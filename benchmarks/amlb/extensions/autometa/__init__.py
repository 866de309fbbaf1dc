"""autometa in the AutoML Benchmark: what the benchmark's own process calls."""


def setup(*args, **kwargs):
    from amlb.utils import call_script_in_same_dir

    call_script_in_same_dir(__file__, "setup.sh", *args, **kwargs)


def run(dataset, config):
    from frameworks.shared.caller import run_in_venv

    data = {
        "train": {"X": dataset.train.X, "y": dataset.train.y},
        "test": {"X": dataset.test.X, "y": dataset.test.y},
    }
    if getattr(config, "measure_inference_time", False):
        data["inference_subsample_files"] = dataset.inference_subsample_files(fmt="parquet")
    options = {"serialization": {"sparse_dataframe_deserialized_format": "dense"}}
    return run_in_venv(
        __file__, "exec.py", input_data=data, dataset=dataset, config=config, options=options
    )
