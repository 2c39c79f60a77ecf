// Package wire converts between the JSON of the API and Go values. It decides what is
// converted, what is kept raw, and what is reported as unexpected.
//
// It is the only package that knows which JSON library is used. A record of the API is
// any struct with a field Extra that keeps what the other fields could not take; the
// record types themselves are defined by the packages that use this one. The package must
// not know of HTTP, logging or single records of the API.
package wire
