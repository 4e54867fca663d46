"""SETTINGS, the one table of what an operator can set; the only reader of the environment.

Each row is an environment variable ONEFOLD_<NAME>, and a line of docs/reference/settings.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from onefold.errors import Malformed


class Setting(NamedTuple):
    """One row: name, type, default, unit ("" when it has none) and what it does."""

    name: str
    type: type
    default: str | int | bool
    unit: str
    help: str


SETTINGS = (
    Setting("region", str, "va7", "", "Region suffix of the ingest traces in a profile's `tags`."),
    Setting("public_url", str, "", "", "Base URL that clients see; default: host and port served."),
    Setting(
        "profiles_host",
        str,
        "",
        "",
        "`HOST` or `HOST:PORT` for `/track/…`: such paths are found at this host only, and others"
        " are not found there. By default every host will do; so for the next three.",
    ),
    Setting("events_host", str, "", "", "`HOST` or `HOST:PORT` for `/cdp/…`."),
    Setting(
        "segment_host",
        str,
        "",
        "",
        "`HOST` or `HOST:PORT` for `/v1/…` but `/v1/spaces/…`; libraries are told it.",
    ),
    Setting("segment_profiles_host", str, "", "", "`HOST` or `HOST:PORT` for `/v1/spaces/…`."),
    Setting(
        "ims_hosts",
        str,
        "ims-na1.adobelogin.com",
        "",
        "Hosts accepted in a JWT's `aud` and scopes besides the server's own, comma-separated.",
    ),
    Setting("body_bytes_max", int, 1_000_000, "bytes", "Largest body of a collection request."),
    Setting("body_seconds_max", int, 30, "seconds", "Longest time that a body may take to arrive."),
    Setting(
        "file_bytes_max", int, 268_435_456, "bytes", "Largest upload of a file, or of a part of it."
    ),
    Setting("file_seconds_max", int, 3600, "seconds", "Longest time that an upload may take."),
    Setting(
        "batch_bytes_max",
        int,
        107_374_182_400,
        "bytes",
        "Largest batch, all of its files together.",
    ),
    Setting(
        "batch_loading_hours",
        int,
        168,
        "hours",
        "How long a batch stays open without a change before it is abandoned, its files deleted.",
    ),
    Setting(
        "default_tenant",
        str,
        "",
        "",
        "`CLIENT/ACCOUNT` or `CLIENT/ACCOUNT/BRAND` that `/track/v1/…` stands for; without it there"
        " is no such path.",
    ),
    Setting(
        "rate_per_second",
        int,
        100,
        "requests",
        "Requests a second that an API key may make in an account, and a client without a valid key"
        " in vain; 0: as many as it likes.",
    ),
    Setting("rate_burst", int, 500, "requests", "How many of them may come at once."),
    Setting(
        "segment_rate_per_second",
        int,
        1000,
        "requests",
        "Requests a second that a write key may make; 0: as many as it likes.",
    ),
    Setting("segment_rate_burst", int, 2000, "requests", "How many of them may come at once."),
    Setting(
        "derived_write_keys",
        int,
        0,
        "",
        "1: base64 of `CLIENT:ACCOUNT:BRAND` is a write key of that account; anybody can guess it.",
    ),
    Setting(
        "lenient_write_keys",
        int,
        0,
        "",
        "1: calls with a write key that nobody has are answered 200, as Segment does, and lost.",
    ),
    Setting(
        "marketing_preferences",
        int,
        0,
        "",
        "1: who knows the subscription id of a customer reads and sets the marketing preferences.",
    ),
    Setting("token_seconds", int, 86_400, "seconds", "Life of an access token."),
    Setting(
        "sync_validations_per_minute",
        int,
        60,
        "requests",
        "Synchronous validations that one inlet allows in a minute.",
    ),
    Setting("record_bytes_max", int, 100_000, "bytes", "Largest record that a profile takes."),
    Setting("event_bytes_max", int, 10_000, "bytes", "Largest event that a profile takes."),
    Setting("future_seconds_max", int, 60, "seconds", "How far an event's clock may run ahead."),
    Setting("batch_records_max", int, 8000, "records", "Records that one pipeline commit takes."),
    Setting(
        "journal_keep_hours",
        int,
        168,
        "hours",
        "How long accepted records stay in the journal once profiles and lake have them.",
    ),
    Setting(
        "call_ids_days",
        int,
        7,
        "days",
        "How long the ids of calls are remembered, to tell repeats and answer what became of one;"
        " 1 at least.",
    ),
    Setting(
        "journal_backlog_max", int, 1_000_000, "records", "Backlog above which inlets answer 503."
    ),
    Setting(
        "answers_bytes_max",
        int,
        256_000_000,
        "bytes",
        "Encoded profiles that one HTTP worker keeps to answer again while they hold.",
    ),
    Setting(
        "edge_region",
        str,
        "",
        "",
        "Name of the region that profiles tell as the one where people were seen, from their events"
        " of 14 days; none by default. With one, no answers are kept.",
    ),
    Setting(
        "change_streams_max",
        int,
        100,
        "streams",
        "Streams of changes that one HTTP worker has open at a time; others are answered 503.",
    ),
    Setting(
        "preview_profiles_max",
        int,
        1_000_000,
        "profiles",
        "Size of a preview sample; in a store of up to so many people it is everybody.",
    ),
    Setting(
        "lake_memory_bytes",
        int,
        512_000_000,
        "bytes",
        "Memory that a process gives to the queries of one sandbox's lake, once it is used.",
    ),
    Setting(
        "lenient_content_types",
        int,
        0,
        "",
        "1: projections and their destinations are also taken as plain `application/json`.",
    ),
    Setting(
        "misspelt_not_found",
        int,
        0,
        "",
        "1: traits of nobody are answered with the published text of the Profiles API, in which a"
        " letter is missing.",
    ),
    Setting(
        "anonymous_reads",
        int,
        1,
        "",
        "0: customers are not found by `anonymousId:` in the Profiles API.",
    ),
    Setting(
        "signed_subscriptions",
        int,
        0,
        "",
        "1: a `_subscriptionId` is signed, and one without its signature is refused.",
    ),
    Setting(
        "filled_names",
        int,
        0,
        "",
        "1: the Profiles API shows first and last name as `name` of who has no such trait.",
    ),
    Setting(
        "context_traits",
        int,
        0,
        "",
        "1: `context.traits` of a track call change its sender's traits, as an identify call does.",
    ),
    Setting(
        "error_request_ids",
        int,
        0,
        "",
        "1: errors of the Profiles API tell the id of the request, as `requestId`.",
    ),
    Setting("log_level", str, "info", "", "Least severe log events written: debug, info, warning."),
)


_HOSTS = tuple(row.name for row in SETTINGS if row.name.endswith("_host"))
_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?(:[0-9]{1,5})?")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process, read once and passed by hand."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    region: str = "va7"
    public_url: str = ""
    profiles_host: str = ""
    events_host: str = ""
    segment_host: str = ""
    segment_profiles_host: str = ""
    ims_hosts: str = "ims-na1.adobelogin.com"
    body_bytes_max: int = 1_000_000
    body_seconds_max: int = 30
    file_bytes_max: int = 268_435_456
    file_seconds_max: int = 3600
    batch_bytes_max: int = 107_374_182_400
    batch_loading_hours: int = 168
    default_tenant: str = ""
    rate_per_second: int = 100
    rate_burst: int = 500
    segment_rate_per_second: int = 1000
    segment_rate_burst: int = 2000
    derived_write_keys: int = 0
    lenient_write_keys: int = 0
    marketing_preferences: int = 0
    token_seconds: int = 86_400
    sync_validations_per_minute: int = 60
    record_bytes_max: int = 100_000
    event_bytes_max: int = 10_000
    future_seconds_max: int = 60
    batch_records_max: int = 8000
    journal_keep_hours: int = 168
    call_ids_days: int = 7
    journal_backlog_max: int = 1_000_000
    answers_bytes_max: int = 256_000_000
    edge_region: str = ""
    change_streams_max: int = 100
    preview_profiles_max: int = 1_000_000
    lake_memory_bytes: int = 512_000_000
    lenient_content_types: int = 0
    misspelt_not_found: int = 0
    anonymous_reads: int = 1
    signed_subscriptions: int = 0
    filled_names: int = 0
    context_traits: int = 0
    error_request_ids: int = 0
    log_level: str = "info"

    @property
    def base_url(self) -> str:
        """Where clients reach this server, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def settings(data: Path, *, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings of a process: what is given, else ONEFOLD_* of the environment, else the default.

    Raises Malformed CTL-1008 when a variable does not have the type of its row, or the host of a
    door is no name of a host.
    """
    source = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for row in SETTINGS:
        text = source.get(f"ONEFOLD_{row.name.upper()}")
        if text is None:
            continue
        try:
            values[row.name] = row.type(text)
        except ValueError as bad:
            raise Malformed(
                "CTL-1008", f"ONEFOLD_{row.name.upper()} must be a {row.type.__name__}"
            ) from bad
    values |= given
    for name in _HOSTS:
        if not _HOST.fullmatch(values.get(name) or "unset"):
            raise Malformed("CTL-1008", f"ONEFOLD_{name.upper()} must be HOST or HOST:PORT")
    return Settings(data=data, **values)


def shared_metrics(data: Path) -> str:
    """Have the metrics of all processes of this server written into one directory, and answer its
    path. To be called before anything imports prometheus_client, which looks there once. The server
    empties the directory when it has the data directory for itself.
    """
    directory = data / "run" / "metrics"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    return str(directory)
