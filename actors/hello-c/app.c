// Answers `GET /` with a greeting, and `GET /?name=Ada` with one for Ada, from C.
//
// `wit-bindgen c` writes `generated/hello.h` from the interfaces in `wit`: what is imported is declared there, and what is exported,
// here `wasi:http/incoming-handler`, is defined below.

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generated/hello.h"

// What one call of a stream takes.
#define CHUNK 4096

static int digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

// Undoes the encoding of a query's value in place, and tells how long it is then.
static size_t decode(char *text, size_t length) {
  size_t to = 0;
  for (size_t from = 0; from < length; from++, to++) {
    int high = from + 2 < length ? digit(text[from + 1]) : -1;
    int low = high < 0 ? -1 : digit(text[from + 2]);
    if (text[from] == '%' && low >= 0) {
      text[to] = (char)(high << 4 | low);
      from += 2;
    } else {
      text[to] = text[from] == '+' ? ' ' : text[from];
    }
  }
  return to;
}

// The value of `name` in a query, decoded in place; none is an empty one.
static size_t name_in(char *query, size_t length, char **name) {
  static const char KEY[] = "name=";
  for (size_t start = 0; start < length;) {
    char *end = memchr(query + start, '&', length - start);
    size_t size = end ? (size_t)(end - query) - start : length - start;
    if (size >= strlen(KEY) && memcmp(query + start, KEY, strlen(KEY)) == 0) {
      *name = query + start + strlen(KEY);
      return decode(*name, size - strlen(KEY));
    }
    start += size + 1;
  }
  *name = NULL;
  return 0;
}

static void send(wasi_http_types_own_response_outparam_t out, uint16_t status, const char *octets, size_t length) {
  wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
  hello_string_t key = {(uint8_t *)"content-type", strlen("content-type")};
  wasi_http_types_field_value_t value = {(uint8_t *)"text/plain; charset=utf-8", strlen("text/plain; charset=utf-8")};
  wasi_http_types_list_field_value_t values = {&value, 1};
  wasi_http_types_header_error_t refused;
  wasi_http_types_method_fields_set(wasi_http_types_borrow_fields(headers), &key, &values, &refused);

  wasi_http_types_own_outgoing_response_t response = wasi_http_types_constructor_outgoing_response(headers);
  wasi_http_types_borrow_outgoing_response_t shown = wasi_http_types_borrow_outgoing_response(response);
  wasi_http_types_method_outgoing_response_set_status_code(shown, status);
  wasi_http_types_own_outgoing_body_t body;
  wasi_http_types_method_outgoing_response_body(shown, &body);
  wasi_http_types_result_own_outgoing_response_error_code_t answer = {.is_err = false, .val.ok = response};
  wasi_http_types_static_response_outparam_set(out, &answer);

  wasi_io_streams_own_output_stream_t stream;
  wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream);
  wasi_io_streams_stream_error_t gone;
  for (size_t start = 0; start < length; start += CHUNK) {
    size_t size = length - start < CHUNK ? length - start : CHUNK;
    hello_list_u8_t chunk = {(uint8_t *)octets + start, size};
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(wasi_io_streams_borrow_output_stream(stream),
                                                                       &chunk, &gone)) {
      // Whoever asked has gone away.
      wasi_io_streams_stream_error_free(&gone);
      break;
    }
  }
  // A body ends only after its stream.
  wasi_io_streams_output_stream_drop_own(stream);
  wasi_http_types_error_code_t broken;
  wasi_http_types_static_outgoing_body_finish(body, NULL, &broken);
}

// Exports `wasi:http/incoming-handler`.
void exports_wasi_http_incoming_handler_handle(exports_wasi_http_incoming_handler_own_incoming_request_t request,
                                               exports_wasi_http_incoming_handler_own_response_outparam_t out) {
  hello_string_t target = {NULL, 0};
  wasi_http_types_method_incoming_request_path_with_query(wasi_http_types_borrow_incoming_request(request), &target);
  wasi_http_types_incoming_request_drop_own(request);
  char *text = (char *)target.ptr;
  char *mark = memchr(text, '?', target.len);
  size_t path = mark ? (size_t)(mark - text) : target.len;

  if (path != 1 || text[0] != '/') {
    static const char NOT_FOUND[] = "nothing is here but /\n";
    send(out, 404, NOT_FOUND, strlen(NOT_FOUND));
  } else {
    char *name;
    size_t length = mark ? name_in(mark + 1, target.len - path - 1, &name) : 0;
    size_t room = length + strlen("Hello, , from C!\n") + 1;
    char *line = malloc(room);
    if (line == NULL) abort();
    int size = length ? snprintf(line, room, "Hello, %.*s, from C!\n", (int)length, name)
                      : snprintf(line, room, "Hello from C!\n");
    send(out, 200, line, (size_t)size);
    free(line);
  }
  hello_string_free(&target);
}
