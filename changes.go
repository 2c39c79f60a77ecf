package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math"
	"net/http"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// ChangeOptions says which changes to read. The zero value reads everything.
type ChangeOptions struct {
	// Since is where to begin: the Checkpoint of the last window that was stored. The zero
	// time is the beginning of everything.
	Since time.Time
	// Until is where to end. The zero time is now, less Lag, by the server's clock. A later
	// one than that is taken for it; only where answers have no Date header is Until needed,
	// and taken as it is.
	Until time.Time
	// Lag is how long the API may take to show an update in its lists, and how far the clock
	// that stamps updates may be behind that of its Date header. No checkpoint is younger, by
	// the latter. The default is a minute, a guess: nothing is documented.
	Lag time.Duration
	// Window is the longest time that one request asks for, not counting the second it reads
	// beyond both ends; a second at least. Zero asks for all there is, and for less where that
	// turns out to be too much.
	Window time.Duration
}

const (
	defaultLag   = time.Minute
	changeMargin = time.Second // read beyond both ends of a window: whether they are in is not documented
	leastWindow  = time.Second
	windowBytes  = 8 << 20 // of an answer whose window can be split
	slowSplit    = 16      // a window that timed out costs time, so the next is much shorter
	slowRegain   = 32      // it may have been the hour, so each window lets the next be longer by this part
)

// ChangeWindow is what changed between two times of the server's clock.
type ChangeWindow[T any] struct {
	From, To time.Time
	// Items are the records last updated between From and To, in the order of the API, each
	// as it was when it was read. There may be some from outside, and after a resume
	// some that were delivered before: store them by id.
	Items []*T
	// Checkpoint is where to go on: each update before it has been delivered. Store it
	// together with the items, in one transaction, and pass it as Since.
	Checkpoint time.Time
}

// ChangeFeed reads what has changed since a checkpoint: see [ContactsService.Changes].
type ChangeFeed[T any] struct {
	opts    ChangeOptions
	refuse  func(error) error
	list    func(ctx context.Context, l ListOptions, splits bool) (listing[T], error)
	id      func(*T) ID
	updated func(*T) time.Time // the zero time where the record does not say
}

// listing is the answer to the request for a window.
type listing[T any] struct {
	items []T
	small bool      // far from too large
	date  time.Time // of the server's clock; zero where it does not say
}

// Changes returns a feed of the contacts that were created or updated since a checkpoint,
// window by window, for a copy of them elsewhere. It ends when it has caught up; poll by
// making another from the last checkpoint.
//
// Each update is delivered at least once, and a contact's final version last. An update
// that is followed by another before it is read is not seen by itself: the API lists
// records as they are, not what happened to them. Windows overlap, since it is not
// documented whether bounds are in; what both show is delivered once. A window that times
// out, or whose answer is over 8 MiB (or [WithMaxResponseBytes]), is split, down to one
// second; then the error says so.
//
// Deletions cannot be seen: a deleted contact is in no list. To find them, compare the ids
// of a full [ContactsService.Stream] with those that are stored.
func (s *ContactsService) Changes(opts ChangeOptions) *ChangeFeed[Contact] {
	return newChangeFeed[Contact](s.caller, opts, endpoint{
		method: http.MethodGet, route: "/contacts", envelope: contactEnvelope,
	}, func(c *Contact) time.Time { return c.UpdatedAt })
}

// Changes returns a feed of the messages that were created or updated since a checkpoint,
// as [ContactsService.Changes] does. Messages do not say when they were updated, so a
// window is told by the API's list alone.
func (s *MessagesService) Changes(opts ChangeOptions) *ChangeFeed[Message] {
	return newChangeFeed[Message](s.caller, opts, endpoint{
		method: http.MethodGet, route: "/messages", envelope: messageEnvelope,
	}, func(*Message) time.Time { return time.Time{} })
}

func newChangeFeed[T any, P resourceOf[T]](c caller, opts ChangeOptions, e endpoint, updated func(*T) time.Time) *ChangeFeed[T] {
	return &ChangeFeed[T]{
		opts: opts, refuse: e.refuse, updated: updated,
		list: func(ctx context.Context, l ListOptions, splits bool) (listing[T], error) {
			e := e
			e.query, e.splits = l, splits
			if splits {
				e.maxBytes = windowBytes
			}
			e, err := e.bounded(time.Now())
			if err != nil {
				return listing[T]{}, err
			}
			res, err := c.send(ctx, e, nil)
			if err != nil {
				return listing[T]{}, err
			}
			items, err := decodeMany[T, P](ctx, c, e, res)
			date, _ := http.ParseTime(res.Header.Get("Date"))
			return listing[T]{items, int64(len(res.Body)) < min(c.core.maxBytes, windowBytes)/4, date}, err
		},
		id: func(v *T) ID { return P(v).identity() },
	}
}

