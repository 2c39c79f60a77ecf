package main

import (
	"context"
	"fmt"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// demo runs the tour with a server in memory. The first time a contact is created, the
// server creates it, but resets the connection instead of sending a response.
func demo(ctx context.Context) error {
	server, err := growthgeniustest.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	server.Inject(growthgeniustest.Fault{
		Method: "POST", Route: growthgeniustest.RouteContacts,
		Effect: growthgeniustest.Reset, Commit: true, Times: 1,
	})
	// This server lists a new contact at once, so the client need not wait long for it.
	client := server.Client(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Second}))

	fmt.Print("GROWTHGENIUS_API_KEY is not set: this is a server in memory.\n\n")
	start := time.Now()
	if err := tour(ctx, client, true); err != nil {
		return err
	}
	took := time.Since(start)
	requests, lost := server.Requests(), 0
	for _, request := range requests {
		if request.Fault != nil {
			lost++
		}
	}
	duplicates := len(server.Ledger()) - 2 // the tour creates a contact and a message
	fmt.Printf("\n%d requests in %.1f s, %d response lost, %d duplicates\n",
		len(requests), took.Seconds(), lost, duplicates)
	return nil
}
