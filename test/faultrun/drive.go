package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// settings are what all runs have in common.
type settings struct {
	Creates    int           `json:"creates"`
	Seeds      int           `json:"seeds"`
	Parallel   int           `json:"parallel"`
	Rate       float64       `json:"rate"`
	Late       time.Duration `json:"late"`
	Timeout    time.Duration `json:"attempt_timeout"`
	RetryAfter time.Duration `json:"retry_after"`
	Settle     time.Duration `json:"settle"`     // 0: the SDK's default
	Interleave bool          `json:"interleave"` // contacts and messages in turn; else first the ones, then the others
}

// intent is one create that is wanted, and what the client said of it.
type intent struct {
	n       int
	contact *growthgenius.ContactInput
	message *growthgenius.MessageInput
	key     string // tells its rows from those of all others
	posts   atomic.Int64

	told told
}

// told is what a client says became of a create: a record, a failure, or that it does
// not know.
type told struct {
	id     growthgenius.ID
	err    error
	token  *growthgenius.CreateToken
	client int
}

// creator is a client under test.
type creator interface {
	create(ctx context.Context, it *intent) told
}

// result is a row of the table.
type result struct {
	Mode       string  `json:"mode"`
	Label      string  `json:"label"`
	Seed       uint64  `json:"seed"`
	Creates    int     `json:"creates"`
	POSTs      int64   `json:"posts"`
	MostPOSTs  int64   `json:"most_posts"` // for one create
	Reads      int64   `json:"list_reads"`
	ReadBytes  int64   `json:"list_bytes"`
	Rows       int     `json:"rows"` // that the server committed
	Duplicates int     `json:"duplicates"`
	ToldFailed int     `json:"told_failed_committed"`
	Failed     int     `json:"told_failed_not_committed"`
	Lost       int     `json:"lost"` // told created, and no row is there
	Wrong      int     `json:"wrong_claims"`
	Unknown    int     `json:"unknown"`
	UnknownYes int     `json:"unknown_committed"`
	Seconds    float64 `json:"seconds"`

	// What Resolve said afterwards of the unknown ones, asked three times: by a client
	// that knows nothing but the token, and twice by the client that created.
	Resolved      int `json:"resolved"`
	ResolvedWrong int `json:"resolved_wrong"`
	Unsettled     int `json:"unsettled"`
}

// run drives all creates of one mode and seed through a server of their own.
func run(ctx context.Context, m mode, s settings, seed uint64, opts ...growthgeniustest.ServerOption) (result, error) {
	if m.killed {
		return runKilled(ctx, m, s, seed, opts...)
	}
	srv, err := growthgeniustest.Start(append(slices.Concat(opts, m.server), growthgeniustest.WithoutRecording(), growthgeniustest.WithSeed(seed))...)
	if err != nil {
		return result{}, err
	}
	defer srv.Close()
	inject(srv, m, s)
	intents := makeIntents(m, s, seed)
	wire := &meter{next: srv.Transport()}
	creators, fresh := m.clients(srv, s, wire)

	begun := time.Now()
	var (
		next    atomic.Int64
		workers sync.WaitGroup
	)
	for range s.Parallel {
		workers.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(intents) || ctx.Err() != nil {
					return
				}
				it, client := intents[n], n%len(creators)
				it.told = creators[client].create(context.WithValue(ctx, intentKey{}, it), it)
				it.told.client = client
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	r := result{
		Mode: m.name, Label: m.describe(s), Seed: seed, Creates: len(intents), Seconds: time.Since(begun).Seconds(),
		POSTs: wire.posts.Load(), Reads: wire.reads.Load(), ReadBytes: wire.bytes.Load(),
	}
	srv.ClearFaults()
	srv.Settle()
	err = audit(ctx, &r, srv, intents, creators, fresh)
	return r, err
}

// inject sets the faults of a run: the same share of creates and of reads.
func inject(srv *growthgeniustest.Server, m mode, s settings) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		faults := growthgeniustest.FaultMix(s.Rate, s.RetryAfter)
		for i := range faults {
			f := &faults[i]
			f.Method = method
			if f.Commit && method == http.MethodPost {
				f.CommitDelay = m.lateness(s)
			}
		}
		srv.Inject(faults...)
	}
}

// makeIntents makes the creates of a seed: contacts and messages, no two of them equal, or
// for the marker contacts that are all equal.
func makeIntents(m mode, s settings, seed uint64) []*intent {
	intents := make([]*intent, m.creates(s))
	for n := range intents {
		it := &intent{n: n}
		switch {
		case m.killed && n%50 < 2: // two in fifty are equal, and without an address
			it.key = fmt.Sprintf("Twin %d of seed %d", n/50, seed)
			it.contact = &growthgenius.ContactInput{FullName: growthgenius.Set(it.key)}
		case m.twins:
			it.contact = &growthgenius.ContactInput{
				Email:       growthgenius.Set("info@example.com"),
				CompanyName: growthgenius.Set("Example"),
			}
		case m.killed, s.Interleave && n%2 == 0 || !s.Interleave && n < s.Creates/2:
			it.key = fmt.Sprintf("c%d.%d@example.com", seed, n)
			it.contact = &growthgenius.ContactInput{
				Email:       growthgenius.Set(it.key),
				FirstName:   growthgenius.Set(fmt.Sprintf("First %d", n%89)),
				LastName:    growthgenius.Set(fmt.Sprintf("O'Last %d", n%97)),
				CompanyName: growthgenius.Set("Example"),
			}
		default:
			it.key = fmt.Sprintf("Message %d of seed %d, isn't it?", n, seed)
			it.message = &growthgenius.MessageInput{
				ContactID:    growthgenius.Set(growthgenius.IntID(int64(1000 + n%50))),
				MessageType:  growthgenius.Set("email"),
				RenderedCopy: growthgenius.Set(it.key),
				SentAt:       growthgenius.Set(time.Date(2021, 1, 19, 17, 6, n, 0, time.UTC)),
			}
		}
		intents[n] = it
	}
	return intents
}

