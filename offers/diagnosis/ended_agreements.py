"""Accepted, then cancelled: what AWS says of the agreement and of the buyer's entitlement."""

from collections.abc import Callable, Iterator

from offers.agreements.agreement import Agreement, AgreementStatus, CancellationStatus, Entitlement
from offers.diagnosis.cause import Cause, Facts, Question
from offers.diagnosis.snapshot import Snapshot
from offers.text import day_text, instant_text

MODEL = "AWS: marketplace-agreement, GetAgreementEntitlements"
STATUSES = "AWS: marketplace-agreement, AgreementStatus"
REFUNDS = "AWS: userguide, cancelling agreements"
EVIDENCE = "AWS shows the entitlement of agreement {agreement} as {status} ({reason})."
BILLING = "docs/runbook.md; the reason code is AWS's, its meaning for the buyer is ASSUMED"

FAILED = "FAILED"
EXPLAINED = frozenset(
    {
        "INVALID_PAYMENT_INSTRUMENT",
        "INCOMPATIBLE_CURRENCY",
        "ACCOUNT_SUSPENDED",
        "UNSUPPORTED_OPERATION",
        "PRODUCT_RESTRICTED",
    }
)
"""The reasons for a failure that have a row of their own."""

Find = Callable[[Snapshot], Iterator[Facts]]


def _facts(each: Entitlement) -> Facts:
    return {
        "agreement": each.agreement_id,
        "status": each.status,
        "reason": each.reason or "no reason given",
    }


def _failed(reason: str) -> Find:
    def find(s: Snapshot) -> Iterator[Facts]:
        for each in s.entitlements:
            if each.status == FAILED and each.reason == reason:
                yield _facts(each)

    return find


def _failed_otherwise(s: Snapshot) -> Iterator[Facts]:
    for each in s.entitlements:
        if each.status == FAILED and each.reason not in EXPLAINED:
            yield _facts(each)


def _pending(s: Snapshot) -> Iterator[Facts]:
    yield from (_facts(each) for each in s.entitlements if each.status == "PENDING")


def _scheduled(s: Snapshot) -> Iterator[Facts]:
    starts = {each.agreement_id: day_text(each.starts_at) for each in s.agreements}
    for each in s.entitlements:
        if each.status == "SCHEDULED":
            yield _facts(each) | {"starts": starts.get(each.agreement_id, "its start")}


def _known_agreements(s: Snapshot) -> tuple[Agreement, ...]:
    """AWS's, or else as the offer has it."""
    if s.agreements:
        return s.agreements
    return (s.agreement,) if s.agreement else ()


def _ended(status: AgreementStatus, *, by_request: bool | None = None) -> Find:
    """`by_request`: only if we asked the buyer for it, or only if not; None: either way."""

    def find(s: Snapshot) -> Iterator[Facts]:
        request = s.record.cancellation if s.record else None
        for each in _known_agreements(s):
            asked = request is not None and (
                (request.agreement_id, request.status)
                == (each.agreement_id, CancellationStatus.APPROVED)
            )
            if each.status is status and by_request in (None, asked):
                code = f"{request.reason_code}" if request else ""
                yield {
                    "agreement": each.agreement_id,
                    "account": each.buyer_account,
                    "status": each.status,
                    "at": instant_text(each.accepted_at),
                    "code": code,
                    "entitlements": _entitlements(s, each),
                }

    return find


def _entitlements(s: Snapshot, agreement: Agreement) -> str:
    theirs = [e for e in s.entitlements if e.agreement_id == agreement.agreement_id]
    return "".join(f" Its entitlement is {e.status} ({e.reason or 'no reason'})." for e in theirs)


