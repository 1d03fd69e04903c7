"""The inventory, read and held against the settings: for every command, and for the daemon at each reload."""

from __future__ import annotations

from camwatch.clock import wall_ms
from camwatch.errors import ConfigurationError
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.settings import Settings, check_against


def load(settings: Settings) -> Inventory:
    """Read the inventory and hold the settings against it.

    Raises ConfigurationError with every fault.
    """
    inventory = load_inventory(settings.fleet.path, settings.fleet.timezone, wall_ms())
    faults = check_against(settings, inventory)
    if faults:
        raise ConfigurationError(faults)
    return inventory
