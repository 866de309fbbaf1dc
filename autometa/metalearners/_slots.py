"""Labels for learners that give every class a slot of its own, drawn anew for each episode."""

import torch
from torch.nn import functional

from autometa.episodes import Episode
from autometa.exceptions import InvalidInputError
from autometa.metalearners._base import check_at_least
from autometa.networks import slots_of

#: Slots by default: as many classes as meta-training draws from tables, and the papers from images.
N_SLOTS_OF_TABLES, N_SLOTS_OF_ARRAYS = 60, 5


def count_slots(n_slots, backbone):
    """Return the number of slots asked for, or the default for what the network reads."""
    check_at_least(1, n_slots=n_slots)
    if n_slots is not None:
        return n_slots
    return N_SLOTS_OF_TABLES if backbone.reads_tables else N_SLOTS_OF_ARRAYS


def draw_slots(episodes, n_slots, generator):
    """Give every stacked episode a random order of slots, ``slots`` (n_episodes, n_slots)."""
    n_episodes, device = len(episodes.support["weight"]), episodes.support["weight"].device
    slots = torch.stack([torch.randperm(n_slots, generator=generator) for _ in range(n_episodes)])
    return Episode(
        {**episodes.support, "slots": slots.to(device)}, episodes.query, episodes.is_regression
    )


def encode_labels(support, n_slots, *, is_regression):
    """Write targets as inputs: one column a slot, and a last one for numbers.

    Returns
    -------
    Tensor of shape (n_support, n_slots + 1)
    """
    target = support["target"]
    if is_regression:
        return functional.pad(target, (n_slots, 0))
    return functional.pad(target @ _classes_to_slots(support, n_slots), (0, 1))


def encode_no_label(support, n_slots, *, is_regression):
    """Write that nothing is known of a label: equal shares of all classes; (n_slots + 1,)."""
    mask = support["class_mask"]
    if is_regression:
        return torch.zeros_like(mask).new_zeros(n_slots + 1)
    return functional.pad((mask / mask.sum()) @ _classes_to_slots(support, n_slots), (0, 1))


def read_slots(outputs, support, *, is_regression):
    """Pick from outputs (n_rows, n_slots + 1) the logits of an episode's classes, or the number."""
    if is_regression:
        return outputs[:, -1:]
    picked = outputs[:, :-1] @ _classes_to_slots(support, outputs.shape[1] - 1).T
    return picked + (support["class_mask"] - 1) * 1e9


def _classes_to_slots(support, n_slots):
    """One row a class with a 1 at its slot; (n_classes, n_slots)."""
    n_classes = support["target"].shape[1]
    if n_classes > n_slots:
        raise InvalidInputError(
            f"The episode has {n_classes} classes, the learner slots for {n_slots}. "
            f"Give it n_slots={n_classes}."
        )
    slots = slots_of(support, n_slots)[:n_classes]
    every = torch.arange(n_slots, device=slots.device)
    return (slots.unsqueeze(1) == every).to(support["target"])
