"""Every operation that clients can call, and whether it is one that changes something.

What is not in one of the two tables cannot be called: whoever adds an operation has to decide.
Operations that refuse whatever comes stand where a client that calls them meant to go.
"""

from collections.abc import Mapping

WRITES = frozenset(
    {
        ("catalog", "StartChangeSet"),
        ("catalog", "CancelChangeSet"),
        ("agreement", "SendAgreementCancellationRequest"),
        ("agreement", "CancelAgreementCancellationRequest"),
        ("clazar", "PatchPrivateOffer"),
        ("clazar", "PatchContract"),
        ("clazar", "PatchBuyer"),
        ("salesforce", "CreateTask"),
        ("salesforce", "UpdateTask"),
        ("salesforce", "CreateOpportunity"),
        ("salesforce", "UpdateOpportunity"),
        ("salesforce", "CreateUnknown"),
        ("salesforce", "UpdateUnknown"),
        # The message; before it a client only asks who may get one.
        ("smtp", "DATA"),
        ("s3", "PutObject"),
        ("s3", "DeleteObject"),
    }
)
"""By system and operation."""

READS = frozenset(
    {
        ("catalog", "DescribeChangeSet"),
        ("catalog", "ListChangeSets"),
        ("catalog", "DescribeEntity"),
        ("catalog", "ListEntities"),
        ("agreement", "SearchAgreements"),
        ("agreement", "DescribeAgreement"),
        ("agreement", "GetAgreementTerms"),
        ("agreement", "GetAgreementCancellationRequest"),
        ("agreement", "ListAgreementCancellationRequests"),
        ("agreement", "ListAgreementInvoiceLineItems"),
        ("agreement", "Unknown"),
        # A token is given out, and nothing that anybody sees has changed.
        ("clazar", "Authenticate"),
        ("clazar", "ListPrivateOffers"),
        ("clazar", "GetPrivateOffer"),
        ("clazar", "ListContracts"),
        ("clazar", "GetContract"),
        ("clazar", "ListBuyers"),
        ("clazar", "GetBuyer"),
        ("clazar", "ListListings"),
        ("clazar", "GetListing"),
        ("clazar", "GetDisbursements"),
        ("salesforce", "Token"),
        ("salesforce", "Versions"),
        ("salesforce", "Limits"),
        ("salesforce", "Query"),
        ("salesforce", "QueryMore"),
        ("salesforce", "GetOpportunity"),
        ("salesforce", "GetTask"),
        ("salesforce", "GetUnknown"),
        ("smtp", "RCPT"),
        ("s3", "GetObject"),
        ("s3", "HeadObject"),
        ("s3", "ListObjectsV2"),
    }
)
"""By system and operation."""


class UnclassifiedOperation(LookupError):
    """An operation of which nobody has said whether it writes."""


def writes(system: str, operation: str) -> bool:
    """Whether an operation changes something.  Raises UnclassifiedOperation."""
    if (system, operation) in WRITES:
        return True
    if (system, operation) in READS:
        return False
    raise UnclassifiedOperation(
        f"{operation} of {system}: add it to WRITES or READS in sandbox/operations.py"
    )


def only_writes(calls: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Of counted calls, those of operations that write.  Raises UnclassifiedOperation."""
    return {each: count for each, count in calls.items() if writes(*each)}
