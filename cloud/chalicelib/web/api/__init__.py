"""The routes of `docs/api.md`, one module for each subject."""

from chalice.app import Blueprint

from chalicelib.ports import Ports
from chalicelib.web import companion, page, routing
from chalicelib.web.api import (
    audit,
    cameras,
    contract,
    health,
    limits,
    lists,
    measurements,
    overview,
    page_sessions,
    processing,
    push,
    sessions,
    shares,
    statistics,
    tokens,
    upload_passes,
    uploads,
)
from chalicelib.web.meter import CallMeter
from chalicelib.web.routing import DeviceSettings

SUBJECTS = (
    sessions,
    upload_passes,
    uploads,
    processing,
    measurements,
    cameras,
    lists,
    limits,
    overview,
    statistics,
    tokens,
    page_sessions,
    push,
    shares,
    audit,
    health,
    contract,
)

MODULES = (*SUBJECTS, companion, page)
"""All that have routes: those of the API, below `/v1`, of Companion, and of the page."""


def blueprints(ports: Ports, settings: DeviceSettings) -> list[Blueprint]:
    """Every route of MODULES, on `ports`."""
    meter = CallMeter()
    return [routing.blueprint(each.__name__, each.ROUTES, ports, settings, meter) for each in MODULES]
