"""The API's OpenAPI document, and the script of its pages. Constants."""

from typing import Any

from exporter.stores.asking import (
    DEFAULT_LAST,
    DEFAULT_ROWS,
    MAX_DAYS,
    MAX_OFFSET,
    MAX_ROWS,
    MAX_SEARCH_CHARS,
    ORDERS,
    SHAPES,
)
from exporter.stores.formats import FORMATS
from exporter.stores.parse import MAX_ID_CHARS

_UUID = {"type": "string", "format": "uuid"}
_STATUS = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


def _answer(text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema or _STATUS}}}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


_COUNT = {"type": "integer", "minimum": 0}
_BUSY = _answer("The disk is full, or too many requests are waiting; try again later.")
_FORMAT: dict[str, Any] = {"name": "format", "in": "query", "schema": {"type": "string", "enum": ["csv", "json"]}}
_REPORT_ANSWERS = {
    "200": {
        "description": "The report, as JSON with the CSV in `data`, or as the CSV itself.",
        "content": {
            "application/json": {"schema": _object(status={"const": "Complete"}, data={"type": "string"})},
            "text/csv": {"schema": {"type": "string"}},
        },
    },
    "202": _answer("Not ready yet.", _object(status={"const": "Running"})),
    "400": _answer("The id is missing or malformed."),
    "404": _answer("No such report."),
    "500": _answer("The report could not be made.", _object(status={"const": "Failed"}, reason={"type": "string"})),
    "503": _BUSY,
}
_TRIGGER: dict[str, Any] = {
    "summary": "Ask for a report of all stores.",
    "responses": {
        "200": _answer("Its id.", _object(status={"const": "success"}, report_id=_UUID)),
        "503": _BUSY,
    },
}
_IN_QUERY: list[dict[str, Any]] = [{"name": "report_id", "in": "query", "required": True, "schema": _UUID}, _FORMAT]
_IN_PATH: list[dict[str, Any]] = [{"name": "report_id", "in": "path", "required": True, "schema": _UUID}, _FORMAT]
_IN_BODY = {"required": True, "content": {"application/json": {"schema": _object(report_id=_UUID)}}}


def _get_report(method: str, parameters: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    where = "path" if parameters is _IN_PATH else "query" if parameters is _IN_QUERY else "body"
    return {
        "operationId": f"{method}_report_by_{where}",
        "summary": f"The report, or how far it is; its id in the {where}.",
        "parameters": parameters,
        "responses": _REPORT_ANSWERS,
        **more,
    }


def _parameter(name: str, text: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": {"type": "string", **schema}}


def _shaped(name: str, text: str) -> dict[str, Any]:
    """A parameter of one of the shapes; empty is as if not given."""
    shape = SHAPES[name]
    return {**_parameter(name, text, pattern=f"^(?:{shape.pattern})?$"), "example": shape.example}


_CLOCK = "in the zone of each store, or of `tz`"
_RANGE = [
    _shaped("month", f"A month, {_CLOCK}. At most one of month, quarter, last, and from (with or without to)."),
    _shaped("quarter", f"A quarter, {_CLOCK}."),
    _shaped("last", f"A duration before the newest poll. Default: {DEFAULT_LAST}."),
    _shaped("from", f"A date or time at which the range begins, {_CLOCK} unless it names one."),
    _shaped("to", "A date or time before which it ends. Default: the newest poll."),
    _shaped("range", "month, quarter or last in one text, for a form; ignored where another range is given."),
    _shaped("tz", "One zone for the range of all stores."),
]
_ROWS = [
    _parameter("format", "Default: json.", enum=["", *FORMATS]),
    _shaped("group_by", "Rows of groups: timezone, or a label that stores have."),
    _shaped("group", "One of these groups: the rows are its stores."),
    _parameter("q", "Only rows whose store, zone, label or note contains this text.", maxLength=MAX_SEARCH_CHARS),
    _shaped("sort", "The column to sort by."),
    _parameter("order", "Default: asc.", enum=["", *ORDERS]),
    _parameter(
        "limit", f"Maximum number of rows. Default: {DEFAULT_ROWS}.", type="integer", minimum=0, maximum=MAX_ROWS
    ),
    _parameter("offset", "Number of rows to skip.", type="integer", minimum=0, maximum=MAX_OFFSET),
]
_WRONG_RANGE = {
    "400": _answer("A parameter is unknown, duplicate or malformed; `status` says what would be right."),
    "422": _answer(
        f"Each parameter is well-formed, and they make no range of at most {MAX_DAYS} days, zone or column."
    ),
}
_TABLE = {
    "description": "The rows. JSON also has the range, the figures of all stores together, and the caveats.",
    "headers": {"X-Total-Count": {"description": "Rows that match.", "schema": {"type": "integer"}}},
    "content": {
        kind: {"schema": {"type": "object"} if kind == "application/json" else {"type": "string"}}
        for kind in FORMATS.values()
    },
}

_POLL = _object(
    store_id={"type": ["string", "integer"]},
    status={
        "type": ["string", "integer", "boolean"],
        "description": "active, inactive or unknown; other values make the row invalid and its store's state unknown",
    },
    timestamp_utc={"type": ["string", "number"]},
)

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Tidewatch stores",
        "version": "1",
        "description": "Uptime of stores within their business hours, from status polls.",
    },
    "paths": {
        "/trigger_report": {
            "get": {"operationId": "trigger_report", **_TRIGGER},
            "post": {"operationId": "post_trigger_report", **_TRIGGER},
        },
        "/get_report": {
            "get": _get_report("get", _IN_QUERY),
            "post": _get_report("post", [_FORMAT], requestBody=_IN_BODY),
        },
        "/get_report/{report_id}": {"get": _get_report("get", _IN_PATH), "post": _get_report("post", _IN_PATH)},
        "/polls": {
            "post": {
                "operationId": "post_polls",
                "summary": "Take polls in: CSV with a header, or a JSON array.",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"type": "array", "items": _POLL}},
                        "text/csv": {"schema": {"type": "string", "pattern": "^store_id,status,timestamp_utc\n"}},
                    },
                },
                "responses": {
                    "200": _answer(
                        "Numbers of rows by result; late rows are also counted as new.",
                        _object(
                            status={"const": "success"},
                            **dict.fromkeys(("rows", "new", "late", "duplicate", "conflict", "invalid"), _COUNT),
                        ),
                    ),
                    "400": _answer("Neither CSV with the header of polls nor a JSON array of polls."),
                    "413": _answer("Too much at a time."),
                    "503": _BUSY,
                },
            }
        },
        "/report": {
            "get": {
                "operationId": "get_range_report",
                "summary": "Uptime of all stores over any range, in hours and percentages of business time.",
                "parameters": [*_RANGE, *_ROWS],
                "responses": {"200": _TABLE, **_WRONG_RANGE, "503": _BUSY},
            }
        },
        "/stores/{store_id}": {
            "get": {
                "operationId": "get_store",
                "summary": "One store: its windows or a range, its time in intervals of one state, and its polls.",
                "parameters": [
                    *_RANGE,
                    {
                        "name": "store_id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS},
                    },
                ],
                "responses": {
                    "200": _answer("The store.", {"type": "object"}),
                    **_WRONG_RANGE,
                    "404": _answer("No file names this store."),
                    "503": _BUSY,
                },
            }
        },
    },
}

