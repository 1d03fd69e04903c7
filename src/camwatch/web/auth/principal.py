"""Who looks, and what is theirs to see. What someone may not see does not exist for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What someone may do: look; correct the record and plan maintenance; all that is to come."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """The place among the roles: each may do what those before it may."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who was let in. `operators` are those whose cameras they see; None: all."""

    name: str
    role: Role
    operators: frozenset[str] | None = None

    @property
    def can_see_all(self) -> bool:
        """Whether every operator's cameras are theirs to see, and so camwatch's own troubles, too."""
        return self.operators is None

    def can_see(self, operator: str) -> bool:
        """Tell whether an operator's cameras are theirs to see."""
        return self.operators is None or operator in self.operators

    def visible(self, operators: Iterable[str]) -> tuple[str, ...]:
        """Return those operators that they see, in the same order."""
        return tuple(operator for operator in operators if self.can_see(operator))

    def has_role(self, role: Role) -> bool:
        """Tell whether they may do what a role may."""
        return self.role.rank >= role.rank


LOCAL_ADMIN = Principal("local", Role.ADMIN)
"""Whoever reaches a daemon without accounts: it listens on loopback only."""
