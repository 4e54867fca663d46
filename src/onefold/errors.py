"""Every error class and every error code. Knows no HTTP: `api/problem.py` turns a code into a
status.

A code is for ever. `CODES` is the one table: what went wrong, and what the caller can do about it;
docs/reference/errors.md is made from it.
"""

from __future__ import annotations

from typing import NamedTuple


class CodeInfo(NamedTuple):
    """One row of the reference of errors: what a code means, and what to do about it."""

    meaning: str
    remedy: str


CODES: dict[str, CodeInfo] = {
    # XID codec
    "XID-1001": CodeInfo("The text is not an XID.", "Send the id with its namespace code instead."),
    # Smile
    "SML-1001": CodeInfo("The body is not a Smile document.", "Check header and encoder version."),
    "SML-1002": CodeInfo(
        "The Smile document exceeds a limit.", "Send a smaller or flatter document."
    ),
    # XDM
    "XDM-1001": CodeInfo("A `$ref` names a resource that does not exist.", "Create it first."),
    "XDM-1002": CodeInfo("`$ref`s form a circle.", "Break the circle."),
    "XDM-1003": CodeInfo(
        "A schema exceeds a limit of depth or size.", "Make it flatter or smaller."
    ),
    "XDM-1004": CodeInfo("Two parts of a schema give one field different types.", "Rename one."),
    "XDM-1005": CodeInfo("The schema document is malformed.", "Correct the place that `at` names."),
    "XDM-1006": CodeInfo(
        "A descriptor's property is not usable.", "Name a string field by its path."
    ),
    "XDM-2001": CodeInfo(
        "The record does not fit its schema.", "Correct the fields that are listed."
    ),
    # Envelope of a message (inlet)
    "INL-1001": CodeInfo(
        "The body is not well-formed.", "Send one complete JSON or Smile document."
    ),
    "INL-1002": CodeInfo(
        "The message has no known XDM format.", "Send header and body as documented."
    ),
    "INL-1003": CodeInfo("The organisation in the header is not the inlet's.", "Correct imsOrgId."),
    "INL-1004": CodeInfo(
        "The header's schema does not exist.", "Create it or correct schemaRef.id."
    ),
    "INL-1005": CodeInfo("The header's dataset does not exist here.", "Correct datasetId."),
    "INL-1006": CodeInfo(
        "The schema is not the dataset's schema.", "Send the dataset's schemaRef."
    ),
    "INL-1007": CodeInfo(
        "The message does not fit its schema.", "Correct the fields in the report."
    ),
    "INL-1008": CodeInfo("No inlet has this id.", "Take the id from the connection."),
    "INL-1009": CodeInfo(
        "The body is larger than 1 MB, or has more than 5000 messages.",
        "Send fewer messages a request.",
    ),
    "INL-1010": CodeInfo("The content type is not supported.", "Send JSON or Smile."),
    "INL-1011": CodeInfo("Too many requests.", "Wait as long as Retry-After says."),
    "INL-1012": CodeInfo(
        "The sandbox header is not the inlet's sandbox.", "Leave it out or correct it."
    ),
    "INL-1013": CodeInfo("The inlet needs a token.", "Send Authorization: Bearer."),
    "INL-1014": CodeInfo("The token is not valid or has expired.", "Ask for a new token."),
    "INL-1015": CodeInfo(
        "The token belongs to another organisation.", "Use the inlet's organisation."
    ),
    "INL-1016": CodeInfo(
        "The body did not arrive in time.", "Send it again on a faster connection."
    ),
    "INL-1017": CodeInfo("The server is overloaded.", "Send again after Retry-After seconds."),
    "INL-1018": CodeInfo(
        "Raw data without the id of a flow.", "Send the flow's id as x-adobe-flow-id."
    ),
    "INL-1019": CodeInfo(
        "The inlet has no flow with this id.", "Take the id of a flow from this connection."
    ),
    "INL-1020": CodeInfo("The connection or the flow is disabled.", "Enable it."),
    # Outcomes of a record in the pipeline
    "REC-1001": CodeInfo("The record does not fit its schema.", "Correct it and send it again."),
    "REC-1002": CodeInfo("No primary identity.", "Flag one identity as primary or fill the field."),
    "REC-1003": CodeInfo("An identity has an unknown namespace.", "Create the namespace first."),
    "REC-1004": CodeInfo("The event has no valid _id.", "Give every event its own _id."),
    "REC-1005": CodeInfo(
        "The event's timestamp is missing or in the future.", "Correct the clock."
    ),
    "REC-1006": CodeInfo("The record is larger than the profile store takes.", "Split it."),
    "REC-1007": CodeInfo(
        "The dataset or schema is gone.", "Create it again and replay the record."
    ),
    "REC-1008": CodeInfo(
        "The payload is incomplete.", "Send header.source.name and body.xdmEntity."
    ),
    "REC-1009": CodeInfo(
        "The primary identity is not usable.", "Send a value that the namespace allows."
    ),
    "REC-1010": CodeInfo(
        "The operation is not possible for this record.",
        "Merge and delete records of datasets that are enabled for Profile; see partial updates.",
    ),
    "REC-1011": CodeInfo(
        "The flow of a raw record is gone, or its mapping does not fit the schema any more.",
        "Mend the mapping set and replay the record.",
    ),
    "REC-1012": CodeInfo(
        "A raw value cannot be converted to its field's type.",
        "Correct the value or the mapping, and replay the record.",
    ),
    "REC-2001": CodeInfo(
        "Two values of a namespace that is unique per graph.",
        "Send one record for each person, or change the identity settings.",
    ),
    "REC-2002": CodeInfo(
        "Several identities of the event's highest-priority namespace.",
        "Name one identity of that namespace in an event.",
    ),
    "REC-9001": CodeInfo(
        "The record raised a defect twice and was parked.", "Report it; replay later."
    ),
    # Lookup
    "PRO-1001": CodeInfo("A required parameter is missing.", "Send the parameter that is named."),
    "PRO-1002": CodeInfo("A parameter has a wrong value.", "Correct the parameter that is named."),
    "PRO-1003": CodeInfo("The namespace does not exist.", "Use the code of a known namespace."),
    "PRO-1004": CodeInfo("Nothing is known about this identity.", "Check id and namespace."),
    "PRO-1005": CodeInfo("No merge policy has this id.", "List the merge policies."),
    "PRO-1006": CodeInfo(
        "The graph has more than 50 identities.", "Remove links that glue people."
    ),
    "PRO-1007": CodeInfo("No default merge policy.", "Name one or set a default."),
    # Edge projections
    "PRJ-1001": CodeInfo("No projection destination has this id.", "List the destinations."),
    "PRJ-1002": CodeInfo("No projection configuration has this id.", "List the configurations."),
    "PRJ-1003": CodeInfo(
        "A destination, a projection or a parameter has a wrong value.",
        "Correct the value that is named.",
    ),
    "PRJ-1004": CodeInfo(
        "The content type is not that of a destination or projection.",
        "Send the vendor type, or have `lenient_content_types` set.",
    ),
    "PRJ-1005": CodeInfo(
        "It has another version than the one that is to be changed.", "Read it again and retry."
    ),
    "PRJ-1006": CodeInfo("It is not as If-Match says.", "Read it again and retry."),
    "PRJ-1007": CodeInfo(
        "A projection of this class has the name already.", "Choose another name."
    ),
    "PRJ-1008": CodeInfo(
        "The destination is in use by a projection.", "Delete its projections first."
    ),
    "PRJ-1009": CodeInfo(
        "The sandbox has as many destinations or projections as it can.", "Delete one first."
    ),
    "PRJ-1010": CodeInfo(
        "The edge has no entry of this person now.", "Ask again after Retry-After seconds."
    ),
    # Preview samples
    "SMP-1001": CodeInfo(
        "There is no report of this day, or no sample was taken yet.",
        "Ask without a date, or have a sample taken.",
    ),
    # Control plane
    "CTL-1001": CodeInfo("The data directory holds an installation already.", "Choose another."),
    "CTL-1002": CodeInfo("The data directory holds no installation.", "Run `onefold init` first."),
    "CTL-1003": CodeInfo("The data directory is of a newer version.", "Use a newer Onefold."),
    "CTL-1004": CodeInfo("Another server uses the data directory.", "Stop it first."),
    "CTL-1005": CodeInfo("The port is in use.", "Choose another with --port."),
    "CTL-1006": CodeInfo("A name exists already.", "Choose another name."),
    "CTL-1007": CodeInfo("The thing named does not exist.", "Check its name or id."),
    "CTL-1008": CodeInfo("A value is not allowed.", "Correct the value that is named."),
    "CTL-1009": CodeInfo("The default sandbox cannot be deleted.", "Reset it, or keep it."),
    "CTL-1010": CodeInfo("The state forbids the move.", "Wait until the last one is done."),
    # Schema registry
    "REG-1001": CodeInfo("The Accept header fits no list.", "Send the xed-id or the xed form."),
    "REG-1002": CodeInfo("The Accept header fits no resource.", "Send a xed form with version=1."),
    "REG-1003": CodeInfo("The Accept header fits no descriptors.", "Send a form of xdm or xdm-v2."),
    "REG-1004": CodeInfo("The form or version is not known.", "Send a documented one, version=1."),
    "REG-1005": CodeInfo(
        "The change would break records that exist.", "Only add: new, optional fields."
    ),
    "REG-1006": CodeInfo("The resource is in use.", "Remove what uses it first."),
    "REG-1007": CodeInfo("It has changed since it was read.", "Read it again; send its ETag."),
    "REG-1008": CodeInfo("No record fits the schema.", "Widen the field that `at` names."),
    # Flow Service
    "FLW-1001": CodeInfo("The etag is missing.", "Send the resource's etag as If-Match."),
    "FLW-1002": CodeInfo(
        "The resource has changed since it was read.", "Read it again and repeat the change."
    ),
    "FLW-1003": CodeInfo("The resource is in use.", "Delete what refers to it first."),
    # Catalogue
    "CAT-1001": CodeInfo("The dataset holds records.", "Keep it, or disable it for the profile."),
    "CAT-1002": CodeInfo("It has changed since it was read.", "Read it again; send its ETag."),
    "CAT-1003": CodeInfo(
        "A target connection names the dataset, or calls of an account go into it.",
        "Delete its flows and the target connection first; datasets of an account stay.",
    ),
    # Batches of files
    "BAT-1001": CodeInfo("The batch does not exist.", "Check its id."),
    "BAT-1002": CodeInfo(
        "The batch's state forbids the act.", "Make another batch; the state is in the catalogue."
    ),
    "BAT-1003": CodeInfo("The file's path is not allowed.", "Send names with slashes between."),
    "BAT-1004": CodeInfo("The batch would exceed a limit.", "Spread the files over batches."),
    "BAT-1005": CodeInfo(
        "The ranges of a file overlap or leave a gap.",
        "Send what is missing, or begin again with INITIALIZE.",
    ),
    "BAT-1006": CodeInfo("The batch has no such file.", "Send the file first."),
    "BAT-1007": CodeInfo("A file of the batch cannot be read.", "Check the format that was said."),
    # Data Access
    "DAT-1001": CodeInfo("The file does not exist.", "List the files of its batch."),
    "DAT-1002": CodeInfo(
        "The range lies outside of the file.", "Ask for bytes below its length, which HEAD tells."
    ),
    # Privacy
    "DEL-1001": CodeInfo(
        "A delete request names no data that can be deleted.", "Send dataSetId, batchId or both."
    ),
    "DEL-1002": CodeInfo("The dataset has no such batch.", "Take the id from the catalogue."),
    "DEL-1003": CodeInfo(
        "Records of a batch cannot be deleted alone; events can.",
        "Delete the dataset, or send the records again as they should be.",
    ),
    "DEL-1004": CodeInfo("The same is being deleted.", "Wait for the job that is open."),
    "DEL-1005": CodeInfo("No system job has this id.", "List the system jobs."),
    "DEL-1006": CodeInfo(
        "No deletion that is done has this id.", "Ask again when the system job is completed."
    ),
    "PRV-1001": CodeInfo(
        "The job has no content.", "Ask when an access job is complete, within 30 days."
    ),
    "RGL-1001": CodeInfo(
        "Somebody who is not suppressed is not deleted this way.",
        "Suppress the user first, or send SUPPRESS_WITH_DELETE.",
    ),
    "RGL-1002": CodeInfo(
        "Regulations are for accounts.", "Name the sandbox of an account; `onefold account show`."
    ),
    # Failed records
    "FLR-1001": CodeInfo("No failed record has this number.", "List the failed records."),
    "FLR-1002": CodeInfo(
        "The failed record was replayed before.", "Look at its repeat; replay that if it failed."
    ),
    "FLR-1003": CodeInfo(
        "The failed record's message was taken out.", "Have the sender send it again."
    ),
    # Undoing
    "UND-1001": CodeInfo(
        "No such record is stored.", "Take identity and number from the explanation."
    ),
    "UND-1002": CodeInfo(
        "The two identities are not linked with each other.",
        "Cut a link that the explanation of the two shows.",
    ),
    "UND-1003": CodeInfo(
        "What the record replaced is not kept any more.", "Send a record that says what is right."
    ),
    "UND-1004": CodeInfo("Nothing that was undone has this id.", "List what is undone."),
    # Authentication
    "AUT-1001": CodeInfo("No token.", "Send Authorization: Bearer."),
    "AUT-1002": CodeInfo("The token is not valid or has expired.", "Ask for a new token."),
    "AUT-1003": CodeInfo("No x-api-key.", "Send the client id as x-api-key."),
    "AUT-1004": CodeInfo("The x-api-key is unknown.", "Send the client id of the token."),
    "AUT-1005": CodeInfo("No x-gw-ims-org-id.", "Send the organisation id."),
    "AUT-1006": CodeInfo(
        "The token is not entitled to the organisation.", "Use its own organisation."
    ),
    "AUT-1007": CodeInfo(
        "The organisation id is malformed.", "Send the id that ends in @AdobeOrg."
    ),
    "AUT-1008": CodeInfo("The sandbox does not exist.", "Check x-sandbox-name."),
    "AUT-1009": CodeInfo(
        "The project lacks a permission.", "Have it granted: `onefold project permissions`."
    ),
    "AUT-1010": CodeInfo(
        "The sandbox is not active.", "Wait until its reset is done, or name another one."
    ),
    "AUT-2001": CodeInfo("Unknown client.", "Check client_id."),
    "AUT-2002": CodeInfo("Wrong secret.", "Check client_secret."),
    "AUT-2003": CodeInfo("The JWT is not acceptable.", "Sign a fresh JWT with the project's key."),
    "AUT-2004": CodeInfo("A scope is not granted to the project.", "Ask only for granted scopes."),
    "AUT-2005": CodeInfo("The token request is malformed.", "Send the documented form fields."),
    "AUT-2006": CodeInfo("The grant type is not supported.", "Use client_credentials."),
    # API keys
    "KEY-1001": CodeInfo(
        "No API key, or none that is valid.", "Send the key's auth-token, or its write key."
    ),
    "KEY-1002": CodeInfo("No API key that is valid.", "Send the key's auth-token."),
    "KEY-1003": CodeInfo(
        "The API key may not do this here.", "Use a key of this account and brand."
    ),
    "KEY-1004": CodeInfo("Too many requests.", "Wait as long as Retry-After says."),
    "KEY-1005": CodeInfo(
        "No source has this write key.", "Take the write key that `onefold key create` printed."
    ),
    # Questions about customers
    "ASK-1001": CodeInfo("A parameter has a wrong value.", "Correct the parameter that is named."),
    "ASK-1002": CodeInfo(
        "The key of a customer is malformed.", "Send userId:ID, email:ADDRESS or id:ID."
    ),
    "ASK-1003": CodeInfo(
        "The scroll id is not valid, or its time is over.", "Begin again without a scroll id."
    ),
    "ASK-1004": CodeInfo(
        "The content type or coding of the body is not taken.", "Send application/json."
    ),
    "CUS-1001": CodeInfo("No such customer.", "Check the key."),
    "CUS-1002": CodeInfo(
        "No call is known that has this id.", "Ask within some days of sending it."
    ),
    # Calls
    "CAL-1001": CodeInfo(
        "The call's message is not a JSON object, or nested too deeply.", "Send one object a call."
    ),
    "CAL-1002": CodeInfo("The call names nobody.", "Send userId, anonymousId or both."),
    "CAL-1003": CodeInfo("A track call without a name.", "Send its name as event."),
    "CAL-1004": CodeInfo(
        "A group call's groupId is missing or too long.", "Send 1 to 500 characters."
    ),
    "CAL-1005": CodeInfo("A part of the call has a wrong type.", "Correct the part that is named."),
    "CAL-1006": CodeInfo("The call's timestamp cannot be read.", "Send ISO 8601, or leave it out."),
    "CAL-1007": CodeInfo("More than 300 traits or properties.", "Spread them over several calls."),
    "CAL-1008": CodeInfo("messageId has more than 100 characters.", "Send a UUID."),
    "CAL-1009": CodeInfo("The call has more than 32 KiB.", "Send less with one call."),
    "CAL-1010": CodeInfo("An id has more than 512 bytes.", "Send a shorter one."),
    "CAL-1011": CodeInfo(
        "The call's event contradicts its route.", "Leave event out, or use the event's route."
    ),
    "CAL-1012": CodeInfo(
        "A command does not say what it commands.",
        "Send assetId, or properties.journeyIdToTrigger for start_journey.",
    ),
    "CAL-1013": CodeInfo(
        "An alias would make one customer of two users.",
        "Alias anonymous visitors only, or let the account merge users, and replay the record.",
    ),
    "CAL-1014": CodeInfo("The customer is suppressed.", "Send nothing of them."),
    "CAL-1015": CodeInfo("An alias call without a previousId.", "Send previousId."),
    "CAL-1016": CodeInfo(
        "The tracking plan does not have the call's event or traits.",
        "Extend the plan and replay the record.",
    ),
    "CAL-2001": CodeInfo(
        "The body is not a batch of calls, or too large a one.",
        "Send batch, an array of 1 to 2,500 calls, at /v1 of 500 KB at most.",
    ),
    # Any door
    "API-1001": CodeInfo("The path does not exist.", "Check the URL."),
    "API-1002": CodeInfo("The method is not allowed here.", "Use a method of the Allow header."),
    "API-1003": CodeInfo("The body is not valid JSON or has a wrong shape.", "Correct the body."),
    "API-1004": CodeInfo("A usable Content-Type is missing.", "Send application/json."),
    "API-1005": CodeInfo("The body is too large.", "Send a smaller body."),
    "API-1006": CodeInfo("The body did not arrive in time.", "Send it again."),
    "API-1007": CodeInfo("The URL is too long.", "Send a shorter one."),
    "API-1008": CodeInfo(
        "x-onefold-min-position is no position of this sandbox.",
        "Send the number that a write in this sandbox answered as x-onefold-position.",
    ),
    "API-9001": CodeInfo("A defect of the server.", "Report the request id."),
    "API-9002": CodeInfo("The server cannot answer now; nothing was done.", "Try again."),
    "API-9003": CodeInfo(
        "What the read has to know of was accepted and is not applied yet.", "Read again."
    ),
    # Changes
    "CHG-1001": CodeInfo(
        "The log of changes does not go back so far.",
        "Read anew what you follow, then go on without a cursor.",
    ),
    "CHG-1002": CodeInfo(
        "As many streams of changes are open as the server allows.", "Try again later."
    ),
}


class PlatformError(Exception):
    """An error with a code of `CODES`.

    at: JSON pointer, parameter name or position, where the fault is. facts: exact values for the
    message and the body; never secrets or personal values.
    """

    def __init__(
        self, code: str, detail: str = "", *, at: str | None = None, **facts: object
    ) -> None:
        self.code = code
        self.detail = detail or CODES[code].meaning
        self.at = at
        self.facts = facts
        super().__init__(f"{code}: {self.detail}")


class Rejected(PlatformError):
    """The caller can fix it. Never retried by us."""


class Malformed(Rejected):
    """The input breaks a rule of form."""


class NotFound(Rejected):
    """The thing asked for does not exist in the caller's organisation and sandbox."""


class Conflict(Rejected):
    """The thing exists already, or is in a state that forbids the act."""


class Forbidden(Rejected):
    """The caller is not allowed to do it."""


class OverLimit(Rejected):
    """A documented limit would be exceeded."""


class Unavailable(PlatformError):
    """Nothing was done; trying again may work."""


class Defect(PlatformError):
    """Ours. Logged whole, shown to callers only as an id."""

    def __init__(self, detail: str) -> None:
        super().__init__("API-9001", detail)
