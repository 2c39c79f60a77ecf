package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// keys are how many records the processes of a fleet create together.
const keys = 200

func init() { processes["create"] = create }

// TestProcessesShareALedger: two processes create the same 200 records at 30% faults, and one
// is killed and started again. Each record is created once.
func TestProcessesShareALedger(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		d.store(t)
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording())
		for _, f := range growthgeniustest.FaultMix(0.3, 50*time.Millisecond) {
			f.Method, f.Route = "POST", "/contacts"
			srv.Inject(f)
		}
		start := func() *exec.Cmd {
			cmd := command(t.Context(), t, "create", "TEST_URL="+srv.URL(), "TEST_KEY="+srv.APIKey(),
				"TEST_DIALECT="+string(d.dialect), "TEST_DRIVER="+d.driver, "TEST_DSN="+d.dsn)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return cmd
		}
		killed, other := start(), start()
		for len(srv.Contacts()) < keys/3 {
			time.Sleep(time.Millisecond)
		}
		_ = killed.Process.Kill()
		if err := killed.Wait(); err == nil {
			t.Error("the process ended before it was killed")
		}
		again := start()
		for _, cmd := range []*exec.Cmd{other, again} {
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		}
		names := map[string]int{}
		for _, c := range srv.Contacts() {
			names[c.FullName]++
		}
		if len(names) != keys || len(srv.Contacts()) != keys {
			t.Errorf("%d contacts with %d names, want %d", len(srv.Contacts()), len(names), keys)
		}
		d.expectSettled(t)
	})
}

// expectSettled wants an id of its own for each key, and no lease.
func (d database) expectSettled(t *testing.T) {
	t.Helper()
	var ids, held int
	err := d.connect(t).QueryRowContext(t.Context(),
		`SELECT count(DISTINCT id), sum(CASE WHEN holder = '' THEN 0 ELSE 1 END) FROM growthgenius_ledger`).Scan(&ids, &held)
	if err != nil || ids != keys || held != 0 {
		t.Errorf("the ledger has %d ids and %d leases, %v", ids, held, err)
	}
}

// create is the process that TestProcessesShareALedger starts.
func create() int {
	db, err := sql.Open(os.Getenv("TEST_DRIVER"), os.Getenv("TEST_DSN"))
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(8)
	l := sqlstore.New(db, sqlstore.Dialect(os.Getenv("TEST_DIALECT"))).Ledger(sqlstore.LedgerOptions{Lease: 4 * time.Second})
	c, err := growthgenius.NewClient(os.Getenv("TEST_KEY"), growthgenius.WithBaseURL(os.Getenv("TEST_URL")),
		growthgenius.WithUserID("1"), growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(time.Second),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 500 * time.Millisecond}))
	if err != nil {
		panic(err)
	}
	var group sync.WaitGroup
	var failed error
	slots := make(chan struct{}, 16)
	for _, i := range rand.Perm(keys) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			for {
				name := fmt.Sprint("Row ", i)
				v, err := c.Contacts.Create(context.Background(),
					growthgenius.ContactInput{FullName: growthgenius.Set(name)}, growthgenius.Once(name))
				switch {
				case err == nil && v.FullName != name:
					failed = fmt.Errorf("%s is the record of %s", v.FullName, name)
					return
				case err == nil:
					return
				case errors.Is(err, growthgenius.ErrKeyReused), errors.Is(err, growthgenius.ErrKeyDeleted), errors.Is(err, growthgenius.ErrInvalidInput):
					failed = err
					return
				}
			}
		})
	}
	group.Wait()
	if failed != nil {
		fmt.Fprintln(os.Stderr, failed)
		return 1
	}
	return 0
}

// command returns a command that runs one of processes, with more variables of the
// environment.
func command(ctx context.Context, t *testing.T, process string, env ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = append(append(os.Environ(), processEnv+"="+process), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// client returns a client of a server whose ledger is in a store.
func client(t *testing.T, srv *growthgeniustest.Server, s *sqlstore.Store, transport http.RoundTripper) *growthgenius.Client {
	t.Helper()
	return srv.Client(growthgenius.WithHTTPClient(&http.Client{Transport: transport}),
		growthgenius.WithLedger(s.Ledger(sqlstore.LedgerOptions{})),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 100 * time.Millisecond}))
}

// TestOnce: a create under a key by one client is the result of the next one's, and its
// content counts.
func TestOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		srv := growthgeniustest.NewServer(t)
		first, second := client(t, srv, d.store(t), srv.Transport()), client(t, srv, d.store(t), srv.Transport())
		const key = "row 1\x00\xff"
		in := growthgenius.ContactInput{FullName: growthgenius.Set("Ana Lima")}
		a, err := first.Contacts.Create(t.Context(), in, growthgenius.Once(key))
		if err != nil {
			t.Fatal(err)
		}
		b, err := second.Contacts.Create(t.Context(), in, growthgenius.Once(key))
		if err != nil || a.ID != b.ID {
			t.Errorf("the second time: %v, %v, want %v", b, err, a)
		}
		in.FullName = growthgenius.Set("Ana Lime")
		if _, err := second.Contacts.Create(t.Context(), in, growthgenius.Once(key)); !errors.Is(err, growthgenius.ErrKeyReused) {
			t.Errorf("other content: %v", err)
		}
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 422, Times: 1})
		if _, err := first.Contacts.Create(t.Context(), in, growthgenius.Once("refused")); !errors.Is(err, growthgenius.ErrValidation) {
			t.Errorf("a create that is refused: %v", err)
		}
		var rows int
		if err := d.connect(t).QueryRowContext(t.Context(), "SELECT count(*) FROM growthgenius_ledger").Scan(&rows); err != nil || rows != 1 {
			t.Errorf("the ledger has %d rows, %v, want 1: a key without an entry has none", rows, err)
		}
	})
}
