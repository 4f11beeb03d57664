"""The documented IAM permissions are those of the operations that the code calls."""

import ast
import json
import re
from pathlib import Path

import botocore.session
from botocore import xform_name

ROOT = Path(__file__).parents[1]
SERVICES = {
    "marketplace-catalog": "aws-marketplace",
    "marketplace-agreement": "aws-marketplace",
    "s3": "s3",
    "sqs": "sqs",
}
"""The IAM prefix of each service that is called."""
OTHER_PERMISSION = {
    "s3:DeleteObject": "s3:DeleteObjectVersion",  # each call names the version
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
}
"""The permission of an operation that has not its name."""
PAGES = ("deployment.md", "payouts.md", "events.md", "privacy.md")


def called_permissions() -> set[str]:
    """What the operations need whose names stand in the code, as a method or as a text."""
    session = botocore.session.get_session()
    permissions = {
        xform_name(operation): f"{prefix}:{operation}"
        for service, prefix in SERVICES.items()
        for operation in session.get_service_model(service).operation_names
    }
    called = set()
    for folder in ("activities", "runtime"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Attribute(attr=str(name)) | ast.Constant(value=str(name)):
                        if name in permissions:
                            called.add(permissions[name])
    return {OTHER_PERMISSION.get(each, each) for each in called}


def documented_permissions() -> set[str]:
    """The actions of the policies for our programs; other policies name a principal."""
    documented = set()
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for block in re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL):
            for statement in json.loads(block).get("Statement", ()):
                if "Principal" not in statement:
                    actions = statement["Action"]
                    documented |= {actions} if isinstance(actions, str) else set(actions)
    return documented


def test_documented_permissions_are_those_of_the_calls() -> None:
    assert documented_permissions() == called_permissions()
