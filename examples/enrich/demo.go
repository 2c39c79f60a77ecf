package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// sample is what the demo looks up.
var sample = []string{
	"tesla.com", "https://www.Tesla.com/models", "elon@tesla.com", "ada@example.com", "babbage.example.com", "n/a", "ELON@tesla.com",
}

// demo runs twice with a server in memory: the second run pays nothing.
func demo(ctx context.Context, o options) (status int, err error) {
	if o.in != "" || o.out != "" {
		return 1, errors.New("GROWTHGENIUS_API_KEY is not set: without it, the program looks up its own list only, and writes no file")
	}
	server, err := growthgeniustest.Start()
	if err != nil {
		return 1, err
	}
	defer server.Close()
	server.AddCompany("babbage.example.com", growthgenius.Company{ID: "babbage", Name: "Babbage & Co", Industry: "machinery", SizeRange: "1-10"})
	folder, err := os.MkdirTemp("", "enrich")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	o.yes, o.cache = true, filepath.Join(folder, "enrich.cache")
	fmt.Fprintln(os.Stderr, "GROWTHGENIUS_API_KEY is not set: this is a server in memory.")
	for i, w := range []io.Writer{os.Stdout, io.Discard} {
		fmt.Fprintf(os.Stderr, "\nrun %d: ", i+1)
		cache, err := ledger.OpenCache(o.cache)
		if err != nil {
			return 1, err
		}
		before := len(server.Requests())
		_, err = enrich(ctx, server.Client(growthgenius.WithEnrichmentCache(cache)), sample, o, w)
		if err := errors.Join(err, cache.Close()); err != nil {
			return 1, err
		}
		fmt.Fprintf(os.Stderr, "%d requests\n", len(server.Requests())-before)
	}
	return 0, nil
}
