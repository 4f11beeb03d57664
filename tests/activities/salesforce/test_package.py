"""The Salesforce package, the example of the field map, and the sandbox's org are one."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import parse

from activities.salesforce.client import API_VERSION
from activities.salesforce.field_map import FieldMap
from offers.agreements.agreement import AgreementStatus
from offers.money import CURRENCIES
from offers.payouts.model import PayoutState
from offers.policy.policy import Policy
from offers.stage import Stage
from offers.terms.terms import NET_DAYS, PreExistingAgreement
from sandbox.salesforce.org import Salesforce
from sandbox.salesforce.schema import SObject
from tests.support.vendors import NOW

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "salesforce"
MAIN = PACKAGE / "force-app" / "main" / "default"
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
FIELDS = FieldMap.model_validate(
    tomllib.loads((ROOT / "examples" / "fields.toml").read_text(encoding="utf-8"))
)
WRITTEN = set(FIELDS.write.values())
FILLED_IN = {
    path for path in {*FIELDS.read.values(), *FIELDS.order_form.values()} if path.endswith("__c")
}


def root(file: Path) -> Element:
    found = parse(file).getroot()
    assert found is not None
    return found


def access(permission_set: str) -> dict[str, bool]:
    """Whether each readable field of the Opportunity is editable."""
    granted = {}
    file = MAIN / "permissionsets" / f"{permission_set}.permissionset-meta.xml"
    for each in root(file).iterfind(f"{NAMESPACE}fieldPermissions"):
        values = {child.tag.removeprefix(NAMESPACE): child.text for child in each}
        assert values["readable"] == "true"
        sobject, _, field = str(values["field"]).partition(".")
        if sobject == "Opportunity":
            granted[field] = values["editable"] == "true"
    return granted


@pytest.fixture
def opportunity() -> SObject:
    """The sandbox's."""
    return Salesforce(lambda: NOW).objects["opportunity"]


def values(opportunity: SObject, name: str) -> tuple[str, ...]:
    return opportunity.fields[name.lower()].values


def test_fields_of_map_package_and_sandbox(opportunity: SObject) -> None:
    files = (MAIN / "objects" / "Opportunity" / "fields").iterdir()
    package = {each.name.removesuffix(".field-meta.xml") for each in files}
    assert package == WRITTEN | FILLED_IN
    in_sandbox = {each.name for each in opportunity.fields.values() if each.name.endswith("__c")}
    assert package == in_sandbox


def test_each_field_has_a_label_and_a_help_text() -> None:
    for file in (MAIN / "objects" / "Opportunity" / "fields").iterdir():
        field = {each.tag.removeprefix(NAMESPACE): each.text or "" for each in root(file)}
        assert f"{field['fullName']}.field-meta.xml" == file.name
        assert 0 < len(field["label"]) <= 40
        assert 0 < len(field["inlineHelpText"]) <= 510


def test_the_integration_user_writes_what_the_map_writes_and_no_more() -> None:
    granted = access("Offerflow_Integration")
    assert {name for name, editable in granted.items() if editable} == WRITTEN
    assert set(granted) == WRITTEN | FILLED_IN | {"AccountId", "Amount"}


def test_editors_fill_in_what_is_read_and_readers_change_nothing() -> None:
    editor, reader = access("Offerflow_Editor"), access("Offerflow_Reader")
    assert {name for name, editable in editor.items() if editable} == FILLED_IN
    assert set(editor) == set(reader) == WRITTEN | FILLED_IN
    assert not any(reader.values())


def test_the_component_shows_each_field_once() -> None:
    source = (MAIN / "lwc" / "offerflowOffer" / "offerflowOffer.js").read_text(encoding="utf-8")
    imported = re.findall(r"import (\w+) from '@salesforce/schema/Opportunity\.(\w+)'", source)
    assert {field for _, field in imported} == WRITTEN | FILLED_IN
    shown = re.findall(r"^    (\w+),$", source, re.MULTILINE)
    assert sorted(shown) == sorted(variable for variable, _ in imported)


def test_picklists_have_the_values_of_the_product(opportunity: SObject) -> None:
    assert values(opportunity, "Offer_Stage__c") == tuple(Stage)
    assert values(opportunity, "Amendment_Stage__c") == tuple(Stage)
    assert values(opportunity, "Agreement_Status__c") == tuple(AgreementStatus)
    assert values(opportunity, "Payout_State__c") == tuple(PayoutState)
    assert values(opportunity, "Order_Form_Currency__c") == CURRENCIES
    channels = get_args(PreExistingAgreement.model_fields["channel"].annotation)
    assert set(values(opportunity, "Renewal__c")) == set(channels)
    assert values(opportunity, "Net_Payment_Days__c") == tuple(map(str, NET_DAYS))
    assert Policy().billing_method in values(opportunity, "Billing_Method__c")


def test_what_the_product_writes_is_no_restricted_picklist(opportunity: SObject) -> None:
    """Salesforce refuses a value that a record type does not list; AWS may add a status."""
    assert [n for n in WRITTEN if opportunity.fields[n.lower()].is_restricted] == []


def test_project_file() -> None:
    project: Any = json.loads((PACKAGE / "sfdx-project.json").read_text(encoding="utf-8"))
    assert project["sourceApiVersion"] == API_VERSION
    folders = {each["path"] for each in project["packageDirectories"]}
    assert folders == {each.name for each in PACKAGE.iterdir() if each.is_dir()}
    for each in project["replacements"]:
        text = (PACKAGE / each["filename"]).read_text(encoding="utf-8")
        assert text.count(each["stringToReplace"]) == 1


def test_the_client_app_names_no_credentials() -> None:
    """Salesforce makes them; they must not be in a repository."""
    for file in (PACKAGE / "external-client-app").rglob("*.xml"):
        tags = {each.tag.removeprefix(NAMESPACE) for each in root(file).iter()}
        assert not tags & {"certificate", "consumerKey", "consumerSecret"}
