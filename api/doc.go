// Package api holds the OpenAPI description of the GrowthGenius API as the SDK knows it, and the tests that hold the
// SDK and its test server to it. It is a module of its own so that its validator is no dependency of the SDK.
package api

import _ "embed" // for Document

// Document is openapi.yaml, an OpenAPI 3.0 document. Each operation, parameter and property says in x-source where it
// comes from: documented (in the API reference of 2021-01-22), later (in a later public revision of it) or inferred.
//
//go:embed openapi.yaml
var Document []byte
