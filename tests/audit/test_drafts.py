"""Is a draft of the policy read exactly, and does every fault name its row, its field and what was expected?"""

from __future__ import annotations

import pytest

from processors.audit.drafts import DraftInvalidError, read_draft
from processors.core.calendar import DAY
from processors.core.conclusions import NextStepCode
from processors.core.policy import CHANGES, CLOUDS, Values, WindowLength
from processors.core.symbols import Cloud
from tests.audit.telling import at

WHOLE = """
[[version]]
name = "2027-03"
effective_from = 2027-03-01T00:00:00Z
[version.changes]
licence_transfer = false
request = "REQUEST_GDAP"
window_added = { length = "P10D", terms_from = "2027-02-01T00:00:00Z" }

[[version]]
name = "2027-04"
effective_from = 2027-04-01T02:00:00+02:00
changes.window_added = { length = "PT72H" }

[clouds.US_GOVERNMENT]
transfer_tool = true
"""


def test_versions_and_clouds_are_read() -> None:
    draft = read_draft(WHOLE, "draft.toml")
    first, second = draft.versions
    assert (first.name, first.effective_from) == ("2027-03", at("2027-03-01T00:00:00Z"))
    assert first.changes == {
        "licence_transfer": False,
        "request": NextStepCode.REQUEST_GDAP,
        "window_added": WindowLength(10 * DAY, at("2027-02-01T00:00:00Z")),
    }
    assert second.effective_from == at("2027-04-01T00:00:00Z")
    assert second.changes == {"window_added": WindowLength(3 * DAY, None)}
    assert draft.clouds[Cloud.US_GOVERNMENT].transfer_tool is True
    assert draft.clouds[Cloud.PUBLIC] == CLOUDS[Cloud.PUBLIC]


def test_every_value_of_the_policy_can_be_told() -> None:
    told = {"request": '"REQUEST_DELEGATED_ADMIN"', "window_added": '{ length = "P1D" }'}
    lines = [f"{name} = {told.get(name, 'true')}" for name in Values.__dataclass_fields__]
    draft = read_draft('[[version]]\nname = "all"\neffective_from = 2027-03-01T00:00:00Z\n[version.changes]\n' + "\n".join(lines), "d")
    assert set(draft.versions[0].changes) == set(Values.__dataclass_fields__)


HEAD = '[[version]]\nname = "d"\neffective_from = 2027-03-01T00:00:00Z\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[version]", "draft.toml: is not TOML: "),
        ("", "draft.toml: version: the draft changes nothing"),
        ("[clouds.PUBLIC]\ncovered = true", "version: the draft changes nothing"),
        ("versions = []", "versions: is not known; did you mean 'version'?"),
        ("version = 3", "version: expected tables written [[version]], found a number 3"),
        ("[[version]]\n", "version 1.name: must be told"),
        ("[[version]]\n", "version 1.effective_from: must be told"),
        ("[[version]]\n", "version 1.changes: must be a table that changes at least one of azure_plan_transfer"),
        ("[[version]]\nname = 7", "version 1.name: expected a name like '2027-03', found a number 7"),
        (HEAD.replace('"d"', f'"{CHANGES[2].name}"'), "version 1 ('2021-07').name: is taken"),
        (HEAD + "changes.request = 'REQUEST_GDAP'\n" + HEAD, "version 2 ('d').name: is taken"),
        ("[[version]]\nname = 'd'\neffective_from = 2027-03-01", "01T00:00:00Z, found a day 2027-03-01"),
        ("[[version]]\nname = 'd'\neffective_from = 2027-03-01T00:00:00", "01T00:00:00Z, found an instant 2027-03-01T00:00:00"),
        ("[[version]]\nname = 'd'\neffective_from = 'tomorrow'", "found a text 'tomorrow'"),
        ("[[version]]\nname = 'd'\neffective_from = 2019-01-01T00:00:00Z", "must not lie before the first version, 2020-06"),
        (HEAD + "from = 1", "version 1 ('d').from: is not known"),
        (
            HEAD + "changes.licence_transfr = true",
            "('d').changes.licence_transfr: is not known; did you mean 'licence_transfer'?",
        ),
        (HEAD + "changes.licence_transfer = 'yes'", "changes.licence_transfer: expected true or false, found a text 'yes'"),
        (HEAD + "changes.licence_transfer = 1", "changes.licence_transfer: expected true or false, found a number 1"),
        (HEAD + "changes.request = 'GDAP'", "changes.request: expected 'REQUEST_DELEGATED_ADMIN' or 'REQUEST_GDAP', found a text 'GDAP'"),
        (HEAD + "changes.window_added = 'P7D'", "changes.window_added: expected a table like"),
        (HEAD + "changes.window_added = { length = 'P1M' }", "window_added.length: expected a duration in days or hours"),
        (HEAD + "changes.window_added = { length = 'P0D' }", "window_added.length: expected a duration in days or hours"),
        (HEAD + "changes.window_added = { terms_from = 3 }", "window_added.length: expected a duration in days or hours"),
        (HEAD + "changes.window_added = { length = 'P7D', terms_from = 3 }", "window_added.terms_from: expected an instant"),
        (HEAD + "changes.window_added = { lenght = 'P7D' }", "window_added.lenght: is not known; did you mean 'length'?"),
        ("clouds = 1", "clouds: expected tables written [clouds.PUBLIC]"),
        ("[clouds.PUBLICK]\ncovered = true", "clouds.PUBLICK: is not known; did you mean 'PUBLIC'?"),
        ("[clouds]\nPUBLIC = true", "clouds.PUBLIC: expected a table of switches"),
        ("[clouds.PUBLIC]\ncoverd = true", "clouds.PUBLIC.coverd: is not known; did you mean 'covered'?"),
        ("[clouds.PUBLIC]\ncovered = 'no'", "clouds.PUBLIC.covered: expected true or false"),
        ("[clouds.GERMANY]\ncovered = true", "clouds.GERMANY.manual_review: must be told, since the cloud is covered"),
    ],
)
def test_a_fault_names_the_row_the_field_and_what_was_expected(text: str, complaint: str) -> None:
    with pytest.raises(DraftInvalidError) as refused:
        read_draft(text, "draft.toml")
    assert complaint in str(refused.value)
    assert all(line.startswith("draft.toml: ") for line in str(refused.value).splitlines())


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(DraftInvalidError) as refused:
        read_draft("[[version]]\n[clouds.X]\n", "draft.toml")
    assert len(str(refused.value).splitlines()) == 4
