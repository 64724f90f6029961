"""From a template and its values to one self-contained page."""

from functools import cache

import jinja2

from netanomaly import output
from netanomaly.report import words


def render(template: str, **values: object) -> str:
    """Fill a template of this package. Whatever comes from a document is escaped; a value left out is an error."""
    return output.visible_lines(_environment().get_template(template).render(**values))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("netanomaly.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        budget=words.budget,
        clip=words.clip,
        decimal=words.decimal,
        ends=words.interval,
        integer=words.integer,
        percent=words.percent,
        value=words.value,
    )
    return environment
