"""What a reader of a mail can do next, as command lines to copy."""

from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.attentions import AttentionCode, Vendor

PROGRAM = "offerflow"

COMMANDS = {
    ActionKind.SHOW: "show {offer}",
    ActionKind.SHOW_PAYOUTS: "payouts --offer {offer}",
    ActionKind.AMEND: "amend {offer} NAME=VALUE",
    ActionKind.EXTEND: "extend {offer} --until YYYY-MM-DD",
    ActionKind.CANCEL: "cancel {offer}",
    ActionKind.RESEND: "resend {offer}",
    ActionKind.LINK_OFFER: "link-offer {offer} --offer-id offer-…",
    ActionKind.APPROVE: "approve {offer} --finding {finding} --by your@address",
    ActionKind.DECLINE: 'decline {offer} --finding {finding} --by your@address --reason "…"',
}
"""Of the actions that mails name."""

LIST_OFFERS = f"{PROGRAM} list"
LIST_RENEWALS = f"{PROGRAM} renewals"
LIST_SCHEDULES = f"{PROGRAM} schedules list"
SHOW_ALL_PAYOUTS = f"{PROGRAM} payouts"


def command_line(action: Action) -> str:
    """The command that does it; what only the reader knows is to be filled in."""
    rest = COMMANDS[action.kind].format(offer=action.offer, finding=action.finding)
    return f"{PROGRAM} {rest}"


def resume_all(code: AttentionCode, vendor: Vendor) -> str:
    """The command that resumes all offers which a vendor holds up."""
    return f"{PROGRAM} resume --all --attention {code} --vendor {vendor}"


def is_command(text: str) -> bool:
    """Whether a line of a mail is a command, which must stay on one line."""
    return text.startswith(f"{PROGRAM} ")
