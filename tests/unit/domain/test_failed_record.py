"""Failed records as lines of a file. Source: ingestion contract, 8."""

from __future__ import annotations

import json
from typing import Any

from onefold.domain.failed_record import FailedRecord, Fault, as_export_line

MESSAGE = {"header": {"datasetId": "d"}, "body": {"xdmEntity": {"n": "é"}}}


def _line(fault: Fault, message: bytes = json.dumps(MESSAGE).encode()) -> Any:
    line = as_export_line(FailedRecord(1, fault, "d", "i", "t", 0, 0, message))
    assert b"\n" not in line
    return json.loads(line)


def test_violations_stand_beside_header_and_body() -> None:
    violation = {
        "keyword": "format",
        "message": "no date",
        "pointer": "#/timestamp",
        "schema_location": "#/properties/timestamp",
    }
    errors = json.dumps([violation]).encode()
    assert _line(Fault("normalize", "REC-1001", "no date", "/timestamp", errors)) == {
        **MESSAGE,
        "_errors": {
            "_validationErrors": [
                {
                    "causingExceptions": [],
                    "keyword": "format",
                    "message": "no date",
                    "pointerToViolation": "#/timestamp",
                    "schemaLocation": "#/properties/timestamp",
                }
            ]
        },
    }


def test_other_faults_are_one_error_with_their_code() -> None:
    assert _line(Fault("normalize", "REC-1004", "bad _id", "/_id"))["_errors"] == {
        "_validationErrors": [
            {"code": "REC-1004", "message": "bad _id", "pointerToViolation": "#/_id"}
        ]
    }
    (error,) = _line(Fault("normalize", "REC-1007", "gone"))["_errors"]["_validationErrors"]
    assert error == {"code": "REC-1007", "message": "gone"}


def test_missing_source_name_is_an_error_of_streaming() -> None:
    text = "Payload header is missing Source Name"
    assert _line(Fault("normalize", "REC-1008", text))["_errors"] == {
        "_streamingValidation": [{"message": text}]
    }


def test_message_that_is_no_object_is_kept_as_text() -> None:
    for raw, text in ((b"[1]", "[1]"), (b"{", "{"), (b"\xff{", "\ufffd{"), (b"\xed", "\ufffd")):
        assert _line(Fault("s", "REC-1001", ""), raw)["_corrupt_record"] == text


def test_message_that_was_taken_out_leaves_the_errors() -> None:
    assert _line(Fault("s", "REC-1001", ""), b"").keys() == {"_errors"}
