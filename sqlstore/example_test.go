package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// Two workers are given the same order, and create one contact.
func Example() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	dsn := "file:" + filepath.ToSlash(filepath.Join(dir, "fleet.db")) + "?_pragma=journal_mode(wal)"

	before := len(srv.Contacts())
	worker := func() error { // each of them may be a process of its own
		ctx := context.Background()
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		store := sqlstore.New(db, sqlstore.SQLite)
		if err := store.Migrate(ctx); err != nil {
			return err
		}
		client := srv.Client(
			growthgenius.WithLedger(store.Ledger(sqlstore.LedgerOptions{})),
			growthgenius.WithEnrichmentCache(store.Cache()))
		_, err = client.Contacts.Create(ctx,
			growthgenius.ContactInput{FullName: growthgenius.Set("Ana Lima")},
			growthgenius.Once("order 4711"))
		return err
	}
	results := make(chan error)
	for range 2 {
		go func() { results <- worker() }()
	}
	fmt.Println(<-results, <-results)
	fmt.Println(len(srv.Contacts())-before, "contact")
	// Output:
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
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(dir, "fleet.db"))+"?_pragma=journal_mode(wal)")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store := sqlstore.New(db, sqlstore.SQLite)
	if err := store.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
	client := srv.Client(growthgenius.WithLimiter(store.Limiter(sqlstore.LimiterOptions{PerSecond: 50, Burst: 5})))
	for range 3 {
		if _, err := client.Users.List(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(srv.Requests()), "requests")
	// Output: 3 requests
}
