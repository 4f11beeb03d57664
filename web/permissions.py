"""Who may do what: one table for the pages and the HTTP API.

A person's roles come from the policy and from the opportunity.  Which exception somebody may
decide about is for the offer itself to say: it knows what role the exception needs.
"""

from collections.abc import Iterable
from enum import StrEnum

from offers.policy.policy import FINANCE, OPERATIONS, Policy
from offers.terms.contacts import Owner, is_address_of


class Role(StrEnum):
    """What somebody is to an offer."""

    VIEWER = "viewer"
    """Everybody who has signed in."""
    OWNER = "owner"
    """Owns the opportunity."""
    APPROVER = "approver"
    """Holds a role in the policy, other than finance and operations."""
    FINANCE = "finance"
    OPERATIONS = "operations"


class Permission(StrEnum):
    """What can be done.  The values are the scopes of the keys of programs, too."""

    VIEW = "view"
    PREFLIGHT = "preflight"
    CREATE = "create"
    REVISE = "revise"
    AMEND = "amend"
    EXTEND = "extend"
    CANCEL = "cancel"
    REQUEST_CANCELLATION = "request-cancellation"
    LINK_OFFER = "link-offer"
    RESEND = "resend"
    RESUME = "resume"
    RESUME_ALL = "resume-all"
    """Of all offers that wait for the same."""
    APPROVE = "approve"
    DECLINE = "decline"
    REFUND = "refund"
    """Ask for a refund, which finance approves."""


CHANGES = frozenset({Role.OWNER, Role.APPROVER, Role.OPERATIONS})

ALLOWED: dict[Permission, frozenset[Role]] = {
    Permission.VIEW: frozenset(Role),
    Permission.PREFLIGHT: frozenset(Role),
    Permission.CREATE: CHANGES,
    Permission.REVISE: CHANGES,
    Permission.AMEND: CHANGES,
    Permission.EXTEND: CHANGES,
    Permission.CANCEL: CHANGES,
    Permission.REQUEST_CANCELLATION: CHANGES | {Role.FINANCE},
    Permission.LINK_OFFER: CHANGES,
    Permission.RESEND: CHANGES,
    Permission.RESUME: frozenset({Role.OWNER, Role.OPERATIONS}),
    Permission.RESUME_ALL: frozenset({Role.OPERATIONS}),
    Permission.APPROVE: frozenset({Role.APPROVER, Role.FINANCE}),
    Permission.DECLINE: frozenset({Role.APPROVER, Role.FINANCE}),
    Permission.REFUND: frozenset({Role.FINANCE, Role.OPERATIONS}),
}
"""Whoever has one of the roles may do it."""

DECISIONS = frozenset({Permission.APPROVE, Permission.DECLINE})
"""What only a person does: no program decides."""


def roles_of(email: str | None, policy: Policy, owner_email: str | None = None) -> frozenset[Role]:
    """A signed-in person's roles; `owner_email`: of the opportunity's owner, if it is about one."""
    roles = {Role.VIEWER}
    if email is None:
        return frozenset(roles)
    if owner_email is not None and is_address_of(email, [owner_email]):
        roles.add(Role.OWNER)
    for name in policy.roles:
        if policy.has_role(email, name):
            roles.add({FINANCE: Role.FINANCE, OPERATIONS: Role.OPERATIONS}.get(name, Role.APPROVER))
    return frozenset(roles)


OWNER_TERMS = frozenset(Owner.model_fields)
"""Terms that say whose the offer is."""


def moves_ownership(terms: Iterable[str]) -> bool:
    """Whether given terms would make somebody the owner: owning it does not count for them then."""
    return not OWNER_TERMS.isdisjoint(terms)


def may(roles: Iterable[Role], permission: Permission) -> bool:
    """Whether one of the roles allows it."""
    return not ALLOWED[permission].isdisjoint(roles)


def why_not(permission: Permission) -> str:
    """Who may do it, for somebody who may not."""
    allowed = sorted(ALLOWED[permission] - {Role.VIEWER})
    return f"only {' or '.join(allowed)} may do this"
