package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// importVariable is the environment variable that makes this program an import: a process
// that creates the contacts of a run under keys, and is killed.
const importVariable = "FAULTRUN_IMPORT"

// imported is what an import is told.
type imported struct {
	Mode     string
	Settings settings
	Seed     uint64
	URL, Key string
	User     growthgenius.ID
	Dir      string // of the ledger and of the results
	All      bool   // create what was created before, too
}

// created is a line of the results: a create that has returned.
type created struct {
	N     int             // of the intent
	ID    growthgenius.ID // of the record
	Bytes int64           // of the lists that this process has read so far
}

func (in *imported) results() string { return filepath.Join(in.Dir, "results") }

// kills returns how often the import of a run is killed.
func (m mode) kills(s settings) int { return m.creates(s) / 100 }

// creates returns how many creates a run has.
func (m mode) creates(s settings) int {
	if m.killed {
		return s.Creates / 2
	}
	return s.Creates
}

// runKilled runs an import, and kills and restarts its process. The last process creates all
// contacts once more under the same keys, and is not killed.
func runKilled(ctx context.Context, m mode, s settings, seed uint64, opts ...growthgeniustest.ServerOption) (result, error) {
	srv, err := growthgeniustest.Start(append(slices.Clone(opts), growthgeniustest.WithSeed(seed))...)
	if err != nil {
		return result{}, err
	}
	defer srv.Close()
	inject(srv, m, s)
	dir, err := os.MkdirTemp("", "faultrun")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	in := &imported{Mode: m.name, Settings: s, Seed: seed, URL: srv.URL(), Key: srv.APIKey(), User: srv.Users()[0].ID, Dir: dir}
	begun := time.Now()
	rng := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // it need not be a secret
	for n := range m.kills(s) {
		if err := in.runUntil(ctx, n, m, rng); err != nil {
			return result{}, fmt.Errorf("process %d: %w", n+1, err)
		}
	}
	in.All = true
	if err := in.run(ctx); err != nil {
		return result{}, fmt.Errorf("the last process: %w", err)
	}
	seconds := time.Since(begun).Seconds()
	srv.ClearFaults()
	srv.Settle()
	intents := makeIntents(m, s, seed)
	read, wrong, err := in.tell(intents)
	r := result{
		Mode: m.name, Label: m.describe(s), Seed: seed, Creates: len(intents), Seconds: seconds,
		ReadBytes: read, Wrong: wrong,
	}
	if err == nil {
		r.countRequests(srv.Requests())
		err = audit(ctx, &r, srv, intents, nil, nil)
	}
	return r, err
}

// runUntil runs the import until it is killed: every other time at once, and else after its
// share of the work.
func (in *imported) runUntil(ctx context.Context, n int, m mode, rng *rand.Rand) error {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	var watch sync.WaitGroup
	defer watch.Wait()
	killed := false
	watch.Go(func() {
		soon := time.After(time.Duration(rng.Int64N(int64(2 * time.Second))))
		if n%2 != 0 {
			soon = nil
		}
		for tick := time.Tick(10 * time.Millisecond); !killed; {
			select {
			case <-ctx.Done():
				return
			case <-soon:
				killed = true
			case <-tick:
				done, _ := in.done()
				killed = soon == nil && len(done) >= m.creates(in.Settings)*n/m.kills(in.Settings)
			}
		}
		kill()
	})
	err := in.run(ctx)
	kill()
	watch.Wait()
	if err == nil {
		return errors.New("it ended before it was killed")
	}
	if !killed {
		return err
	}
	return nil
}

// run runs the import in a process of its own.
func (in *imported) run(ctx context.Context) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, program) //nolint:gosec // this program
	child.Env = append(os.Environ(), importVariable+"="+string(text))
	if out, err := child.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// done returns the results so far. The last line may have been cut off.
func (in *imported) done() ([]created, error) {
	text, err := os.ReadFile(in.results())
	if err != nil {
		return nil, err
	}
	var all []created
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var c created
		if json.Unmarshal(lines.Bytes(), &c) == nil {
			all = append(all, c)
		}
	}
	return all, nil
}

// tell stores in the intents what the processes have returned for them. It returns how many
// bytes of lists they have read, and how often a key had another record than before.
func (in *imported) tell(intents []*intent) (read int64, wrong int, err error) {
	all, err := in.done()
	for _, it := range intents {
		it.told.err = errors.New("it was not created")
	}
	var last int64
	for _, c := range all {
		it := intents[c.N]
		if it.told.id != "" && it.told.id != c.ID {
			wrong++
		}
		it.told = told{id: c.ID}
		if c.Bytes < last { // another process
			last = 0
		}
		read += c.Bytes - last
		last = c.Bytes
	}
	return read, wrong, err
}

