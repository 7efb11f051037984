// Answers `GET /` with a greeting, and `GET /?name=Ada` with one for Ada, from Go.
//
// `wit-bindgen go` makes packages of the interfaces in `wit`: what is imported is in `imports`, and what is exported, here
// `wasi:http/incoming-handler`, is called from `exports/wit_exports` and written by hand beside it.
package main

import _ "wit_component/exports/wit_exports"

// Nobody runs it: a component is a library.
func main() {}
