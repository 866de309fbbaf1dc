"""Which configurations of autometa TabArena runs: the defaults."""

from tabarena.utils.config_utils import SystemConfigGenerator

from .system import AutoMetaSystemModel

gen_autometa = SystemConfigGenerator(
    model_cls=AutoMetaSystemModel, name="autometa", manual_configs=[{}]
)