// Windows returns the windows in the order of time. Each range over it begins at Since
// anew. An error comes last, with a nil window, and what came before it stands.
func (f *ChangeFeed[T]) Windows(ctx context.Context) iter.Seq2[*ChangeWindow[T], error] {
	return func(yield func(*ChangeWindow[T], error) bool) {
		if err := f.run(ctx, func(w *ChangeWindow[T]) bool { return yield(w, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// run reads window after window until it has caught up or yield returns false.
func (f *ChangeFeed[T]) run(ctx context.Context, yield func(*ChangeWindow[T]) bool) error {
	opts, err := f.opts.withDefaults()
	if err != nil {
		return f.refuse(err)
	}
	var (
		from   = opts.Since
		target time.Time // where it has caught up; unknown until the server's clock is known
		span   = opts.Window
		most   = opts.Window // span grows to that again
		seen   = overlap[T]{feed: f, seed: maphash.MakeSeed()}
	)
	for target.IsZero() || from.Before(target) {
		begun := time.Now()
		to := target
		if to.IsZero() { // a guess, by our own clock
			to = opts.end(begun)
		}
		to = from.Add(max(leastWindow, min(span, to.Sub(from))))
		wide := to.Sub(from) > leastWindow
		answer, err := f.list(ctx, ListOptions{From: from.Add(-changeMargin), To: to.Add(changeMargin)}, wide)
		slow := isSlow(err)
		switch {
		case err == nil:
		case !slow && !errors.Is(err, ErrResponseTooLarge) && !errors.Is(err, ErrPartialResults):
			return err
		case !wide:
			return fmt.Errorf("the window from %s to %s is the smallest there is (see WithAttemptTimeout and WithMaxResponseBytes): %w",
				from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano), err)
		case slow:
			most = max(leastWindow, to.Sub(from)/2)
			span = most / slowSplit
			continue
		default:
			span = to.Sub(from) / 2
			continue
		}
		if target.IsZero() {
			if target, err = opts.target(answer.date, time.Since(begun)); err != nil {
				return f.refuse(err)
			}
		}
		if to.After(target) {
			to = target
		}
		if !from.Before(to) {
			return nil
		}
		if !yield(&ChangeWindow[T]{From: from, To: to, Items: seen.drop(answer.items, to), Checkpoint: to}) {
			return nil
		}
		from = to
		most += min(most/slowRegain, opts.Window-most)
		if answer.small {
			span = min(most, span+min(span, most-span))
		}
	}
	return nil
}

// isSlow reports whether a shorter window might have been answered in time.
func isSlow(err error) bool {
	status := 0
	if e, ok := errors.AsType[*APIError](err); ok {
		status = e.StatusCode
	}
	return engine.IsSlow(err, status)
}

func (o ChangeOptions) withDefaults() (ChangeOptions, error) {
	if o.Lag < 0 || o.Window < 0 || (o.Window > 0 && o.Window < leastWindow) {
		return o, fmt.Errorf("%w: Lag may not be negative, and Window not be under %s (they are %s and %s)", ErrInvalidInput, leastWindow, o.Lag, o.Window)
	}
	if o.Since.IsZero() {
		o.Since = time.Unix(0, 0).UTC()
	}
	if !o.Until.IsZero() && o.Until.Before(o.Since) {
		return o, fmt.Errorf("%w: Until (%s) is before Since (%s)", ErrInvalidInput, o.Until.Format(time.RFC3339), o.Since.Format(time.RFC3339))
	}
	o.Lag = cmp.Or(o.Lag, defaultLag)
	o.Window = cmp.Or(o.Window, math.MaxInt64)
	return o, nil
}

// end is where a feed ends that begins at a time of the server's clock.
func (o ChangeOptions) end(now time.Time) time.Time {
	end := now.Add(-o.Lag).Add(-changeMargin)
	if !o.Until.IsZero() && o.Until.Before(end) {
		return o.Until
	}
	return end
}

// target is where this range over the feed ends, now that there is an answer: its date,
// and how long ago its request was sent. No other clock counts, not even our own.
func (o ChangeOptions) target(date time.Time, took time.Duration) (time.Time, error) {
	if date.IsZero() {
		if o.Until.IsZero() {
			return time.Time{}, errors.New("the answer has no Date header, so what is too young to be read cannot be told: set ChangeOptions.Until")
		}
		return o.Until, nil
	}
	if o.Since.After(date.Add(time.Second)) {
		return time.Time{}, fmt.Errorf("%w: Since (%s) is in the future of the API, whose clock shows %s",
			ErrInvalidInput, o.Since.Format(time.RFC3339), date.Format(time.RFC3339))
	}
	return o.end(date.Add(-took)).UTC(), nil
}

// overlap remembers what the last window showed near its end, where the next one will
// show it again.
type overlap[T any] struct {
	feed   *ChangeFeed[T]
	seed   maphash.Seed
	hashes map[ID]uint64
}

// drop returns the items without those that the last window showed just as they are. to is
// the end of the window.
func (o *overlap[T]) drop(items []T, to time.Time) []*T {
	var fresh []*T
	last := o.hashes
	o.hashes = map[ID]uint64{}
	for i := range items {
		v := &items[i]
		id := o.feed.id(v)
		old, again := o.hashes[id] // an answer may show a record twice
		if !again {
			old, again = last[id]
		}
		updated := o.feed.updated(v)
		near := updated.IsZero() || !updated.Before(to.Add(-2*changeMargin)) // shown times may be rounded
		if id != "" && (again || near) {
			if content, err := wire.Marshal(v); err == nil {
				hash := maphash.Bytes(o.seed, content)
				o.hashes[id] = hash
				if again && hash == old {
					continue
				}
			}
		}
		fresh = append(fresh, v)
	}
	return fresh
}
