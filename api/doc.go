// Package api contains the OpenAPI description of the GrowthGenius API as the SDK knows
// it. Its tests check the SDK and its test server against the description. It is a
// separate module, so that the SDK does not depend on the validator.
package api

import _ "embed" // for Document

// Document is openapi.yaml, an OpenAPI 3.0 document. The x-source of each operation,
// parameter and property is its source: documented (in the API reference of 2021-01-22),
// later (in a later public revision of it) or inferred.
//
//go:embed openapi.yaml
var Document []byte
