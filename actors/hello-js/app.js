// Answers `GET /` with a greeting, and `GET /?name=Ada` with one for Ada, from JavaScript.
//
// jco puts StarlingMonkey, an engine made for components, and this file into one component. An interface is a module to import,
// or an object to export.

import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.12";

/** Exports `wasi:http/incoming-handler`. */
export const incomingHandler = {
  handle(request, responseOut) {
    const [status, line] = answer(request.pathWithQuery() ?? "/");
    const octets = new TextEncoder().encode(`${line}\n`);

    const headers = Fields.fromList([["content-type", new TextEncoder().encode("text/plain; charset=utf-8")]]);
    const response = new OutgoingResponse(headers);
    response.setStatusCode(status);
    const body = response.body();
    ResponseOutparam.set(responseOut, { tag: "ok", val: response });
    const stream = body.write();
    // One call takes 4096 bytes at most; a name may be longer than that.
    for (let start = 0; start < octets.length; start += 4096) {
      stream.blockingWriteAndFlush(octets.subarray(start, start + 4096));
    }
    // A body ends only after its stream.
    stream[Symbol.dispose]();
    OutgoingBody.finish(body);
  },
};

/** The status and the line that answer a request for a path with its query. */
function answer(target) {
  const [path, ...query] = target.split("?");
  if (path !== "/") {
    return [404, "nothing is here but /"];
  }
  const name = new URLSearchParams(query.join("?")).get("name");
  return [200, name ? `Hello, ${name}, from JavaScript!` : "Hello from JavaScript!"];
}
