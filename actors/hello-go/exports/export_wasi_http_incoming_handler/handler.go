// Package export_wasi_http_incoming_handler exports `wasi:http/incoming-handler`.
package export_wasi_http_incoming_handler

import (
	"fmt"
	"net/url"
	"strings"

	. "wit_component/imports/wasi_http_types"

	. "go.bytecodealliance.org/pkg/wit/types"
)

// What one call of a stream takes.
const chunk = 4096

// Handle answers one request.
func Handle(request *IncomingRequest, responseOut *ResponseOutparam) {
	target := request.PathWithQuery().SomeOr("/")
	request.Drop()
	status, line := answer(target)

	headers := MakeFields()
	headers.Set("content-type", [][]byte{[]byte("text/plain; charset=utf-8")})
	response := MakeOutgoingResponse(headers)
	response.SetStatusCode(status)
	body := response.Body().Ok()
	ResponseOutparamSet(responseOut, Ok[*OutgoingResponse, ErrorCode](response))

	stream := body.Write().Ok()
	for rest := []byte(line + "\n"); len(rest) > 0; {
		next := rest[:min(len(rest), chunk)]
		if stream.BlockingWriteAndFlush(next).IsErr() {
			// Whoever asked has gone away.
			break
		}
		rest = rest[len(next):]
	}
	// A body ends only after its stream.
	stream.Drop()
	OutgoingBodyFinish(body, None[*Fields]())
}

// The status and the line that answer a request for a path with its query.
func answer(target string) (uint16, string) {
	path, query, _ := strings.Cut(target, "?")
	if path != "/" {
		return 404, "nothing is here but /"
	}
	// What of the query cannot be read counts as not there.
	values, _ := url.ParseQuery(query)
	if name := values.Get("name"); name != "" {
		return 200, fmt.Sprintf("Hello, %s, from Go!", name)
	}
	return 200, "Hello from Go!"
}
