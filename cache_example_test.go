package growthgenius_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// A cache makes a lookup once in 30 days, however its subject is spelt and whoever asks.
// This one ends with the process; yours may be a table or Redis.
func ExampleWithEnrichmentCache() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client(growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(64 << 20)))

	for _, domain := range []string{"tesla.com", "https://www.Tesla.com/models", "nobody.example", "nobody.example"} {
		var info growthgenius.ResponseInfo
		company, err := client.Enrichment.Company(context.Background(), domain, growthgenius.CaptureResponse(&info))
		switch {
		case errors.Is(err, growthgenius.ErrNotFound):
			fmt.Println("nobody is known there; from the cache:", info.FromCache)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(company.Name+"; from the cache:", info.FromCache)
		}
	}
	fmt.Println(len(srv.Requests()), "requests")
	// Output:
	// Tesla; from the cache: false
	// Tesla; from the cache: true
	// nobody is known there; from the cache: false
	// nobody is known there; from the cache: true
	// 2 requests
}
