"""The customer can't see the offer: what may be the cause."""

from collections.abc import Iterator

from offers.agreements.agreement import AgreementStatus
from offers.clock import end_of_day, start_of_day
from offers.diagnosis.cause import Cause, Facts, Question
from offers.diagnosis.sentences import (
    BUYER_PERMISSION,
    CREATION_REMEDY,
    NOT_IN_CLAZAR,
    PRIVATE_OFFERS_PAGE,
)
from offers.diagnosis.snapshot import Snapshot, System
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.summary import NOT_HOLDING
from offers.stage import Stage
from offers.text import day_text, duration_text, instant_text

HANDBOOK = "Handbook, Common issues: customer can't see the offer"
FAQ = "AWS: userguide/private-offer-faq"
OFFERS = "AWS: developerguide/work-with-private-offers"
AMENDMENTS = "AWS: userguide/private-offers-upgrades-and-renewals"
BUYER_GUIDE = "AWS: buyerguide, private offers"

BEING_CREATED = frozenset({Stage.SUBMITTED, Stage.GENERATING})
HOLDING = frozenset({Stage.DRAFT, Stage.FAILED, Stage.LIVE}) | BEING_CREATED


# Nobody can see it yet ----------------------------------------------------------------------------


def _needs_a_person(s: Snapshot) -> Iterator[Facts]:
    if s.stage in HOLDING and not s.is_accepted:
        for each in s.summary.progress.attentions:
            if each.code not in NOT_HOLDING:
                yield {
                    "problem": each.problem,
                    "remedy": each.remedy,
                    "code": each.code,
                    "since": instant_text(each.since),
                }


def _draft(s: Snapshot) -> Iterator[Facts]:
    if s.stage is Stage.DRAFT and not s.is_accepted:
        yield _stage(s)


def _rejected(s: Snapshot) -> Iterator[Facts]:
    if s.stage is Stage.FAILED and not s.is_accepted:
        yield _stage(s)


def _being_created(s: Snapshot) -> Iterator[Facts]:
    if s.stage in BEING_CREATED and not s.is_accepted and not any(_needs_a_person(s)):
        since = s.summary.progress.since
        yield _stage(s) | {"for": duration_text(s.now - since) if since else "some time"}


def _not_released(s: Snapshot) -> Iterator[Facts]:
    if s.offer and not s.offer.released and s.stage not in HOLDING:
        yield {}


def _not_in_aws(s: Snapshot) -> Iterator[Facts]:
    if System.CATALOG in s.answered and s.offer_id and s.offer is None:
        yield {}


def _not_sent(s: Snapshot) -> Iterator[Facts]:
    if s.stage is Stage.LIVE and not s.is_accepted:
        yield _stage(s)


def _stage(s: Snapshot) -> Facts:
    since = s.summary.progress.since
    return {"stage": s.stage.value, "since": instant_text(since) if since else "its start"}


# It is not open any more --------------------------------------------------------------------------


def _replaced(s: Snapshot) -> Iterator[Facts]:
    agreement = s.agreement
    if s.stage is Stage.REPLACED or (agreement and agreement.status is AgreementStatus.REPLACED):
        by = s.record.replaced_by if s.record else None
        yield {
            "agreement": _agreement_id(s),
            "by": f"by {by}" if by else "by a newer one",
        }


def _accepted(s: Snapshot) -> Iterator[Facts]:
    found = [each for each in s.agreements if each.is_acceptance]
    if not found and s.agreement:
        found = [s.agreement]
    for each in found:
        yield {
            "account": f"Account {each.buyer_account}",
            "at": instant_text(each.accepted_at),
            "agreement": each.agreement_id,
            "status": f" ({each.status})",
        }
    if not found and s.accepted_at:
        yield {
            "account": "The buyer",
            "at": instant_text(s.accepted_at),
            "agreement": _agreement_id(s),
            "status": "",
        }


def _agreement_id(s: Snapshot) -> str:
    known = s.agreement.agreement_id if s.agreement else s.summary.progress.agreement_id
    return known or "its agreement"


