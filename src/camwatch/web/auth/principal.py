"""Principals: role and visible operators. Cameras that a principal cannot see do not exist for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Viewers read, editors also correct the record and plan maintenance, admins may do everything."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Rank; a role includes all lower ones."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated account; `operators` are those whose cameras it can see, None for all."""

    name: str
    role: Role
    operators: frozenset[str] | None = None

    @property
    def can_see_all(self) -> bool:
        """Whether it can see all operators, and so camwatch's own faults."""
        return self.operators is None

    def can_see(self, operator: str) -> bool:
        """Return whether it can see an operator's cameras."""
        return self.operators is None or operator in self.operators

    def visible(self, operators: Iterable[str]) -> tuple[str, ...]:
        """Return the visible ones of these operators, in the same order."""
        return tuple(operator for operator in operators if self.can_see(operator))

    def has_role(self, role: Role) -> bool:
        """Return whether its role includes this one."""
        return self.role.rank >= role.rank


LOCAL_ADMIN = Principal("local", Role.ADMIN)
"""The principal of every request to a daemon without accounts, which serves loopback only."""
