// Package oapi holds the clients that oapi-codegen generates from the OpenAPI document of
// this repository, for the one call that is measured.
package oapi

//go:generate go -C loose run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config config.yaml ../../../../api/openapi.yaml
//go:generate go -C plain run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config config.yaml ../../../../api/openapi.yaml