def _amended_agreement_ended(s: Snapshot) -> Iterator[Facts]:
    if s.amended and s.amended.status is not AgreementStatus.ACTIVE and not s.is_accepted:
        yield {"agreement": s.amended.agreement_id, "status": s.amended.status}


def _withdrawn(s: Snapshot) -> Iterator[Facts]:
    if s.stage is Stage.CANCELLED and not s.is_accepted:
        reason = s.record.cancel_reason if s.record else None
        yield _stage(s) | {"reason": f" Reason: {reason}." if reason else ""}


def _withdrawn_elsewhere(s: Snapshot) -> Iterator[Facts]:
    asked, shown = s.summary.deal.last_day, s.offer.availability_end if s.offer else None
    if s.is_accepted or s.stage not in (Stage.LIVE, Stage.SHARED) or not (asked and shown):
        return
    if shown < asked and end_of_day(shown) < s.now:
        yield {"shown": day_text(shown), "asked": day_text(asked)}


def _expired(s: Snapshot) -> bool:
    over = s.stage is Stage.EXPIRED or s.stage in (Stage.LIVE, Stage.SHARED)
    return over and s.is_over and not s.is_accepted and not any(_withdrawn_elsewhere(s))


def _last_day(s: Snapshot) -> Facts:
    says = "AWS" if s.offer and s.offer.availability_end else "Temporal"
    return {"last_day": day_text(s.last_day) if s.last_day else "not known", "says": says}


def _expired_extendable(s: Snapshot) -> Iterator[Facts]:
    if _expired(s) and (until := s.extendable_until):
        yield _last_day(s) | {"until": instant_text(until)}


def _expired_not_extendable(s: Snapshot) -> Iterator[Facts]:
    if _expired(s) and s.is_followed and s.extendable_until is None:
        why = s.why_not_extendable or "the time in which it could be is over, or not known"
        yield _last_day(s) | {"why": why}


def _expired_and_closed(s: Snapshot) -> Iterator[Facts]:
    if _expired(s) and not s.is_followed:
        yield _last_day(s)


# The account --------------------------------------------------------------------------------------


def _other_account_in_offer(s: Snapshot) -> Iterator[Facts]:
    asked = s.record.terms.buyer_accounts if s.record and s.record.terms else ()
    shown = s.offer.buyer_accounts if s.offer else ()
    if asked and shown and set(asked) != set(shown) and not s.is_accepted:
        yield {"asked": _and(asked), "shown": _and(shown)}


def _bought_before(s: Snapshot) -> str | None:
    """An agreement of the account that is signed in."""
    theirs = [each for each in s.held if each.account_id == s.signed_in_account]
    return theirs[0].agreement_id if theirs else None


def _account_of_customer(s: Snapshot) -> Iterator[Facts]:
    if s.is_signed_in_elsewhere and not s.is_amendment and (held := _bought_before(s)):
        yield _accounts(s) | {"agreement": held}


def _signed_in_elsewhere(s: Snapshot) -> Iterator[Facts]:
    if s.is_signed_in_elsewhere and not s.is_amendment and not _bought_before(s):
        yield _accounts(s)


def _amendment_for_account(s: Snapshot) -> Iterator[Facts]:
    if s.is_signed_in_elsewhere and s.is_amendment:
        yield _accounts(s)


def _accounts(s: Snapshot) -> Facts:
    return {"signed_in": s.signed_in_account or "", "accounts": _and(s.accounts)}


def _and(texts: tuple[str, ...]) -> str:
    return " or ".join(texts)


# It is open, but something is in the way ----------------------------------------------------------


def _agreement_in_the_way(s: Snapshot) -> Iterator[Facts]:
    if s.is_accepted or s.stage.is_end or s.is_amendment:
        return
    starts_on = s.record.terms.starts_on if s.record and s.record.terms else None
    for each in s.held:
        follows = starts_on and each.ends_at and each.ends_at <= start_of_day(starts_on)
        if each.active and each.account_id in s.accounts and not follows:
            ends = f", until {day_text(each.ends_at)}" if each.ends_at else ""
            yield {"account": each.account_id, "agreement": each.agreement_id, "ends": ends}


