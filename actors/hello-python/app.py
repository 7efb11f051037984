"""Answers `GET /` with a greeting, and `GET /?name=Ada` with one for Ada, from Python.

componentize-py puts a CPython interpreter and this file into one component. `componentize-py -d wit bindings .` writes the modules
imported below, for an editor to complete from.
"""

from urllib.parse import parse_qs

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam


class IncomingHandler(exports.IncomingHandler):
    """Exports `wasi:http/incoming-handler`."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        status, line = answer(request.path_with_query() or "/")

        response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain; charset=utf-8")]))
        response.set_status_code(status)
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        with body.write() as stream:
            # One call takes 4096 bytes at most; a name may be longer than that.
            octets = f"{line}\n".encode()
            for start in range(0, len(octets), 4096):
                stream.blocking_write_and_flush(octets[start : start + 4096])
        OutgoingBody.finish(body, None)


def answer(target: str) -> tuple[int, str]:
    """The status and the line that answer a request for a path with its query."""
    path, _, query = target.partition("?")
    if path != "/":
        return 404, "nothing is here but /"
    name = parse_qs(query).get("name", [""])[0]
    return 200, f"Hello, {name}, from Python!" if name else "Hello from Python!"
