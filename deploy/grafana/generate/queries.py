"""Prometheus queries that more than one panel uses.

What deploy/prometheus/rules records takes a pair of daemons as one; a query of a raw metric does so
with a `max` without the instance. A query that looks at every camera yields a few numbers, or the
first few cameras: never a series per camera of the fleet.
"""

from __future__ import annotations

from deploy.grafana.generate.palette import CODES

IN_SERVICE = ("down", "unknown", "maintenance", "up")

CODE = "camera:camwatch_camera_status:code"
INFO = "camera:camwatch_camera_info:any"
PLACES = "site:camwatch_site_info:any"


def cameras(status: str, chosen: str = "") -> str:
    """Return the number of cameras with a status; `chosen` are more matchers, such as an operator's."""
    return f"sum(operator:camwatch_camera_status:count{{{_and(chosen, status=status)}}})"


def is_now(status: str, chosen: str = "", at: str = "") -> str:
    """Return the cameras that have this status."""
    return f"{CODE}{{{chosen}}}{at} == {CODES[status]}"


def since(status: str, chosen: str = "", at: str = "") -> str:
    """Return the start (Unix time) of the status of each camera that has it."""
    begun = f"max without (instance) (camwatch_camera_status_since_timestamp_seconds{{{chosen}}}{at})"
    return f"{begun} and on (job, camera) {is_now(status, chosen, at)}"


def named(cameras: str) -> str:
    """Return the cameras with their name, zone and purpose."""
    return f"({cameras}) * on (job, camera) group_left (name, zone, purpose) {INFO}"


def timeline_of_unwell(most: int, chosen: str = "") -> str:
    """Return the numeric status over the range of `most` cameras down or unknown at its end, the newest."""
    at = " @ end()"
    newest = f"topk({most}, ({since('down', chosen, at)}) or ({since('unknown', chosen, at)}))"
    return f"{CODE}{{{chosen}}} and on (job, camera) {newest}"


def at_sites(*statuses: str) -> str:
    """Return the number of cameras of each site with one of these statuses; a site with none has no row."""
    codes = "|".join(str(CODES[status]) for status in statuses)
    return f'sum by (job, site) (site:camwatch_camera_status:count_values{{code=~"{codes}"}})'


def counted_at_sites(*statuses: str) -> str:
    """Return the same, 0 for a site with none: each site with a camera in service or planned has a row."""
    return f"{at_sites(*statuses)} or 0 * {at_sites('planned', *IN_SERVICE)}"


def marks_of_sites() -> str:
    """Return the mark of each site: the number of cameras that are down, or if none, why it is not all up.

    The latter is the number of a status below zero: unknown if any camera is, since it may be
    down; maintenance or planned if no camera is up. A site where all is well has no row.
    """

    def instead(status: str) -> str:
        return f"-{CODES[status]} * ({at_sites(status)} > bool 0)"

    idle = f"({instead('maintenance')} or {instead('planned')}) unless {at_sites('up')}"
    return f"{at_sites('down')} or {instead('unknown')} or ({idle})"


def placed(sites: str) -> str:
    """Return sites with their name, zone and coordinates; those without coordinates drop out."""
    labels = "name, zone, latitude, longitude"
    return f"max by (site, {labels}) (({sites}) * on (job, site) group_left ({labels}) {PLACES})"


def availability(window: str, chosen: str = "") -> str:
    """Return the availability of each operator over a rolling or calendar window."""
    return _ratio("availability", window, chosen)


def coverage(window: str, chosen: str = "") -> str:
    """Return the coverage of each operator over a window."""
    return _ratio("coverage", window, chosen)


def objective(chosen: str = "") -> str:
    """Return the objective of each operator."""
    return f"max by (operator) (camwatch_operator_objective_ratio{{{chosen}}})"


def budget_left(window: str, chosen: str = "") -> str:
    """Return the share of the error budget that is left: 1 untouched, 0 used up, below 0 exceeded (A7)."""
    return f"1 - (1 - {availability(window, chosen)}) / (1 - {objective(chosen)})"


def fleet_availability(window: str) -> str:
    """Return the availability of all cameras: sums of time divided (A4), from recorded rates."""
    seconds = "operator:camwatch_camera_status_seconds:rate5m"
    up = f'sum(sum_over_time({seconds}{{status="up"}}[{window}]))'
    return f"{up} / sum(sum_over_time({seconds}[{window}]))"


def quantile(share: float, histogram: str, chosen: str = "", by: str = "") -> str:
    """Return a quantile of a histogram over the last few minutes."""
    labels = ", ".join(filter(None, ("le", by)))
    rates = f"rate({histogram}_bucket{{{chosen}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by ({labels}) ({rates}))"


def _ratio(name: str, window: str, chosen: str) -> str:
    return f"max by (operator) (camwatch_operator_{name}_ratio{{{_and(chosen, window=window)}}})"


def _and(chosen: str, **labels: str) -> str:
    return ", ".join([*(f'{name}="{value}"' for name, value in labels.items()), *filter(None, [chosen])])
