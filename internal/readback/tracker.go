package readback

import (
	"cmp"
	"container/list"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// maxParked is how many creates of unknown outcome are kept.
const maxParked = 10_000

// Policy says how a create without a usable response is looked for.
type Policy struct {
	Disabled    bool          // not at all
	Settle      time.Duration // how long the API may take to show a record
	ReplayAfter time.Duration // when an absent create is sent again; 0 for never
}

// Config is what a Tracker needs.
type Config struct {
	Policy         Policy
	AttemptTimeout time.Duration // of one request
	Lists          Lists
	Logger         *slog.Logger // nil for none
	// Describe returns what a log record may show of an error of Send or of a list: nothing
	// from the body of a response. nil means the text of the error.
	Describe func(error) string
	// Observe is told what became of each create that was looked for, and how long that took, and
	// of each wait in between: its result is one of the constants below. nil for none.
	Observe func(ctx context.Context, l List, result string, d time.Duration)
}

// The results that Config.Observe is told.
const (
	Found    = "found"
	Absent   = "absent"
	Repeated = "repeated" // absent, and it is sent again
	Unknown  = "unknown"
	Settling = "settle" // a wait until a list may show a create
)

// Tracker finds out what became of creates. It is safe for concurrent use.
type Tracker struct {
	policy   Policy
	timeout  time.Duration // of one request
	lists    Lists
	logger   *slog.Logger
	observe  func(ctx context.Context, l List, result string, d time.Duration) // nil for none
	text     func(error) string                                                // of an error, for the log
	clock    Clock                                                             // of the Date headers
	records  Clock                                                             // that the records have their times from, by responses to creates
	updates  Clock                                                             // the same, by the times of updates
	grain    atomic.Int64                                                      // the least precision that times of records have shown; 0 for none
	longest  Longest
	compared atomic.Int64 // how often a record was compared with what was sent
	rounds   *rounds

	// mu guards the fields below and what can change in each pending. It is not held while
	// a function of the caller runs.
	mu      sync.Mutex
	groups  map[string]map[*pending]struct{}  // creates of equal content, by their key
	fresh   map[*pending]struct{}             // those of groups that are not indexed yet
	indexed map[string]*match.Index[*pending] // the others, by their resource
	parked  list.List                         // of *pending: those of unknown outcome, oldest first
	claims  claims
}

// New returns a Tracker that knows of no create.
func New(config Config) *Tracker {
	if config.Describe == nil {
		config.Describe = error.Error
	}
	t := &Tracker{
		policy: config.Policy, timeout: config.AttemptTimeout,
		lists: config.Lists, logger: config.Logger, observe: config.Observe, text: config.Describe,
		groups: map[string]map[*pending]struct{}{}, claims: newClaims(),
		fresh: map[*pending]struct{}{}, indexed: map[string]*match.Index[*pending]{},
	}
	t.rounds = newRounds(t.read)
	return t
}

// Clock returns what is known of the server's clock. Each response should be observed.
func (t *Tracker) Clock() *Clock { return &t.clock }

// Longest returns how many records lists had. The length of each list should be noted.
func (t *Tracker) Longest() *Longest { return &t.longest }

// Dated reports whether responses have shown the server's clock. Without it, no list settles
// a create.
func (t *Tracker) Dated() bool { return t.clock.bounds().known }

// Outcome returns the record of a create that this Tracker knows to have happened.
func (t *Tracker) Outcome(token Token) (wire.ID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.claims.outcome(token)
}

// Deleted stores that a record was deleted: lists need not show it any more, and its id may
// be given to another record.
func (t *Tracker) Deleted(resource string, id wire.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claims.deleted(resource, id)
}

// begin registers a create before it is sent.
func (t *Tracker) begin(token Token, l List) (*pending, error) {
	p, err := newPending(token, l)
	if err != nil {
		return nil, err
	}
	p.began, p.calling = time.Time{}, true
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(p)
	return p, nil
}

// adopt returns the pending create of a token: the parked one, or a new one. It returns
// ErrUnderWay while the call that creates it has not returned.
func (t *Tracker) adopt(token Token, l List) (*pending, error) {
	p, err := newPending(token, l)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for known := range t.groups[p.key] {
		if known.token.Nonce != token.Nonce {
			continue
		}
		if known.calling {
			return nil, ErrUnderWay
		}
		if known.parked != nil {
			t.parked.Remove(known.parked)
			known.parked = nil
		}
		known.list.Headers = cmp.Or(p.list.Headers, known.list.Headers)
		for _, id := range token.Taken {
			if !slices.Contains(known.token.Taken, id) {
				known.token.Taken = append(known.token.Taken, id)
			}
		}
		return known, nil
	}
	p.waiting, p.foreign = true, true
	t.add(p)
	return p, nil
}

// drop forgets a create that did not happen.
func (t *Tracker) drop(p *pending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(p)
}

// add and remove need mu, as do keep and claim.
func (t *Tracker) add(p *pending) {
	if t.groups[p.key] == nil {
		t.groups[p.key] = map[*pending]struct{}{}
	}
	t.groups[p.key][p] = struct{}{}
	t.fresh[p] = struct{}{}
}

func (t *Tracker) remove(p *pending) {
	p.calling = false
	if _, ok := t.fresh[p]; ok {
		delete(t.fresh, p)
	} else if index := t.indexed[p.token.Resource]; index != nil {
		index.Remove(p, p.content)
	}
	delete(t.groups[p.key], p)
	if len(t.groups[p.key]) == 0 {
		delete(t.groups, p.key)
	}
}

// sending and sent record whether a request of the create is in flight.
func (t *Tracker) sending(p *pending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.waiting = false
}

func (t *Tracker) sent(p *pending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.waiting, p.ended = true, time.Now()
}

// returned is called when a Send has returned that was called at a time: then its request
// left, if it did, without telling.
func (t *Tracker) returned(p *pending, began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.began.IsZero() {
		p.setBegan(began)
	}
	if p.left.Before(began) {
		p.left = began
	}
}

// left notes that a request of a create is about to leave. It returns the token to hand
// over, and reports whether it is the first request.
func (t *Tracker) left(p *pending) (token Token, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.left = time.Now()
	if !p.began.IsZero() {
		return p.token, false
	}
	p.setBegan(p.left)
	p.token.Ahead, p.token.Stamps = nil, nil
	t.setClocks(&p.token)
	return p.token, true
}

// claim stores that a record is the outcome of a create, which settles it, and what is known
// of that.
func (t *Tracker) claim(p *pending, id wire.ID, known claim) {
	t.claims.add(p, id, known)
	t.remove(p)
}

// park keeps a create of unknown outcome, so that its record is not given to an equal
// create, and returns its token. seen are the ids of equal records that lists showed.
func (t *Tracker) park(p *pending, seen []wire.ID) Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	token := t.keep(p, seen)
	if !p.foreign {
		t.setClocks(&token)
	}
	return token
}

