"""Who asks: a signed-in person, a program with a key, or the local operator."""

import hashlib
from enum import StrEnum

from pydantic import Field

from offers.model import FrozenModel
from offers.policy.policy import Policy
from web.permissions import DECISIONS, Permission, may, roles_of


class Kind(StrEnum):
    """How it is known who asks."""

    PERSON = "person"
    """By the OpenID Connect provider, or by a key of that person's own."""
    PROGRAM = "program"
    """By a key."""
    LOCAL_OPERATOR = "local operator"
    """By the network alone: whoever can reach loopback."""


class Actor(FrozenModel):
    """Who asks."""

    kind: Kind
    name: str = Field(repr=False)
    """As the pages show it.  Of a person it is personal data."""
    email: str | None = Field(default=None, repr=False)
    """By which the policy names who holds a role.  Personal data.  None: nobody's."""
    scopes: frozenset[Permission] | None = None
    """What a key is for; None: there is no key."""

    @property
    def by(self) -> str | None:
        """As it goes on record with a change."""
        return self.email or (self.name if self.kind is Kind.PROGRAM else None)

    @property
    def reference(self) -> str:
        """Names the actor in logs, without anything personal."""
        if self.kind is Kind.PERSON and self.email:
            return f"person:{hashlib.sha256(self.email.casefold().encode()).hexdigest()[:12]}"
        return f"program:{self.name}" if self.kind is Kind.PROGRAM else str(self.kind)

    def may(self, permission: Permission, policy: Policy, owner_email: str | None = None) -> bool:
        """Whether the actor may do it; `owner_email`: of the opportunity's owner."""
        if self.scopes is not None and permission not in self.scopes:
            return False
        if self.kind is Kind.PROGRAM:
            return permission not in DECISIONS
        if self.kind is Kind.LOCAL_OPERATOR:
            return permission not in DECISIONS or self.email is not None
        return may(roles_of(self.email, policy, owner_email), permission)