ENDED = Question.ENDED_AFTER_ACCEPTANCE
CAUSES: tuple[Cause, ...] = (
    Cause(
        "invalid-payment-instrument",
        ENDED,
        _failed("INVALID_PAYMENT_INSTRUMENT"),
        "AWS could not charge the buyer: the payment method of their AWS account is not valid.",
        EVIDENCE,
        "Have the buyer correct the payment method in AWS Billing, and accept again if the offer is"
        " still open",
        f"{MODEL}; {BILLING}",
        "AWS has cancelled your acceptance, because the payment method of your AWS account is not"
        " valid. Please correct it in AWS Billing under Payment preferences, and accept the offer"
        " {offer} again.",
    ),
    Cause(
        "incompatible-currency",
        ENDED,
        _failed("INCOMPATIBLE_CURRENCY"),
        "The buyer's AWS account cannot pay in the currency of the offer.",
        EVIDENCE,
        "Have the buyer add a payment method for that currency, or make a new offer in theirs",
        f"{MODEL}; {BILLING}",
        "AWS has cancelled your acceptance, because your AWS account cannot pay in the currency of"
        " the offer. Please tell us in which currency AWS invoices you, and we send you a new"
        " offer; or change the currency in AWS Billing under Payment preferences.",
    ),
    Cause(
        "account-suspended",
        ENDED,
        _failed("ACCOUNT_SUSPENDED"),
        "The buyer's AWS account is suspended, for example because of an unpaid AWS bill.",
        EVIDENCE,
        "Have the buyer clear it with AWS support, and accept again if the offer is still open",
        f"{MODEL}; {BILLING}",
        "AWS has cancelled your acceptance, because your AWS account is suspended. Please contact"
        " AWS support about the account; after that you can accept the offer {offer} again.",
    ),
    Cause(
        "product-restricted",
        ENDED,
        _failed("PRODUCT_RESTRICTED"),
        "AWS has restricted the product, so it gives it to no buyer.",
        EVIDENCE,
        "Look at the product in AWS's portal, and ask AWS Marketplace's seller operations",
        f"{MODEL}; {BILLING}",
        "AWS could not complete your order. The cause is on our side, and we write to you as soon"
        " as you can accept the offer again.",
    ),
    Cause(
        "unsupported-operation",
        ENDED,
        _failed("UNSUPPORTED_OPERATION"),
        "AWS could not do what the agreement asks for.",
        EVIDENCE,
        "Ask AWS Marketplace's seller operations, with the agreement's id",
        f"{MODEL}; {BILLING}",
        "AWS could not complete your order. We are asking AWS, and write to you as soon as we know"
        " more.",
    ),
    Cause(
        "entitlement-failed",
        ENDED,
        _failed_otherwise,
        "AWS could not give the buyer the product.",
        EVIDENCE,
        "Ask AWS Marketplace's seller operations, with the agreement's id",
        f"{MODEL}; {BILLING}",
        "AWS could not complete your order. We are asking AWS, and write to you as soon as we know"
        " more.",
    ),
    Cause(
        "cancelled-on-request",
        ENDED,
        _ended(AgreementStatus.CANCELLED, by_request=True),
        "We asked the buyer to let the agreement be cancelled, and they agreed, or did not answer"
        " within seven days.",
        "AWS shows agreement {agreement} as {status}; the request's reason was {code}."
        "{entitlements}",
        "Nothing is to be done; what was invoiced stays, unless it is refunded",
        REFUNDS,
        "Your agreement {agreement} was cancelled as agreed. What was invoiced before stays as it"
        " is.",
    ),
    Cause(
        "cancelled-by-buyer",
        ENDED,
        _ended(AgreementStatus.CANCELLED, by_request=False),
        "The buyer has cancelled the agreement, or AWS did at their request.",
        "AWS shows agreement {agreement} of account {account} as {status}; no request of ours is"
        " known.{entitlements}",
        "Ask the customer why; a new offer needs an opportunity of its own",
        STATUSES,
        "AWS tells us that your agreement {agreement} was cancelled. Did you mean to? If not, tell"
        " us, and we send you a new offer.",
    ),
    Cause(
        "terminated-by-aws",
        ENDED,
        _ended(AgreementStatus.TERMINATED),
        "AWS has terminated the agreement, for example because a payment failed.",
        "AWS shows agreement {agreement} of account {account} as {status}.{entitlements}",
        "Ask the customer whether a payment to AWS failed, and AWS Marketplace's seller operations"
        " for the reason",
        STATUSES,
        "AWS has ended your agreement {agreement}, usually because a payment failed. Please"
        " correct the payment method in AWS Billing, and tell us: we send you a new offer.",
    ),
    Cause(
        "rolled-back",
        ENDED,
        _ended(AgreementStatus.ROLLED_BACK),
        "AWS has undone the acceptance within minutes: to AWS there was none, and the buyer can"
        " accept the same offer again.",
        "AWS shows agreement {agreement} of {at} as {status}.{entitlements}",
        "Have the buyer check permission, payment method and unpaid AWS bills, and accept again"
        " with the same link",
        f"{STATUSES}; Suger: why a buyer can't accept",
        "AWS has undone your acceptance. That happens if the payment method is declined, an AWS"
        " bill is unpaid, or a permission is missing. Please check these, and accept the offer"
        " {offer} again with the same link.",
    ),
    Cause(
        "provisioning",
        ENDED,
        _pending,
        "AWS is still giving the buyer the product: nothing is cancelled.",
        EVIDENCE,
        "Wait some minutes, and ask again",
        MODEL,
        "AWS is still processing your order. Please wait some minutes.",
    ),
    Cause(
        "starts-later",
        ENDED,
        _scheduled,
        "The agreement has not started yet: nothing is cancelled, and access begins on {starts}.",
        EVIDENCE,
        "Wait until it starts; AWS reports such an acceptance to the product on that day only",
        f"{MODEL}; AWS: userguide, SaaS notifications",
        "Your agreement {agreement} begins on {starts}. You have access from that day on.",
    ),
)
"""The likeliest first."""
