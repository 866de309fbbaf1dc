"""autometa as a system of TabArena."""
