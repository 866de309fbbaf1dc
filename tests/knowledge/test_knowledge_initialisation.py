import json
import pickle

import pytest
import torch

from autometa.exceptions import ArtefactError
from autometa.knowledge import Initialisation, versions
from autometa.metalearners import MAML, RandomWeights

FILES = ["initialisation.json", "initialisation.safetensors"]


@pytest.fixture
def initialisation(tiny_network):
    config = {"n_inner_steps": 2, "network": tiny_network}
    provenance = {"tasks": [{"name": "ä"}], "seed": 3, "versions": versions()}
    return Initialisation(MAML(**config).init_params(0), "maml", config, provenance)


@pytest.fixture
def folder(tmp_path, initialisation):
    initialisation.save(tmp_path / "artefact")
    return tmp_path / "artefact"


def change(folder, **values):
    """Change the description as by hand: without its checksum."""
    path = folder / "initialisation.json"
    described = json.loads(path.read_text())
    del described["description_sha256"]
    path.write_text(json.dumps({**described, **values}))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_is_loaded(folder, initialisation):
    loaded = Initialisation.load(str(folder))

    assert names(folder) == FILES
    torch.testing.assert_close(loaded.params, initialisation.params, rtol=0, atol=0)
    assert loaded.provenance == initialisation.provenance
    assert (loaded.learner_name, loaded.learner_config) == ("maml", initialisation.learner_config)


def test_the_loaded_learner_proposes_the_same(folder, initialisation, make_episode):
    support = make_episode().support

    first, second = (
        found.learner.propose(found.params, support, is_regression=False)
        for found in (initialisation, Initialisation.load(folder))
    )

    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_a_learner_without_parameters_is_saved_too(tmp_path):
    config = {"seed": 1, "closed_form_head": True}
    Initialisation({}, "random_weights", config).save(tmp_path)

    loaded = Initialisation.load(tmp_path)

    assert isinstance(loaded.learner, RandomWeights) and loaded.learner.closed_form_head


@pytest.mark.parametrize("left", [None, torch.zeros(3)])
def test_parameters_that_are_not_those_of_the_learner_are_refused(tmp_path, initialisation, left):
    name, *others = initialisation.params
    params = {other: initialisation.params[other] for other in others}
    params |= {} if left is None else {name: left}
    Initialisation(params, "maml", initialisation.learner_config).save(tmp_path)

    with pytest.raises(ArtefactError, match=f"'maml', which reads '{name}' of .* Train it anew"):
        Initialisation.load(tmp_path)


def test_saving_again_replaces(folder, initialisation, tiny_network):
    other = MAML(network=tiny_network).init_params(1)
    Initialisation(other, "maml", {"network": tiny_network}).save(folder)

    torch.testing.assert_close(Initialisation.load(folder).params, other, rtol=0, atol=0)
    assert names(folder) == FILES


def test_a_missing_folder_is_said_to_hold_nothing(tmp_path):
    with pytest.raises(ArtefactError, match="no readable initialisation.json.*meta-train"):
        Initialisation.load(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1, 2]", b'{"format": "other"}'])
def test_foreign_json_is_refused(folder, content):
    (folder / "initialisation.json").write_bytes(content)

    with pytest.raises(ArtefactError, match="no readable|does not describe an autometa-init"):
        Initialisation.load(folder)


@pytest.mark.parametrize("version", [2, 99])
def test_another_format_is_named_with_who_reads_it(folder, version):
    change(folder, format_version=version, provenance={"versions": {"autometa": "7.8.9"}})

    named = f"format version {version}, .* reads version 3.* pip install autometa==7.8.9"
    with pytest.raises(ArtefactError, match=named):
        Initialisation.load(folder)


def test_no_version_that_cannot_read_a_format_is_named(folder):
    change(folder, format_version=2)

    with pytest.raises(ArtefactError, match="reads version 3. Make it anew with this one"):
        Initialisation.load(folder)


@pytest.mark.parametrize("position", [5, 200, -3])
def test_a_flipped_byte_is_found(folder, position):
    path = folder / "initialisation.safetensors"
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtefactError, match=r"^[^']*is corrupted: its checksum differs[^']*$"):
        Initialisation.load(folder)


def test_a_changed_description_is_found_unless_it_has_no_checksum(folder):
    path = folder / "initialisation.json"
    path.write_text(path.read_text().replace('"seed": 3', '"seed": 4'))

    with pytest.raises(ArtefactError, match=r"initialisation.json is corrupted: its content"):
        Initialisation.load(folder)

    change(folder)
    assert Initialisation.load(folder).provenance["seed"] == 4


def test_tensors_cut_short_are_found(folder):
    path = folder / "initialisation.safetensors"
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(ArtefactError, match="is corrupted"):
        Initialisation.load(folder)


def test_tensors_that_are_missing_are_found(folder):
    (folder / "initialisation.safetensors").unlink()

    with pytest.raises(ArtefactError, match="no complete initialisation"):
        Initialisation.load(folder)


@pytest.mark.parametrize(
    "values", [{"learner": "grandmother"}, {"learner_config": {"n_knees": 2}}, {"learner": None}]
)
def test_an_unknown_learner_is_refused_when_loading(folder, values):
    change(folder, **values)

    with pytest.raises(ArtefactError, match="no complete initialisation"):
        Initialisation.load(folder)


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


def test_no_pickle_is_loaded_even_where_its_checksum_fits(folder):
    import hashlib

    content = pickle.dumps(Trap())
    (folder / "initialisation.safetensors").write_bytes(content)
    change(folder, sha256=hashlib.sha256(content).hexdigest())

    with pytest.raises(ArtefactError, match="no complete initialisation"):
        Initialisation.load(folder)


def test_where_nothing_can_be_written_nothing_is_left(tmp_path, initialisation):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(ArtefactError, match="Cannot write to .*Name a folder"):
        initialisation.save(tmp_path / "file" / "artefact")

    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("is_new", [False, True])
def test_a_full_disk_leaves_things_as_they_were(tmp_path, initialisation, monkeypatch, is_new):
    folder = tmp_path / "new" / "artefact" if is_new else tmp_path
    if not is_new:
        initialisation.save(folder)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(self, content):
        if self.name.startswith("initialisation.json"):
            raise OSError(28, "No space left on device")
        with open(self, "wb") as file:
            return file.write(content)

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(ArtefactError, match="No space left on device"):
        Initialisation(initialisation.params, "maml", initialisation.learner_config).save(folder)

    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path, initialisation):
    odd = Initialisation(initialisation.params, "maml", {}, {"tasks": {1, 2}})

    with pytest.raises(TypeError):
        odd.save(tmp_path)

    assert names(tmp_path) == []


def test_versions_are_json():
    found = json.loads(json.dumps(versions()))

    assert {"python", "torch", "numpy", "autometa"} <= set(found)
