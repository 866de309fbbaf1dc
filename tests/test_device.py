import pytest
import torch

from autometa._device import with_fallback


def fails_on(device, error):
    def compute(asked):
        if asked == device:
            raise error
        return asked

    return compute


def test_out_of_memory_goes_on_with_the_cpu_and_says_so():
    compute = fails_on("cuda", torch.OutOfMemoryError("CUDA out of memory"))

    with pytest.warns(UserWarning, match="cuda is out of memory; going on with the CPU"):
        assert with_fallback(compute, "cuda") == "cpu"


@pytest.mark.parametrize(
    ("device", "error"),
    [
        ("cpu", RuntimeError("DefaultCPUAllocator: can't allocate memory")),
        ("cuda", RuntimeError("something else")),
    ],
)
def test_other_errors_pass(device, error):
    with pytest.raises(RuntimeError, match=str(error)):
        with_fallback(fails_on(device, error), device)