// countRequests counts what the server has received.
func (r *result) countRequests(requests []growthgeniustest.Request) {
	posts := map[string]int64{}
	for _, req := range requests {
		switch {
		case req.Method == http.MethodPost:
			r.POSTs++
			var body struct {
				Contact json.RawMessage `json:"contact"`
			}
			if json.Unmarshal(req.Body, &body) == nil {
				posts[keyOf(string(body.Contact))]++
			}
		case req.Route == growthgeniustest.RouteContacts:
			r.Reads++
		}
	}
	for key, n := range posts {
		if strings.Contains(key, "@") { // the others are of two creates
			r.MostPOSTs = max(r.MostPOSTs, n)
		}
	}
}

// importAll is the process that is killed.
func importAll(ctx context.Context, config string) error {
	var in imported
	if err := json.Unmarshal([]byte(config), &in); err != nil {
		return err
	}
	picked, err := pickModes(in.Mode)
	if err != nil {
		return err
	}
	before, err := in.done()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	results, err := os.OpenFile(in.results(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer results.Close()
	l, err := ledger.OpenFile(filepath.Join(in.Dir, "ledger"), ledger.FileOptions{For: "import of a fault run"})
	if err != nil {
		return err
	}
	defer l.Close()
	transport := growthgenius.DefaultTransport()
	defer transport.CloseIdleConnections()
	lists := &listMeter{meter{next: transport}}
	client, err := growthgenius.NewClient(in.Key, growthgenius.WithBaseURL(in.URL), growthgenius.WithUserID(in.User), growthgenius.WithLedger(l),
		growthgenius.WithHTTPClient(&http.Client{Transport: lists}),
		growthgenius.WithAttemptTimeout(in.Settings.Timeout),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: in.Settings.Settle}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0)))
	if err != nil {
		return err
	}
	intents := makeIntents(picked[0], in.Settings, in.Seed)
	if !in.All {
		for _, c := range before {
			intents[c.N] = nil
		}
		intents = slices.DeleteFunc(intents, func(it *intent) bool { return it == nil })
	}
	err = importEach(ctx, client, intents, in.Settings.Parallel, func(n int, id growthgenius.ID) error {
		line, err := json.Marshal(created{n, id, lists.bytes.Load()})
		if err == nil {
			_, err = results.Write(append(line, '\n'))
		}
		return err
	})
	if err == nil && !in.All {
		<-ctx.Done() // it is to be killed
	}
	return err
}

// importEach creates contacts under keys, so many at a time, and each until there is no error.
func importEach(ctx context.Context, client *growthgenius.Client, intents []*intent, parallel int, done func(int, growthgenius.ID) error) error {
	var (
		next    atomic.Int64
		workers sync.WaitGroup
		failed  = make(chan error, parallel)
	)
	for range parallel {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(intents)); i = next.Add(1) - 1 {
				it := intents[i]
				if err := importOne(ctx, client, it, done); err != nil {
					failed <- fmt.Errorf("row %d: %w", it.n, err)
					return
				}
			}
		})
	}
	workers.Wait()
	close(failed)
	return <-failed
}

// maxCalls is how often one process calls a create whose outcome stays unknown.
const maxCalls = 30

func importOne(ctx context.Context, client *growthgenius.Client, it *intent, done func(int, growthgenius.ID) error) error {
	for calls := 1; ; calls++ {
		c, err := client.Contacts.Create(ctx, *it.contact, growthgenius.Once(fmt.Sprint("row ", it.n)))
		if err == nil {
			return done(it.n, c.ID)
		}
		if calls == maxCalls {
			return err
		}
		for _, final := range []error{
			context.Canceled, growthgenius.ErrInvalidInput, growthgenius.ErrKeyReused, growthgenius.ErrKeyDeleted, growthgenius.ErrNotFound,
		} {
			if errors.Is(err, final) {
				return err
			}
		}
	}
}

// listMeter counts the bytes of lists, and not those of single records.
type listMeter struct{ meter }

func (m *listMeter) RoundTrip(req *http.Request) (*http.Response, error) {
	if path.Base(req.URL.Path) != "contacts" {
		return m.next.RoundTrip(req)
	}
	return m.meter.RoundTrip(req)
}