// keyOf is the key of the intent that a row was created for.
func keyOf(content string) string {
	var c struct {
		Email  string `json:"email"`
		Copy   string `json:"rendered_copy"`
		Marker string `json:"custom9"`
		Name   string `json:"full_name"`
	}
	if json.Unmarshal([]byte(content), &c) != nil {
		return ""
	}
	for _, key := range []string{c.Marker, c.Copy, c.Email, c.Name} {
		if key != "" {
			return key
		}
	}
	return ""
}

// audit compares what the clients reported with what the server did.
func audit(ctx context.Context, r *result, srv *growthgeniustest.Server, intents []*intent, creators []creator, fresh func() creator) error {
	rows := map[string]map[growthgenius.ID]bool{}
	for _, entry := range srv.Ledger() {
		key := keyOf(entry.Content)
		if rows[key] == nil {
			rows[key] = map[growthgenius.ID]bool{}
		}
		rows[key][entry.ID] = true
		r.Rows++
	}
	unknown := r.count(intents, rows)
	if fresh == nil || len(unknown) == 0 {
		return nil
	}
	another := fresh()
	for ask := range 3 {
		var (
			askers sync.WaitGroup
			mu     sync.Mutex // guards r
		)
		for _, it := range unknown {
			askers.Go(func() {
				resolver := creators[it.told.client]
				if ask == 0 {
					resolver = another
				}
				id, err := resolveAgain(ctx, resolver.(*sdk), it)
				mu.Lock()
				defer mu.Unlock()
				r.countResolved(id, err, rows[it.key])
			})
		}
		askers.Wait()
	}
	return ctx.Err()
}

// count counts what the calls reported, and returns those whose outcome is unknown.
func (r *result) count(intents []*intent, rows map[string]map[growthgenius.ID]bool) (unknown []*intent) {
	claimed := map[growthgenius.ID]bool{}
	wanted := map[string]int{}
	for _, it := range intents {
		wanted[it.key]++
	}
	for key, n := range wanted {
		r.Duplicates += max(0, len(rows[key])-n)
	}
	for _, it := range intents {
		made := rows[it.key]
		r.MostPOSTs = max(r.MostPOSTs, it.posts.Load())
		switch {
		case it.told.err == nil && len(made) == 0:
			r.Lost++
		case it.told.err == nil && (!made[it.told.id] || claimed[it.told.id]):
			r.Wrong++
		case it.told.err == nil:
			claimed[it.told.id] = true
		case errors.Is(it.told.err, growthgenius.ErrOutcomeUnknown):
			unknown = append(unknown, it)
			if len(made) > 0 {
				r.UnknownYes++
			}
		case len(made) > 0:
			r.ToldFailed++
		default:
			r.Failed++
		}
	}
	r.Unknown = len(unknown)
	return unknown
}

// resolveAgain resolves a create. A read that failed says nothing, so it is repeated.
func resolveAgain(ctx context.Context, resolver *sdk, it *intent) (growthgenius.ID, error) {
	for n := 1; ; n++ {
		id, err := resolver.resolve(ctx, it)
		if err == nil || errors.Is(err, growthgenius.ErrNotFound) || errors.Is(err, growthgenius.ErrOutcomeUnknown) || n == 5 {
			return id, err
		}
	}
}

// countResolved counts what Resolve returned for a create that made these records.
func (r *result) countResolved(id growthgenius.ID, err error, made map[growthgenius.ID]bool) {
	switch {
	case err == nil && made[id], errors.Is(err, growthgenius.ErrNotFound) && len(made) == 0:
		r.Resolved++
	case err == nil, errors.Is(err, growthgenius.ErrNotFound):
		r.ResolvedWrong++
	default:
		r.Unsettled++
	}
}

type intentKey struct{}

// meter counts what goes over the wire, refused dials included.
type meter struct {
	next                http.RoundTripper
	posts, reads, bytes atomic.Int64
}

func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		m.posts.Add(1)
		if it, ok := req.Context().Value(intentKey{}).(*intent); ok {
			it.posts.Add(1)
		}
		return m.next.RoundTrip(req)
	}
	m.reads.Add(1)
	res, err := m.next.RoundTrip(req)
	if err == nil {
		res.Body = &meteredBody{res.Body, &m.bytes}
	}
	return res, err
}

type meteredBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	return n, err
}
