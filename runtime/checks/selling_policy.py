"""The policy: who holds the roles, and whether their addresses are the company's."""

from email.utils import parseaddr

from activities.webhooks.secrets import Secrets
from offers.policy.policy import FINANCE, OPERATIONS, Policy
from offers.terms.contacts import domain_of
from runtime.checks.items import Check, CheckedItem, Result, ok, run_checks, wrong
from runtime.settings import InvalidSettings, WorkerSettings, confirmation_links

SYSTEM = "Policy"


async def check_policy(settings: WorkerSettings) -> list[CheckedItem]:
    def roles() -> list[Result]:
        return _roles(settings.policy())

    def domains() -> list[Result]:
        return _domains(settings.policy(), parseaddr(settings.mail_from)[1])

    def confirmation() -> list[Result]:
        return _confirmation(settings)

    def webhooks() -> list[Result]:
        return _webhooks(settings.policy(), settings.webhook_secrets)

    return await run_checks(
        [
            Check(SYSTEM, "roles", roles),
            Check(SYSTEM, "domains", domains),
            Check(SYSTEM, "account confirmation", confirmation),
            Check(SYSTEM, "webhooks", webhooks),
        ]
    )


def _confirmation(settings: WorkerSettings) -> list[Result]:
    asks = settings.policy().confirm_account
    try:
        confirmation_links(settings)
    except InvalidSettings as error:
        problem, _, remedy = str(error).partition(": ")
        return [wrong(problem, remedy[:1].upper() + remedy[1:])]
    if not asks.is_on:
        return [ok("buyers are not asked (confirm_account)")]
    return [ok(asks.action)]


def _roles(policy: Policy) -> list[Result]:
    results = []
    for role in sorted(policy.rules.roles() | {FINANCE, OPERATIONS} | set(policy.roles)):
        item = f"role {role}"
        if holders := policy.roles.get(role):
            results.append(ok(", ".join(holders), item))
        else:
            remedy = f'Name who does under [roles]: {role} = ["someone@example.com"]'
            results.append(wrong("nobody holds it, so nobody gets its mails", remedy, item))
    return results


def _webhooks(policy: Policy, secrets: Secrets) -> list[Result]:
    """Nothing is sent: that would be an event for the receiver."""
    results = []
    for each in policy.webhooks.endpoints:
        item = f"webhook {each.name}"
        if each.name in secrets:
            results.append(ok(each.host, item))
        else:
            remedy = f"Add {each.name}:whsec_… to OFFERS_WEBHOOK_SECRETS"
            results.append(wrong("it has no secret, so the worker does not start", remedy, item))
    return results


def _domains(policy: Policy, sender: str) -> list[Result]:
    if not policy.domains:
        remedy = "Name the domains of the company's mail addresses under domains"
        return [wrong("none are named: those of the people in [roles] are taken", remedy)]
    addresses = {each for holders in policy.roles.values() for each in holders} | {sender}
    foreign = sorted(each for each in addresses if not policy.is_own_address(each))
    if foreign:
        named = ", ".join(sorted({domain_of(each) for each in foreign}))
        remedy = f"Correct the addresses, or add to domains: {named}"
        shown = [f"{each} (MAIL_FROM)" if each == sender else each for each in foreign]
        return [wrong(f"not the company's own: {', '.join(shown)}", remedy)]
    return [ok(", ".join(policy.domains))]
