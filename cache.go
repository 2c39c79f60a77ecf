package growthgenius

import (
	"bytes"
	"container/list"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// EnrichmentCache keeps the answers of lookups. See [WithEnrichmentCache]. It is used by
// many goroutines at once, and clients and processes may share one.
//
// Keys start with "growthgenius:" and are printable ASCII without blanks; they name the
// domains of companies, and nothing of people. Values are opaque, and personal data. Each
// carries its version and its age, so a cache may return anything it was ever given.
type EnrichmentCache interface {
	// Get returns the value of a key, which nobody may change from then on; ok is false
	// where there is none, which is no error.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set keeps a value for ttl, or for less.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

const (
	enrichmentTTL = 30 * 24 * time.Hour // a lookup is charged once in this time (documented)
	clockSkew     = time.Hour           // how far the clock of another process may be ahead
	cacheTimeout  = 2 * time.Second     // for a Get or a Set
)

// lookups are the answers that are kept and the calls that are under way. The clients
// made from one by ForUser share them.
type lookups struct {
	cache  EnrichmentCache
	prefix string              // of every key
	mac    func(string) string // a function, so that nothing can print the API key in it

	mu      sync.Mutex
	flights map[string]*flight
}

// newLookups returns nil where there is no cache. What the API answers may be the account's
// own contact, so accounts that share a cache share nothing in it: their keys differ.
func newLookups(cache EnrichmentCache, apiKey string, base *url.URL) *lookups {
	if cache == nil {
		return nil
	}
	mac := func(text string) string {
		h := hmac.New(sha256.New, []byte(apiKey))
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil))
	}
	return &lookups{
		cache:   cache,
		prefix:  "growthgenius:v1:" + mac(base.String())[:16] + ":",
		mac:     mac,
		flights: map[string]*flight{},
	}
}

// key is the same for all ways to ask the same. It has no user: that is who asks, and not
// what is asked for. A person's has the path, since with another path a 404 means nothing.
func (l *lookups) key(e endpoint) string {
	if q, ok := e.query.(PersonQuery); ok {
		return l.prefix + "person:" + l.mac(e.route+q.key())
	}
	return l.prefix + "company:" + e.query.(companyQuery).Domain
}

// flight is one lookup for all who ask for it while it lasts. It belongs to none of them,
// and ends early when none is left.
type flight struct {
	askers   int
	answered bool // what came of it is known
	cancel   context.CancelFunc
	done     chan struct{}

	res      *response // a success; all askers read its body
	err      error
	info     ResponseInfo
	panicked any // which each asker is to know of, as without a cache
}

// find makes a lookup, unless its answer is kept or on its way. usable tells whether an
// answer can be decoded.
func (c caller) find(ctx context.Context, e endpoint, opts []RequestOption, usable func(context.Context, *response) error) (*response, error) {
	l := c.core.lookups
	if l == nil {
		return c.send(ctx, e, opts)
	}
	o := applyOptions(opts)
	_, err := e.build(c.core.base, c.userID, &o) // a mistake is its maker's alone
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, e.refuse(err)
	}
	key := l.key(e)
	l.mu.Lock()
	f := l.flights[key]
	if f == nil {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &flight{cancel: cancel, done: make(chan struct{}), err: e.refuse(errors.New("the lookup ended without an answer"))}
		l.flights[key] = f
		go func() {
			defer cancel()
			defer l.land(key, f)
			defer func() { f.panicked = recover() }()
			c.fly(shared, f, key, e, opts, usable)
		}()
	}
	f.askers++
	l.mu.Unlock()

	select {
	case <-f.done:
		if f.panicked != nil {
			panic(f.panicked)
		}
	case <-ctx.Done():
		if !l.leave(key, f) {
			return nil, e.refuse(ctx.Err())
		}
	}
	if o.capture != nil && f.info.StatusCode != 0 {
		*o.capture = f.info
		o.capture.Header = f.info.Header.Clone()
	}
	if refusal, ok := f.err.(*APIError); ok { //nolint:errorlint // what wraps it is nobody's to change
		own := *refusal
		own.Fields, own.Body = maps.Clone(own.Fields), bytes.Clone(own.Body)
		return nil, &own
	}
	return f.res, f.err
}

// leave is for an asker whose context has ended. It reports whether the answer has come
// nevertheless.
func (l *lookups) leave(key string, f *flight) (answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.askers--
	if f.askers == 0 && !f.answered {
		f.cancel()
		delete(l.flights, key)
	}
	return f.answered
}

// land ends a flight.
func (l *lookups) land(key string, f *flight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flights[key] == f {
		delete(l.flights, key)
	}
	f.answered = true
	close(f.done)
}

// fly gets the answer of a flight, and keeps it before anybody has it: a program that ends
// with its answer in hand has not paid in vain.
func (c caller) fly(ctx context.Context, f *flight, key string, e endpoint, opts []RequestOption, usable func(context.Context, *response) error) {
	if kept := c.recall(ctx, key, e, usable); kept != nil {
		f.info = ResponseInfo{StatusCode: kept.status, FromCache: true}
		if kept.status == http.StatusNotFound {
			f.err = newAPIError(e.method, e.route, kept, time.Now(), c.core.redact)
		} else {
			f.res, f.err = kept, nil
		}
		return
	}
	f.res, f.err = c.send(ctx, e, append(slices.Clone(opts), CaptureResponse(&f.info)))
	if f.err == nil && usable(ctx, f.res) != nil {
		return
	}
	value := c.core.newValue(f.res, f.err)
	if value == nil {
		return
	}
	l := c.core.lookups
	l.mu.Lock()
	f.answered = true
	l.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // what was paid for is kept, whoever still waits
	_, err := shielded(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, l.cache.Set(ctx, key, value, enrichmentTTL)
	})
	c.core.cacheFailed(ctx, e, key, err)
}

