"""The pipeline configuration: strict at the edge, a plain dataclass inside.

The fields of the original workflow are accepted unchanged; every other field has a default. Whatever cannot be
used is refused here, before anything runs, with the field and the way out.
"""

from netanomaly.config.checking import as_list, overridden, parse, unused_parameters
from netanomaly.config.document import override, read
from netanomaly.config.fields import PARAMETERS_SUFFIX, Config, CsvFormat, Deploy, Tracking, Tuning
from netanomaly.config.names import suggestion
from netanomaly.config.roles import wanted_columns

__all__ = [
    "PARAMETERS_SUFFIX",
    "Config",
    "CsvFormat",
    "Deploy",
    "Tracking",
    "Tuning",
    "as_list",
    "overridden",
    "override",
    "parse",
    "read",
    "suggestion",
    "unused_parameters",
    "wanted_columns",
]