def _not_in_clazar(s: Snapshot) -> Iterator[Facts]:
    released = s.offer is not None and s.offer.released
    if System.CLAZAR in s.answered and released and s.in_clazar is None:
        yield {}


def _linked_elsewhere(s: Snapshot) -> Iterator[Facts]:
    opportunity = s.summary.deal.path.partition("/")[0]
    linked = s.in_clazar.linked_to if s.in_clazar else None
    if linked and linked != opportunity:
        yield {"linked": linked, "opportunity": opportunity}


# What only the buyer can see ----------------------------------------------------------------------


def _account_not_known(s: Snapshot) -> Iterator[Facts]:
    if s.is_acceptable and s.signed_in_account is None and s.accounts:
        yield {"accounts": _and(s.accounts)}


def _earlier_link(s: Snapshot) -> Iterator[Facts]:
    for each in s.record.previous_revisions if s.record else ():
        if each.offer_id and each.buyer_notified and s.is_acceptable:
            yield {"earlier": each.offer_id, "ended": day_text(each.ended_at)}


def _other_open_offers(s: Snapshot) -> Iterator[Facts]:
    others = [each.offer_id for each in s.open_offers if each.offer_id != s.offer_id]
    if others and s.is_acceptable:
        yield {"others": ", ".join(others)}


def _open(s: Snapshot) -> Iterator[Facts]:
    if s.is_acceptable:
        yield {"accounts": _and(s.accounts) or "the account it is for"}


def _open_amendment(s: Snapshot) -> Iterator[Facts]:
    if s.is_acceptable and s.is_amendment:
        yield {}


