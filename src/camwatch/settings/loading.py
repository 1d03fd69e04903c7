"""Loads the inventory and checks the settings against it, for every command and at each reload."""

from __future__ import annotations

from camwatch.clock import wall_ms
from camwatch.errors import ConfigError
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.settings import Settings, validate_against_inventory


def load(settings: Settings) -> Inventory:
    """Return the inventory, checked together with the settings. Raises ConfigError with every fault."""
    inventory = load_inventory(settings.fleet.path, settings.fleet.timezone, wall_ms())
    faults = validate_against_inventory(settings, inventory)
    if faults:
        raise ConfigError(faults)
    return inventory
