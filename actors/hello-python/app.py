"""Answers every HTTP request with one line, from Python: no actor here is special to Rust.

Built with componentize-py, which puts a CPython interpreter and this file into one component:

    componentize-py -d wit componentize app -o hello-python.wasm

`componentize-py -d wit bindings .` writes the modules imported below, for an editor to complete from.
"""

from platform import python_version

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam


class IncomingHandler(exports.IncomingHandler):
    """Exports `wasi:http/incoming-handler`."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path = request.path_with_query() or "/"
        text = f"Hello from Python {python_version()} on the lattice! You asked for {path}\n"

        response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain; charset=utf-8")]))
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        with body.write() as stream:
            # One call takes 4096 bytes at most; a path may be longer than that.
            octets = text.encode()
            for start in range(0, len(octets), 4096):
                stream.blocking_write_and_flush(octets[start : start + 4096])
        OutgoingBody.finish(body, None)
