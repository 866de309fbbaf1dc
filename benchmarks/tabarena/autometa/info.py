"""What TabArena's registry wants to know of the system."""

from tabarena.models._method_metadata import MethodMetadata
from tabarena.systems._system_info import SystemInfo

from .hpo import gen_autometa
from .system import AutoMetaSystemModel

#: Set to the day of the run whose results are handed in.
DATE = "2026-11-21"

autometa_method_metadata = MethodMetadata.system(
    method="autometa",
    name="autometa",
    suite=f"tabarena-{DATE}",
    compute="cpu",
    date=DATE,
    date_introduced="2026-11",
    license="Apache-2.0",
    commercial_use=True,
    tags=(),
    verified=False,
)

autometa_info = SystemInfo(
    system_cls=AutoMetaSystemModel,
    config_generator=gen_autometa,
    method_metadata=autometa_method_metadata,
    pip_extra=("autometa==0.1.0",),
)
