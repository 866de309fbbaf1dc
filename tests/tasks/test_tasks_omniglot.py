import numpy as np
import pytest

from autometa.exceptions import InvalidInputError
from autometa.tasks import Sinusoids, read_omniglot, sample_sinusoid_task


@pytest.fixture
def omniglot_file(tmp_path):
    """A file of the same form with four characters of two drawings."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (4, 2, 784)).astype(np.uint8)
    path = tmp_path / "omniglot.npz"
    np.savez(
        path,
        images=(bits * 255).reshape(4, 2, 28, 28),
        images_nn_packed=np.packbits(bits, axis=-1),
        alphabet=np.array(["A", "A", "B", "B"]),
        character=np.array(["1", "2", "1", "2"]),
        vinyals_split=np.array(["train", "val", "test", "test"]),
    )
    return path, bits


@pytest.mark.parametrize("antialiased", [False, True])
def test_a_part_of_omniglot_is_a_task_whose_columns_are_pixels(omniglot_file, antialiased):
    path, bits = omniglot_file

    task = read_omniglot(path, "test", antialiased=antialiased)

    assert (task.n_rows, task.n_features) == (4, 784)
    assert task.classes.tolist() == ["B/1", "B/2"]
    assert task.y.tolist() == ["B/1", "B/1", "B/2", "B/2"]
    expected = bits[2:].reshape(4, 784) * (255 if antialiased else 1)
    assert (task.X.to_numpy() == expected).all()


def test_characters_of_validation_can_be_trained_on(omniglot_file):
    path, _ = omniglot_file

    task = read_omniglot(path, "train", n_moved=1)

    assert task.classes.tolist() == ["A/1", "A/2"]
    assert task.provenance["n_moved"] == 1
    with pytest.raises(InvalidInputError, match="^n_moved must be 0 to 1, got 2"):
        read_omniglot(path, "test", n_moved=2)


def test_a_missing_file_and_an_unknown_part_are_refused(omniglot_file, tmp_path):
    path, _ = omniglot_file

    with pytest.raises(InvalidInputError, match="no readable Omniglot file"):
        read_omniglot(tmp_path / "none.npz", "train")
    with pytest.raises(InvalidInputError, match="split must be one of"):
        read_omniglot(path, "valid")


def test_sinusoids_repeat_with_their_generator_and_say_what_they_are():
    first, second = (sample_sinusoid_task(np.random.default_rng(3), n_rows=20) for _ in range(2))

    assert first.X.equals(second.X) and first.y.equals(second.y)
    provenance = first.provenance
    functions = Sinusoids(np.array([provenance["amplitude"]]), np.array([provenance["phase"]]))
    expected = functions(first.X["x"].to_numpy()[None])[0]
    np.testing.assert_allclose(first.y, expected)