// recall returns an answer that was kept, or nil.
func (c caller) recall(ctx context.Context, key string, e endpoint, usable func(context.Context, *response) error) *response {
	value, err := shielded(ctx, func(ctx context.Context) ([]byte, error) {
		value, ok, err := c.core.lookups.cache.Get(ctx, key)
		if !ok {
			value = nil
		}
		return value, err
	})
	if err != nil || value == nil {
		c.core.cacheFailed(ctx, e, key, err)
		return nil
	}
	status, at, body, ok := parseValue(value)
	if age := time.Since(at); ok && (age >= enrichmentTTL || age < -clockSkew) {
		return nil
	}
	res := &response{status: status, body: body}
	if !ok || int64(len(body)) > c.core.maxBytes || (status == http.StatusOK && usable(ctx, res) != nil) {
		c.core.cacheFailed(ctx, e, key, errors.New("a value in it cannot be used"))
		return nil
	}
	return res
}

// A value is a line and the body of the answer: "growthgenius/1 200 1611075600\n{...}".
const valueVersion = "growthgenius/1"

// newValue is what is kept of a lookup: nil unless somebody was found, or nobody.
func (c *core) newValue(res *response, err error) []byte {
	if err == nil {
		if c.redact.Quotes(res.body) {
			return nil // it quotes the API key
		}
		return formatValue(http.StatusOK, res.body)
	}
	refusal, ok := errors.AsType[*APIError](err)
	if !ok || refusal.StatusCode != http.StatusNotFound || bytes.HasPrefix(bytes.TrimSpace(refusal.Body), []byte("<")) {
		return nil // a page says nothing of what was asked for
	}
	return formatValue(http.StatusNotFound, refusal.Body)
}

func formatValue(status int, body []byte) []byte {
	return fmt.Appendf(nil, "%s %d %d\n%s", valueVersion, status, time.Now().Unix(), body)
}

// parseValue reads what formatValue wrote. It trusts nothing.
func parseValue(value []byte) (status int, at time.Time, body []byte, ok bool) {
	line, body, found := bytes.Cut(value, []byte("\n"))
	words := strings.SplitN(string(line), " ", 4)
	if !found || len(words) != 3 || words[0] != valueVersion || (words[1] != "200" && words[1] != "404") {
		return 0, time.Time{}, nil, false
	}
	status, _ = strconv.Atoi(words[1])
	seconds, err := strconv.ParseInt(words[2], 10, 64)
	return status, time.Unix(seconds, 0), body, err == nil
}

// shielded calls the user's cache, which may fail, hang or panic without harm: the lookup
// goes on. (Here a panic would end the program, since no caller could recover from it.)
func shielded[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, cacheTimeout)
	defer cancel()
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: errors.New("it ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("it panicked: %v", p)
			}
			done <- r
		}()
		r.v, r.err = call(ctx)
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

// cacheFailed logs that a lookup is made, or its answer not kept, because of the cache.
func (c *core) cacheFailed(ctx context.Context, e endpoint, key string, err error) {
	if err == nil || c.logger == nil || ctx.Err() != nil {
		return
	}
	text := strings.ReplaceAll(c.redact.Text(err.Error()), key, "[key]")
	c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: the enrichment cache failed",
		slog.String("method", e.method), slog.String("route", e.route), slog.String("error", redact.FirstWords([]byte(text))))
}

// MemoryCache is an [EnrichmentCache] in memory, bounded in size: what was not used for
// longest goes first. It ends with the process.
type MemoryCache struct {
	maxBytes int64

	mu    sync.Mutex
	bytes int64
	order list.List // of *memoryEntry, the last used first
	byKey map[string]*list.Element
}

type memoryEntry struct {
	key   string
	value []byte
	until time.Time
}

const (
	defaultMemoryCacheBytes = 64 << 20
	memoryEntryBytes        = 256 // what an entry takes besides its key and value, about
)

func (e *memoryEntry) size() int64 { return int64(len(e.key)+len(e.value)) + memoryEntryBytes }

// NewMemoryCache returns an empty cache that takes about maxBytes of memory at most: 64 MiB
// where that is 0 or less. A value that is larger than the whole cache is not kept.
func NewMemoryCache(maxBytes int64) *MemoryCache {
	if maxBytes <= 0 {
		maxBytes = defaultMemoryCacheBytes
	}
	return &MemoryCache{maxBytes: maxBytes, byKey: map[string]*list.Element{}}
}

// Get returns a copy of the value. It never fails.
func (m *MemoryCache) Get(_ context.Context, key string) (value []byte, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	element, ok := m.byKey[key]
	if !ok {
		return nil, false, nil
	}
	entry := element.Value.(*memoryEntry)
	if !time.Now().Before(entry.until) {
		m.remove(element)
		return nil, false, nil
	}
	m.order.MoveToFront(element)
	return slices.Clone(entry.value), true, nil
}

// Set keeps a copy of the value; one with a ttl of 0 or less is not kept. It never fails.
func (m *MemoryCache) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.byKey[key]; ok {
		m.remove(old)
	}
	entry := &memoryEntry{key, slices.Clone(value), time.Now().Add(ttl)}
	if ttl <= 0 || entry.size() > m.maxBytes {
		return nil
	}
	m.byKey[key] = m.order.PushFront(entry)
	m.bytes += entry.size()
	for m.bytes > m.maxBytes {
		m.remove(m.order.Back())
	}
	return nil
}

func (m *MemoryCache) remove(element *list.Element) {
	entry := m.order.Remove(element).(*memoryEntry)
	delete(m.byKey, entry.key)
	m.bytes -= entry.size()
}
