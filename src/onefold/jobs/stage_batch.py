"""Staging: the rows of a batch's files, read, converted and judged, one after the other into one
file. Nothing of them is in the journal yet, so a batch that is too bad leaves nothing behind.

A line of the staged file is one row, without its line end an entity as its schema wants it. Corrupt
rows are empty lines, so that a row keeps its number. Rows that can be read and do not fit stand
there as they were sent: when the batch tolerates them they become failed records, which can be
looked at and replayed. Source: ingestion contract, 6 and 7.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from onefold.domain import mapping
from onefold.domain.message import DEPTH_MAX
from onefold.domain.profile import partial
from onefold.domain.xdm.conform import conformed
from onefold.domain.xdm.validate import Violation
from onefold.errors import Malformed, NotFound
from onefold.inlet.uploads import Folder
from onefold.jobs.row_errors import CORRUPT, MISFIT, MISSING, Found, RowErrors
from onefold.jobs.workshop import Workshop
from onefold.lake.formats import Corrupt, Row, rows
from onefold.store.snapshot import Schema
from onefold.store.tables import mapping_sets
from onefold.store.tables.batch_files import BatchFile
from onefold.store.tables.batches import Batch
from onefold.wire import JSON, decode_json, encode_json

STEP_ROWS = 5_000
MAPPER_TAG = "aep_sip_mapper"
_MAPPING_ID = "mapping-set-id:"

_Read = Callable[[bytes], JSON]


def staged(
    batch: Batch, files: Sequence[BatchFile], shop: Workshop, folder: Folder
) -> Iterator[JSON | Found]:
    """Write the staged file anew, in steps; yields progress, and at last what was found.

    Raises Malformed BAT-1007 for a file that cannot be read, with the facts `fault` and `path`,
    CTL-1008 for a mapping that does not fit; NotFound CTL-1007 for a dataset, schema or mapping set
    that is gone.
    """
    stager = _Stager(batch, shop, folder)
    with folder.staged.open("wb") as out:
        lines: list[bytes] = []
        for file in files:
            try:
                for row in rows(folder.input(file.path), batch.details.input_format):
                    lines.append(stager.line(row, file.path))
                    if len(lines) == STEP_ROWS:
                        out.writelines(lines)
                        stager.rows += len(lines)
                        lines.clear()
                        yield {"stage": "read", "rows": stager.rows}
            except Malformed as bad:
                bad.facts["path"] = file.path
                raise
        out.writelines(lines)
        stager.rows += len(lines)
    stager.errors.write()
    yield stager.found()


class _Stager:
    """Judges the rows of one batch by one generation of its schema. rows: how many are written."""

    def __init__(self, batch: Batch, shop: Workshop, folder: Folder) -> None:
        snapshot = shop.definitions.snapshot(shop.sandbox.id)
        dataset = snapshot.datasets.get(batch.dataset)
        schema = snapshot.schemas.get(dataset.schema_id) if dataset else None
        if dataset is None or schema is None:
            raise NotFound("CTL-1007", "The dataset or its schema does not exist any more")
        self._details = batch.details
        self._root = schema.root
        self._compiled = schema.compiled
        self._accepts = _is_object if dataset.validation_disabled else schema.compiled.accepts
        self._is_judged = not dataset.validation_disabled
        self._upserts = dataset.upserts
        self._mapping = _mapping(batch, shop, schema)
        self._is_csv = batch.details.input_format["format"] == "csv"
        self.errors = RowErrors(folder.errors if batch.details.diagnostics else None)
        self.rows = 0

    def line(self, row: Row, path: str) -> bytes:
        """The row's line of the staged file."""
        if isinstance(row, Corrupt):
            self.errors.note(CORRUPT, row.reason, row.raw, path)
            return b"\n"
        if (
            not self._is_csv
            and self._mapping is None
            and row.count(b"{") + row.count(b"[") <= DEPTH_MAX
            and self._accepts(row)
        ):
            return row + b"\n"
        return self._mended(row, path)

    def found(self) -> Found:
        bad, corrupt = self.errors.bad, self.errors.counts[CORRUPT]
        too_many = bad * 100 > self._details.failures_percent_max * self.rows
        taken = 0 if too_many else self.rows - bad
        errors = self.errors.told(ingested=taken)
        return Found(self.rows, bad, corrupt, too_many, errors)

    def _mended(self, row: bytes, path: str) -> bytes:
        """The line of a row that has to be converted, or that is bad."""
        try:
            sent = decode_json(row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as bad:
            reason = "nested too deeply" if isinstance(bad, RecursionError) else str(bad)
            self.errors.note(CORRUPT, f"The row is no JSON: {reason}", row, path)
            return b"\n"
        if not isinstance(sent, dict):
            self.errors.note(CORRUPT, "The row is no object", row, path)
            return b"\n"
        if self._is_csv and self._mapping is None:
            sent = _nested(sent)
        if _depth(sent) > DEPTH_MAX:
            self.errors.note(CORRUPT, f"The row has more than {DEPTH_MAX} levels", row, path)
            return b"\n"
        entity, misfits = self._entity(sent)
        line = encode_json(entity) + b"\n"
        if misfits:
            self.errors.note(MISFIT, f"TypeCompatibilityException: {misfits[0]}", row, path)
        elif self._is_judged and (found := self._violations(entity)):
            null = found[0].keyword == "required" or _is_null(entity, found[0].pointer)
            code = MISSING if null else MISFIT
            self.errors.note(code, f"{found[0].pointer}: {found[0].message}", row, path)
        return line

    def _violations(self, entity: JSON) -> list[Violation]:
        """Why an entity does not fit; of a dataset that upserts, rows may be parts of records."""
        if self._upserts:
            return partial.violations(self._compiled, entity)
        return self._compiled.violations(entity, limit=1)

    def _entity(self, sent: dict[str, JSON]) -> tuple[JSON, list[str]]:
        """The entity of a row, and what could not be converted."""
        if self._mapping is not None:
            mapped = self._mapping.applied(sent, nulls=self._upserts)
            return mapped.entity, [f"{one.at}: {one.detail}" for one in mapped.misfits]
        entity, misfits = conformed(sent, self._root)
        return entity, [f"{one.at}: {one.detail}" for one in misfits]


def _mapping(batch: Batch, shop: Workshop, schema: Schema) -> mapping.Mapping | None:
    """The mapping that the batch's tags name."""
    for tag in batch.details.tags.get(MAPPER_TAG, ()):
        if not tag.startswith(_MAPPING_ID):
            continue
        id_ = tag.removeprefix(_MAPPING_ID)
        stored = mapping_sets.by_id(shop.places.control(), shop.sandbox.id, id_)
        if stored is None:
            raise NotFound("CTL-1007", "The mapping set does not exist any more")
        return mapping.compiled(schema.root, stored.pairs)
    return None


def _nested(flat: dict[str, JSON]) -> dict[str, JSON]:
    """An object of dot paths as nested objects. A column inside another one's field wins."""
    tree: dict[str, JSON] = {}
    for column, value in flat.items():
        *above, name = column.split(".")
        node = tree
        for step in above:
            inner = node.get(step)
            if not isinstance(inner, dict):
                inner = node[step] = {}
            node = inner
        node[name] = value
    return tree


def _is_object(row: bytes) -> bool:
    """Whether a row is an object, for datasets whose records are not validated."""
    try:
        return isinstance(decode_json(row), dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _is_null(entity: JSON, pointer: str) -> bool:
    """Whether null stands where the pointer leads."""
    value = entity
    for step in pointer.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name, "")
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False
    return value is None


def _depth(value: JSON) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        deeper: list[JSON] = []
        for one in level:
            inner = one.values() if isinstance(one, dict) else one
            deeper.extend(each for each in inner if isinstance(each, dict | list))
        level = deeper
    return depth
