//go:build unix

package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/redisstore"
)

// Of TestFleet and its processes.
const (
	fleetKeys    = 40
	fleetLease   = 1500 * time.Millisecond
	fleetClosed  = 3 * time.Second
	fleetAttempt = 400 * time.Millisecond
)

func init() { processes["fleet"] = createAll }

// createAll is a process that creates the contacts of all keys, again and again, until its
// standard input ends. Then it does so once more. A line of standard input is what the contacts
// are called from then on. It prints how often the ledger was closed.
func createAll() int {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Getenv("FLEET_REDIS")})
	defer client.Close()
	l := redisstore.New(client, redisstore.Options{}).Ledger(redisstore.LedgerOptions{Lease: fleetLease, Closed: fleetClosed})
	c, err := growthgenius.NewClient(os.Getenv("FLEET_KEY"), growthgenius.WithBaseURL(os.Getenv("FLEET_URL")),
		growthgenius.WithUserID("1"), growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(fleetAttempt),
		growthgenius.WithRateLimit(500, 50),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 300 * time.Millisecond}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ended := make(chan struct{})
	var name atomic.Value
	name.Store("Before")
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			name.Store(lines.Text())
		}
	}()
	var closed, failed atomic.Int64
	create := func(key string) {
		for begun := time.Now(); failed.Load() == 0; {
			contact := growthgenius.ContactInput{FullName: growthgenius.Set(fmt.Sprint(name.Load(), " ", key))}
			_, err := c.Contacts.Create(context.Background(), contact, growthgenius.Once(key))
			switch {
			case err == nil:
				return
			case errors.Is(err, growthgenius.ErrInvalidInput), errors.Is(err, growthgenius.ErrKeyReused), errors.Is(err, growthgenius.ErrKeyDeleted):
				fmt.Fprintln(os.Stderr, err)
				failed.Add(1)
			case time.Since(begun) > 30*time.Second:
				fmt.Fprintln(os.Stderr, "after 30s:", err)
				failed.Add(1)
			case errors.Is(err, redisstore.ErrMemoryLost):
				closed.Add(1)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for last := false; !last; {
		select {
		case <-ended:
			last = true
		default:
		}
		var group sync.WaitGroup
		slots := make(chan struct{}, 4)
		for _, i := range rand.Perm(fleetKeys) {
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				create(fmt.Sprint("key ", i))
			})
		}
		group.Wait()
	}
	fmt.Println(closed.Load())
	return int(failed.Load())
}

// fleetProcess is a process that runs createAll.
type fleetProcess struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout strings.Builder
}

func startFleetProcess(t *testing.T, srv *growthgeniustest.Server, server *redisServer) *fleetProcess {
	t.Helper()
	p := &fleetProcess{Cmd: command(t.Context(), t, "fleet", "FLEET_REDIS="+server.Socket(), "FLEET_URL="+srv.URL(), "FLEET_KEY="+srv.APIKey())}
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin, p.Stdout = stdin, &p.stdout
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFleet: two processes create under the same keys, at 30% faults. One of them is killed,
// and then Redis is, and starts with an empty memory. No key is created twice in one memory,
// and nothing is created before a create of the former memory is listed.
func TestFleet(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	openStore(t, server.client(t, nil))
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording())
	for _, f := range growthgeniustest.FaultMix(0.3, 20*time.Millisecond) {
		f.Method, f.Route = http.MethodPost, growthgeniustest.RouteContacts
		srv.Inject(f)
	}
	// created returns how often each contact was created between two times.
	created := func(from, to time.Time) map[string]int {
		counts := map[string]int{}
		for _, e := range srv.Ledger() {
			if !e.Time.Before(from) && e.Time.Before(to) {
				counts[e.Content]++
			}
		}
		return counts
	}
	begun, distant := time.Now(), time.Now().Add(time.Hour)
	await := func(what string, n int, since time.Time) {
		t.Helper()
		for waiting := time.Now(); len(created(since, distant)) < n; time.Sleep(10 * time.Millisecond) {
			if time.Since(waiting) > time.Minute {
				t.Fatalf("%s: %d of %d keys were created in a minute", what, len(created(since, distant)), n)
			}
		}
	}
	first, second := startFleetProcess(t, srv, server), startFleetProcess(t, srv, server)
	await("the first process", fleetKeys/3, begun)
	_ = first.Process.Kill()
	_ = first.Wait()
	first = startFleetProcess(t, srv, server)
	await("after one was killed", fleetKeys*2/3, begun)
	killed := time.Now()
	server.kill(t)
	for _, p := range []*fleetProcess{first, second} {
		// Contacts of one name would be hard to tell apart if a response is lost.
		_, _ = io.WriteString(p.stdin, "After\n")
	}
	opens := time.Now().Add(fleetClosed) // at the earliest
	server.start(t)
	await("after Redis was restarted", fleetKeys/3, opens)
	for _, p := range []*fleetProcess{first, second} {
		_ = p.stdin.Close()
		if err := p.Wait(); err != nil {
			t.Errorf("a process: %v", err)
		}
		if got := strings.TrimSpace(p.stdout.String()); got == "0" {
			t.Error("a process was never told that the memory is lost")
		}
	}
	for content, n := range created(begun, opens) {
		if n > 1 {
			t.Errorf("%s was created %d times before Redis lost its memory", content, n)
		}
	}
	if got := created(killed.Add(fleetLease), opens); len(got) > 0 {
		t.Errorf("%d keys were created while the ledger was closed", len(got))
	}
	after := created(opens, distant)
	for content, n := range after {
		if n > 1 {
			t.Errorf("%s was created %d times after Redis lost its memory", content, n)
		}
	}
	if len(after) != fleetKeys {
		t.Errorf("%d keys were created after Redis lost its memory, want %d", len(after), fleetKeys)
	}
}