NOT_SEEN = Question.NOT_SEEN
CAUSES: tuple[Cause, ...] = (
    Cause(
        "held-up",
        NOT_SEEN,
        _needs_a_person,
        "The offer waits for a person: {problem}.",
        "Attention {code}, since {since}.",
        "{remedy}",
        "Attentions: docs/runbook.md",
        "We are still preparing your private offer. You get a mail with the link as soon as it is"
        " ready.",
        actions={ActionKind.SHOW: {}},
    ),
    Cause(
        "not-created",
        NOT_SEEN,
        _draft,
        "The offer has not been created in AWS yet.",
        "It is in the stage {stage} since {since}.",
        "Finish the draft: what it waits for is shown with the offer",
        "docs/lifecycle.md",
        "We are still preparing your private offer. You get a mail with the link as soon as it is"
        " ready.",
        actions={ActionKind.SHOW: {}},
    ),
    Cause(
        "rejected",
        NOT_SEEN,
        _rejected,
        "AWS did not take the offer, or it was withdrawn at once.",
        "It is in the stage {stage} since {since}.",
        "Correct what the findings name",
        "docs/lifecycle.md",
        "Your private offer has to be created once more. You get a mail with the link as soon as"
        " it is ready.",
        actions={ActionKind.SHOW: {}, ActionKind.REVISE: {}},
    ),
    Cause(
        "being-created",
        NOT_SEEN,
        _being_created,
        "AWS is still creating the offer, for {for}. Usual are about 45 minutes, once in a while"
        " hours.",
        "It is in the stage {stage} since {since}.",
        CREATION_REMEDY,
        f"{HANDBOOK.partition(',')[0]}: takes about 45 minutes; {FAQ}: up to an hour",
        "AWS is still creating your private offer, which usually takes about 45 minutes. You get a"
        " mail with the link as soon as it can be accepted.",
    ),
    Cause(
        "not-released",
        NOT_SEEN,
        _not_released,
        "The offer exists in AWS, but it is a draft there, which no buyer sees.",
        "AWS shows {offer} with the state Draft.",
        "Look at the offer in AWS's portal, and release it there or create it again",
        OFFERS,
        "Your private offer is not released yet. You get a mail with the link as soon as it is.",
    ),
    Cause(
        "not-in-aws",
        NOT_SEEN,
        _not_in_aws,
        "AWS does not know the offer.",
        "AWS answers that there is no {offer}.",
        "See whether these credentials are of the seller account in which it was created",
        OFFERS,
    ),
    Cause(
        "not-sent",
        NOT_SEEN,
        _not_sent,
        "The offer can be accepted, but the mail to the buyer has not been sent.",
        "It is in the stage {stage} since {since}.",
        "Look at what the mail waits for",
        "docs/lifecycle.md",
        f"Your private offer is ready: please open {PRIVATE_OFFERS_PAGE} in your AWS account. The"
        " offer has the id {offer}.",
        actions={ActionKind.SHOW: {}},
    ),
    Cause(
        "replaced",
        NOT_SEEN,
        _replaced,
        "The offer was accepted, and its agreement has been replaced {by}.",
        "Agreement {agreement} is replaced.",
        "Look at the amendment that replaced it; the earlier offer cannot be accepted again",
        AMENDMENTS,
        "The agreement of this offer has been replaced by a newer one, so the earlier offer is no"
        " longer open. Please look at your current agreement in AWS Marketplace under Manage"
        " subscriptions.",
        actions={ActionKind.SHOW: {}},
    ),
    Cause(
        "accepted-already",
        NOT_SEEN,
        _accepted,
        "{account} accepted the offer on {at}, so it is no longer among the available ones.",
        "Agreement {agreement}{status}. The offer itself does not change when it is accepted.",
        "Nothing is to be done; only an amendment can change the agreement",
        f"{OFFERS}; {FAQ}",
        "The offer {offer} was accepted on {at}. You find it in AWS Marketplace under Private"
        " offers, on the tab Accepted and expired offers.",
    ),
    Cause(
        "account-in-offer-differs",
        NOT_SEEN,
        _other_account_in_offer,
        "The offer in AWS is for another account ({shown}) than was asked for ({asked}).",
        "AWS shows {offer} for {shown}; the deal has {asked}.",
        "Have it created again for the right account: the buyer of a released offer cannot be"
        " changed, so it is withdrawn first",
        f"{HANDBOOK}; {OFFERS}: UpdateTargeting",
        "The offer was made for another AWS account than yours. We send you a new one; please do"
        " not accept {offer}.",
        actions={ActionKind.RECREATE: {}},
    ),
    Cause(
        "account-of-customer",
        NOT_SEEN,
        _account_of_customer,
        "The buyer is signed in to account {signed_in}, which has bought from us before, and the"
        " offer is for {accounts}: the account in the offer is probably wrong.",
        "AWS shows agreement {agreement} for {signed_in}.",
        "Ask which account is to buy. If it is {signed_in}, have the offer created again for it:"
        " the buyer of a released offer cannot be changed, so it is withdrawn first",
        f"{HANDBOOK}; {OFFERS}: UpdateTargeting",
        "The offer {offer} is for the AWS account {accounts}, and you are signed in to"
        " {signed_in}. Which of the two is to buy? If it is {signed_in}, we send you a new offer"
        " for it; otherwise please sign in to {accounts} and open the link again.",
        actions={ActionKind.AMEND: {"buyer_accounts": "{signed_in}"}},
    ),
    Cause(
        "signed-in-elsewhere",
        NOT_SEEN,
        _signed_in_elsewhere,
        "The buyer is signed in to account {signed_in}, and the offer is for {accounts}: AWS shows"
        " them a page not found (404).",
        "Only the accounts in the offer see it: {accounts}.",
        "Have the buyer sign in to {accounts}. If {signed_in} is the right one, have the offer"
        " created again for it",
        f"{HANDBOOK}; {FAQ}",
        "The offer {offer} can be seen only in the AWS account {accounts}, and you are signed in"
        " to {signed_in}. Please sign in to {accounts} and open the link again. If {signed_in} is"
        " the account that is to buy, tell us, and we send you a new offer.",
        actions={ActionKind.AMEND: {"buyer_accounts": "{signed_in}"}},
    ),
    Cause(
        "amendment-for-account",
        NOT_SEEN,
        _amendment_for_account,
        "The buyer is signed in to account {signed_in}, and an amendment can be seen only in the"
        " account of its agreement, {accounts}.",
        "An agreement-based offer takes its buyer from the agreement.",
        "Have the buyer sign in to {accounts}: an amendment cannot be made for another account",
        AMENDMENTS,
        "The offer {offer} changes the agreement of your AWS account {accounts}, and can be seen"
        " only there. Please sign in to that account and open the link again.",
    ),
    Cause(
        "amended-agreement-ended",
        NOT_SEEN,
        _amended_agreement_ended,
        "The amendment cannot be accepted: the agreement that it changes is {status}.",
        "AWS shows agreement {agreement} as {status}.",
        "Make a new offer for the customer; an ended agreement cannot be changed",
        AMENDMENTS,
        "The agreement that this offer changes has ended, so it cannot be accepted any more. We"
        " send you a new offer.",
        actions={ActionKind.CANCEL: {}},
    ),
    Cause(
        "withdrawn",
        NOT_SEEN,
        _withdrawn,
        "The offer was withdrawn on our side.{reason}",
        "It is in the stage {stage} since {since}.",
        "If the customer still wants it, have it created again",
        f"{OFFERS}: a last day in the past",
        "We have withdrawn the offer {offer}. If you would still like to buy, tell us, and we send"
        " you a new one.",
        actions={ActionKind.RECREATE: {}, ActionKind.START_AGAIN: {}},
    ),
    Cause(
        "withdrawn-in-aws",
        NOT_SEEN,
        _withdrawn_elsewhere,
        "Somebody has withdrawn the offer in AWS or Clazar: its last day there is over.",
        "AWS shows {shown} as its last day, and it was asked with {asked}.",
        "Ask who changed it; extend it or have it created again if the customer still wants it",
        f"{OFFERS}: a last day in the past",
        "The offer {offer} is no longer open. If you would still like to buy, tell us, and we open"
        " it again.",
        actions={ActionKind.RECREATE: {}},
    ),
    Cause(
        "expired",
        NOT_SEEN,
        _expired_extendable,
        "The offer has expired on {last_day} (UTC). It can still be extended, until {until}.",
        "{says} shows {last_day} as the last day, and there is no agreement.",
        "Give the buyer more time: the link stays the same",
        f"{HANDBOOK}; {OFFERS}: UpdateAvailability",
        "The offer {offer} has expired on {last_day} (UTC). We give you more time: the same link"
        " works again as soon as we write to you.",
        actions={ActionKind.EXTEND: {"availability_end": ""}},
    ),
    Cause(
        "expired-not-extendable",
        NOT_SEEN,
        _expired_not_extendable,
        "The offer has expired on {last_day} (UTC), and cannot be extended: {why}.",
        "{says} shows {last_day} as the last day, and there is no agreement.",
        "Have it created again: the customer gets a new link",
        f"{HANDBOOK}; {OFFERS}: UpdateAvailability, UpdatePaymentScheduleTerms",
        "The offer {offer} has expired on {last_day} (UTC). We send you a new one.",
        actions={ActionKind.RECREATE: {}},
    ),
    Cause(
        "expired-and-closed",
        NOT_SEEN,
        _expired_and_closed,
        "The offer has expired on {last_day} (UTC), and is not followed any more.",
        "{says} shows {last_day} as the last day, and the offer's workflow has ended.",
        "Start a new offer: the customer gets a new link",
        "docs/lifecycle.md",
        "The offer {offer} has expired on {last_day} (UTC). We send you a new one.",
        actions={ActionKind.START_AGAIN: {}},
    ),
    Cause(
        "agreement-in-the-way",
        NOT_SEEN,
        _agreement_in_the_way,
        "Account {account} has an active agreement for the product already: AWS may refuse a second"
        " one (“You already have an active contract”).",
        "AWS shows agreement {agreement} as active{ends}.",
        "Amend that agreement instead, sell to another account, or let the new contract start"
        " after its end. Products with concurrent agreements allow several",
        f"{FAQ}; {BUYER_GUIDE}",
        "Your AWS account {account} already has an active agreement for our product ({agreement})."
        " AWS may refuse a second one. We send you an offer that changes the present agreement"
        " instead, or one for another account; please tell us which you prefer.",
    ),
    Cause(
        "not-in-clazar",
        NOT_SEEN,
        _not_in_clazar,
        f"{NOT_IN_CLAZAR} yet, so Clazar's part of the opportunity page is empty. The buyer is not"
        " concerned.",
        "AWS shows {offer} as released; Clazar does not list it.",
        "Wait for Clazar to read it from AWS; ask Clazar if it takes longer than two days",
        "docs/runbook.md, vendor-unresponsive",
    ),
    Cause(
        "linked-elsewhere",
        NOT_SEEN,
        _linked_elsewhere,
        "Clazar shows the offer at another Salesforce record. The buyer is not concerned.",
        "In Clazar {offer} is linked to {linked}, and belongs to {opportunity}.",
        "Find out who linked it; the workflow links it to its opportunity when Clazar reports a"
        " change",
        "Clazar: external_object_associations",
    ),
    Cause(
        "account-not-known",
        NOT_SEEN,
        _account_not_known,
        "The buyer may be signed in to another account: the offer is for {accounts}. This is the"
        " most common cause.",
        "Nobody has said which account the buyer is signed in to; others get a page not found"
        " (404).",
        "Ask for the number of the account at the top right of the AWS console, and run this again"
        " with it",
        f"{HANDBOOK}; {FAQ}",
        "The offer {offer} can be seen only in the AWS account {accounts}. Please sign in to it"
        " (the number is at the top right of the AWS console), and open the link again. If you"
        " still get a page not found, please send us the number that you see there.",
        certain=False,
    ),
    Cause(
        "earlier-link",
        NOT_SEEN,
        _earlier_link,
        "The buyer may use the link of an earlier offer, {earlier}, which is not open any more.",
        "{earlier} was given up on {ended}, and the buyer had a mail about it.",
        "Send the present link again",
        "docs/changes.md",
        "The earlier offer {earlier} is not open any more. Please use the link in our last mail,"
        " for the offer {offer}.",
        actions={ActionKind.RESEND: {}},
        certain=False,
    ),
    Cause(
        "other-open-offers",
        NOT_SEEN,
        _other_open_offers,
        "The buyer may look at another offer of ours: {others} can be accepted, too.",
        "AWS shows {others} as open for the same account.",
        "Withdraw what is not meant, and tell the buyer which one is",
        "docs/runbook.md, duplicate-offer",
        "You may see more than one offer of ours. Please accept {offer} only.",
        certain=False,
    ),
    Cause(
        "missing-permission",
        NOT_SEEN,
        _open,
        "The buyer's user may lack the permission to see or to accept offers.",
        f"It takes the AWS managed policy {BUYER_PERMISSION}, or"
        " aws-marketplace:Subscribe and ViewSubscriptions; AWSMarketplaceRead-only can see but not"
        " accept.",
        "Have the buyer's AWS administrator check it",
        f"{BUYER_GUIDE}: IAM policies",
        "Your AWS user needs the permission to manage subscriptions: please ask your AWS"
        f" administrator for the policy {BUYER_PERMISSION} in the account {{accounts}}.",
        certain=False,
    ),
    Cause(
        "private-marketplace",
        NOT_SEEN,
        _open,
        "The buyer's company may have a private marketplace that does not allow our product.",
        "AWS does not show that to a seller.",
        "Have the buyer's private marketplace administrator allow the product; if their"
        " administrator is in another account, the offer may have to name that account, too",
        FAQ,
        "If your company uses AWS Private Marketplace, please ask its administrator to allow our"
        " product. The offer can then be seen in the account {accounts}.",
        certain=False,
    ),
    Cause(
        "amendment-not-previewed",
        NOT_SEEN,
        _open_amendment,
        "If it is a colleague who cannot see it: nobody on the seller's side can preview an"
        " agreement-based offer, although it is open.",
        "Only the account of the agreement sees it.",
        "Nothing is to be done",
        "Tackle: help article 10670575",
        certain=False,
    ),
    Cause(
        "browser",
        NOT_SEEN,
        _open,
        "The buyer's browser may show an old page, or be signed in twice.",
        "AWS does not show that to a seller.",
        "Have the buyer open the link in a private window",
        FAQ,
        "Please open the link in a private browser window, after you have signed in to the account"
        f" {{accounts}}; or look for the offer {{offer}} at {PRIVATE_OFFERS_PAGE}",
        certain=False,
    ),
)
"""The likeliest first."""
