//go:build unix

package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/redistest"
	"github.com/growthgenius/growthgenius-go/redisstore"
)

// Two workers are given the same order, and create one contact.
func Example() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	server, err := redistest.Start("--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	open := func() *redis.Client {
		return redis.NewClient(&redis.Options{Network: "unix", Addr: server.Socket()})
	}

	before := len(srv.Contacts())
	worker := func() error { // each of them may be a process of its own
		db := open()
		defer func() { _ = db.Close() }()
		store := redisstore.New(db, redisstore.Options{})
		client := srv.Client(
			growthgenius.WithLedger(store.Ledger(redisstore.LedgerOptions{})),
			growthgenius.WithEnrichmentCache(store.Cache()))
		_, err := client.Contacts.Create(context.Background(),
			growthgenius.ContactInput{FullName: growthgenius.Set("Ana Lima")},
			growthgenius.Once("order 4711"))
		return err
	}
	fmt.Println("ready:", !errors.Is(worker(), redisstore.ErrMemoryLost))

	// Once, when Redis is set up:
	db := open()
	defer func() { _ = db.Close() }()
	if err := redisstore.New(db, redisstore.Options{}).Initialize(context.Background()); err != nil {
		log.Fatal(err)
	}
	results := make(chan error)
	for range 2 {
		go func() { results <- worker() }()
	}
	fmt.Println(<-results, <-results)
	fmt.Println(len(srv.Contacts())-before, "contact")
	// Output:
	// ready: false
	// <nil> <nil>
	// 1 contact
}

// Processes that make a limiter of one name share a rate: all of them together send 50 requests
// a second at most.
func ExampleStore_Limiter() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	server, err := redistest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	db := redis.NewClient(&redis.Options{Network: "unix", Addr: server.Socket()})
	defer func() { _ = db.Close() }()
	limiter := redisstore.New(db, redisstore.Options{}).Limiter(redisstore.LimiterOptions{PerSecond: 50, Burst: 5})
	client := srv.Client(growthgenius.WithLimiter(limiter))
	for range 3 {
		if _, err := client.Users.List(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(srv.Requests()), "requests")
	// Output: 3 requests
}