SCRIPT = """'use strict';
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const form = document.getElementById('asking');
let newest = 0;
async function show(url) {
  const turn = ++newest;
  const answer = await fetch(url);
  if (!answer.ok || turn !== newest) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  if (turn !== newest) return;
  document.getElementById('found').replaceWith(page.getElementById('found'));
  for (const field of page.querySelectorAll('#asking input[type=hidden]')) {
    const own = form.elements[field.name];
    if (own) own.value = field.value;
    else form.append(field);
  }
  history.replaceState(null, '', url);
}
function asked() {
  const given = [...new FormData(form)].filter(([, value]) => value);
  return '?' + new URLSearchParams(given);
}
let waiting = 0;
form.addEventListener('input', (event) => {
  if (event.target.name === 'range') form.elements.from.value = form.elements.to.value = '';
  clearTimeout(waiting);
  waiting = setTimeout(() => show(asked()), event.target.type === 'search' ? 250 : 0);
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  show(asked());
});
document.addEventListener('click', (event) => {
  const link = event.target.closest('thead a, nav.pages a[rel]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const name = link.textContent.replace(/[^A-Za-z, %]/g, '').trim();
  show(link.getAttribute('href')).then(() => {
    const again = [...document.querySelectorAll('thead a')].find((a) => a.textContent.startsWith(name));
    if (again) again.focus();
  });
});
const make = document.getElementById('make');
const state = document.getElementById('state');
if (make) make.addEventListener('click', async () => {
  try {
    state.textContent = 'asking ...';
    const {status, report_id: id} = await (await fetch('trigger_report', {method: 'POST'})).json();
    if (!id) throw new Error(status);
    const url = 'get_report/' + id + '?format=csv';
    for (let answer; (answer = await fetch(url)).status !== 200; await pause(300)) {
      const told = await answer.json();
      if (answer.status !== 202) throw new Error(told.reason || told.status);
      state.textContent = 'being made ...';
    }
    const link = Object.assign(document.createElement('a'), {href: url, textContent: 'download the CSV'});
    state.replaceChildren('ready: ', link);
  } catch (error) {
    state.textContent = 'failed: ' + error.message;
  }
});
"""
