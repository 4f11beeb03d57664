"""Every operation that clients can call, classified as a write or a read.

An operation that is in neither table cannot be called, so a new one must be classified.  An
operation that always fails is classified by what a client wants to do with it.
"""

from collections.abc import Mapping

WRITES = frozenset(
    {
        ("catalog", "StartChangeSet"),
        ("catalog", "CancelChangeSet"),
        ("agreement", "SendAgreementCancellationRequest"),
        ("clazar", "PatchPrivateOffer"),
        ("clazar", "PatchContract"),
        ("clazar", "PatchBuyer"),
        ("salesforce", "CreateTask"),
        ("salesforce", "UpdateTask"),
        ("salesforce", "CreateOpportunity"),
        ("salesforce", "UpdateOpportunity"),
        ("salesforce", "CreateUnknown"),
        ("salesforce", "UpdateUnknown"),
        # The message itself; the commands before it change nothing.
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
        ("agreement", "GetAgreementCancellationRequest"),
        ("agreement", "ListAgreementCancellationRequests"),
        ("agreement", "ListAgreementInvoiceLineItems"),
        ("agreement", "Unknown"),
        ("catalog", "Unknown"),
        # A token is issued, but no data changes.
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
        ("s3", "Unknown"),
    }
)
"""By system and operation."""


class UnclassifiedOperation(LookupError):
    """An operation that is neither in WRITES nor in READS."""


def is_write(system: str, operation: str) -> bool:
    """Whether an operation is meant to change data.  Raises UnclassifiedOperation."""
    if (system, operation) in WRITES:
        return True
    if (system, operation) in READS:
        return False
    raise UnclassifiedOperation(
        f"{operation} of {system}: add it to WRITES or READS in sandbox/operations.py"
    )


def only_writes(calls: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """The counts of write operations.  Raises UnclassifiedOperation."""
    return {each: count for each, count in calls.items() if is_write(*each)}