// abandon keeps a create whose call panicked, because it may have happened.
func (t *Tracker) abandon(p *pending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case p.calling && p.began.IsZero(): // it never left
		t.remove(p)
	case p.calling:
		p.ended = time.Now()
		t.keep(p, nil)
	}
}

func (t *Tracker) keep(p *pending, seen []wire.ID) Token {
	for _, id := range seen {
		if t.claims.taken(p, id) && !slices.Contains(p.token.Taken, id) {
			p.token.Taken = append(p.token.Taken, id)
		}
	}
	p.waiting, p.calling = true, false
	p.token.Ended = p.ended.Round(0)
	p.parked = t.parked.PushBack(p)
	if t.parked.Len() > maxParked {
		oldest, _ := t.parked.Remove(t.parked.Front()).(*pending)
		oldest.parked = nil
		t.remove(oldest)
	}
	return p.token
}

// targets copies what a read of a list needs to know of the creates that wait for it.
func (t *Tracker) targets(waiters []*pending) []target {
	t.mu.Lock()
	defer t.mu.Unlock()
	targets := make([]target, len(waiters))
	for i, p := range waiters {
		targets[i] = p.target
	}
	return targets
}

// listOf returns the list in which a create is looked for.
func (t *Tracker) listOf(p *pending) List {
	t.mu.Lock()
	defer t.mu.Unlock()
	return p.list
}

// The methods of the calls that log records are about.
const (
	methodGet  = "GET"
	methodPost = "POST"
)

// log logs a record about a call of a list's route.
func (t *Tracker) log(ctx context.Context, level slog.Level, text, method string, l List, more ...slog.Attr) {
	if t.logger != nil {
		attrs := append([]slog.Attr{slog.String("method", method), slog.String("route", l.Route)}, more...)
		t.logger.LogAttrs(ctx, level, "growthgenius: "+text, attrs...)
	}
}
