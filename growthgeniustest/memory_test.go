package growthgeniustest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// In a bubble a client waits as long as elsewhere, but in fake time.
func TestBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
		client := srv.Client()
		srv.Inject(growthgeniustest.Fault{
			Method: "POST", Effect: growthgeniustest.Hang,
			Commit: true, CommitDelay: time.Minute, Times: 1,
		})
		begun := time.Now()
		_, err := client.Contacts.Create(t.Context(), growthgenius.ContactInput{
			Email: growthgenius.Set("tony@example.com"),
		})
		unknown, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err)
		if !ok {
			t.Fatalf("a create that hangs returned %v", err)
		}
		if took := time.Since(begun); took < 35*time.Second || took > 40*time.Second {
			t.Errorf("it took %s; want the attempt timeout of 30 s and a settle window of 5 s", took)
		}
		srv.Settle() // the rest of the minute
		created, err := client.Contacts.Resolve(t.Context(), unknown.Token)
		if err != nil || created.Email != "tony@example.com" {
			t.Errorf("Resolve: %v, %v", created, err)
		}
	})
}

// A server in memory is reached only by its own clients.
func TestInMemoryNetworkIsApart(t *testing.T) {
	t.Parallel()
	one := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
	other := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
	one.AddContacts(growthgenius.Contact{Email: "tony@example.com"})
	for srv, want := range map[*growthgeniustest.Server]int{one: 1, other: 0} {
		list, err := srv.Client().Contacts.List(t.Context(), growthgenius.ListOptions{})
		if err != nil || len(list) != want {
			t.Errorf("%d contacts, %v; want %d", len(list), err, want)
		}
	}
	w := &wire{t, one, http.DefaultClient}
	if res, err := w.send("GET", "/users", ""); err == nil {
		_ = res.Body.Close()
		t.Error("the server was reached over the real network")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := one.Client().Users.List(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled dial returned %v", err)
	}
}
