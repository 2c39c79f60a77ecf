package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// All that a ledger has of a person is removed.
func ExampleFile_PurgeFunc() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, address := filepath.Join(dir, "contacts.ledger"), "ada@example.com"
	file, err := ledger.OpenFile(path, ledger.FileOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	fill(file, "Ada@Example.com")

	n, err := file.PurgeFunc(func(key string, e growthgenius.Entry) bool {
		text, err := json.Marshal(e)
		text = bytes.ToLower(text)
		return err == nil && (strings.Contains(strings.ToLower(key), address) || bytes.Contains(text, []byte(address)))
	})
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("removed:", n, "left:", file.Len(), "still in the file:", bytes.Contains(bytes.ToLower(text), []byte(address)))
	// Output:
	// removed: 1 left: 1 still in the file: false
}

// A key of Once is forgotten, in whatever ledger.
func Example_forget() {
	store := ledger.NewMemory()
	fill(store, "ada@example.com")
	forget := func(ctx context.Context, key string) error {
		lease, err := store.Acquire(ctx, "contact/"+key) // "message/" for messages
		if err != nil {
			return err
		}
		return errors.Join(lease.Record(ctx, growthgenius.Entry{}), lease.Release(ctx))
	}
	if err := forget(context.Background(), "order 1"); err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"contact/order 1", "contact/order 2"} {
		lease, err := store.Acquire(context.Background(), key)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(key, "is known:", !lease.Entry().IsZero())
	}
	// Output:
	// contact/order 1 is known: false
	// contact/order 2 is known: true
}

// fill creates two contacts under keys: one with the address, and another.
func fill(l growthgenius.Ledger, address string) {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client(growthgenius.WithLedger(l))
	for i, address := range []string{address, "bob@example.com"} {
		in := growthgenius.ContactInput{Email: growthgenius.Set(address)}
		if _, err := client.Contacts.Create(context.Background(), in, growthgenius.Once(fmt.Sprint("order ", i+1))); err != nil {
			log.Fatal(err)
		}
	}
}
