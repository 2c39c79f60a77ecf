package main

import (
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// sample starts a server in memory with some records that are an hour old. Younger ones
// would be left out: a feed ends a minute ago, because a list may lag.
func sample() (*growthgeniustest.Server, error) {
	var ahead atomic.Int64
	server, err := growthgeniustest.Start(growthgeniustest.WithClock(func() time.Time {
		return time.Now().Add(time.Duration(ahead.Load()))
	}))
	if err != nil {
		return nil, err
	}
	contacts := server.AddContacts(
		growthgenius.Contact{FullName: "Ada Byron", Email: "ada@example.com", Stage: "Replied"},
		growthgenius.Contact{FullName: "Quinn Starter", Email: "quinn@example.com", Stage: "Cold"},
	)
	server.AddMessages(growthgenius.Message{ContactID: contacts[0].ID, MessageType: "sales_force_message", RenderedCopy: "Hi Ada"})
	ahead.Store(int64(time.Hour))
	return server, nil
}
