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

// ChangeOptions selects the changes to read. The zero value reads everything.
type ChangeOptions struct {
	// Since is where the feed begins: the Checkpoint of the last window that was stored.
	// The zero time means the Unix epoch, so that everything is read.
	Since time.Time
	// Until is where the feed ends. The zero time means the current time of the server's
	// clock minus Lag, and so does any later time. If the API's responses have no Date
	// header, Until must be set, and is used as it is.
	Until time.Time
	// Lag is how long the API may take to show an update in its lists, plus how far the
	// clock that stamps updates may be behind the clock of the Date header. No checkpoint
	// is younger than Lag. The default is one minute, which is a guess: nothing is
	// documented.
	Lag time.Duration
	// Window is the longest period that one request asks for, at least one second. Each
	// request reads one second more at both ends. Zero means no bound: the feed asks for
	// everything, and for less if that turns out to be too much.
	Window time.Duration
}

const (
	defaultLag  = time.Minute
	leastWindow = time.Second
	// changeMargin is read beyond both ends of a window: whether the API includes the
	// bounds is not documented.
	changeMargin = time.Second
	// windowBytes bounds a response whose window can be split.
	windowBytes = 8 << 20
	// slowSplit divides a window that timed out. That costs time, so the next window is
	// much shorter.
	slowSplit = 16
	// slowRegain is how slowly windows become longer after a timeout, which may have been
	// temporary: each window may be 1/32 longer than the last.
	slowRegain = 32
)

// ChangeWindow holds the records that changed between two times of the server's clock.
type ChangeWindow[T any] struct {
	From, To time.Time
	// Items are the records whose last update is between From and To, in the order of the
	// API, each as it was when it was read. A few may be from outside the window, and
	// after a restart a few have been delivered before, so store records by their id.
	Items []*T
	// Checkpoint is where to continue: every update before it has been delivered. Store
	// it in the same transaction as the items, and pass it as Since to the next feed.
	Checkpoint time.Time
}

// ChangeFeed reads the records that changed since a checkpoint. It is returned by
// [ContactsService.Changes] and [MessagesService.Changes].
type ChangeFeed[T any] struct {
	opts    ChangeOptions
	refuse  func(error) error
	list    func(ctx context.Context, l ListOptions, splits bool) (listing[T], error)
	id      func(*T) ID
	updated func(*T) time.Time // the zero time if the record does not say
}

// listing is the response to the request for a window.
type listing[T any] struct {
	items []T
	small bool      // a longer window would not be too large
	date  time.Time // from the Date header; zero if there is none
}

// Changes returns a feed of the contacts that were created or updated since a checkpoint.
// Use it to keep a copy of the contacts up to date. Call [ChangeFeed.Windows] to read it.
//
// The feed ends when it has caught up. To poll, make a new feed from the last checkpoint.
//
// Every update is delivered at least once, and the final version of a contact comes last.
// The API lists contacts as they are now: if a contact is updated twice before it is
// read, only the second update is seen.
//
// If a window times out, or its response is larger than 8 MiB or [WithMaxResponseBytes],
// the feed splits the window. A window of one second cannot be split any further: if it
// still has too many contacts, the feed ends with an error. [ContactsService.Stream] can
// read them, in constant memory.
//
// Deletions are not reported, since the API's lists leave out deleted contacts. To find
// deletions, compare the stored ids with those of a full Stream.
func (s *ContactsService) Changes(opts ChangeOptions) *ChangeFeed[Contact] {
	return newChangeFeed[Contact](s.caller, opts, endpoint{
		method: http.MethodGet, route: "/contacts", envelope: contactEnvelope,
	}, func(c *Contact) time.Time { return c.UpdatedAt })
}

// Changes returns a feed of the messages that were created or updated since a checkpoint.
// It works like [ContactsService.Changes]. Messages have no update time, so only the
// API's list determines which messages belong to a window.
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
			items, err := decodeMany[T, P](ctx, c, e, res, true)
			date, _ := http.ParseTime(res.Header.Get("Date"))
			small := int64(len(res.Body)) < min(c.core.maxBytes, windowBytes)/4
			return listing[T]{items, small, date}, err
		},
		id: func(v *T) ID { return P(v).identity() },
	}
}

// Windows returns an iterator over the windows of the feed, in the order of time. Each
// range over it begins at Since again. An error comes last, with a nil window; the
// windows before it are complete, and the next feed can continue from the last of their
// checkpoints.
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
		target time.Time // where the feed ends; unknown until a response has the server's time
		span   = opts.Window
		most   = opts.Window // span may grow up to it
		seen   = overlap[T]{feed: f, seed: maphash.MakeSeed()}
	)
	for target.IsZero() || from.Before(target) {
		begun := time.Now()
		to := target
		if to.IsZero() { // a guess, by the clock of this machine
			to = opts.end(begun)
		}
		to = from.Add(max(leastWindow, min(span, to.Sub(from))))
		wide := to.Sub(from) > leastWindow
		asked := ListOptions{From: from.Add(-changeMargin), To: to.Add(changeMargin)}
		response, err := f.list(ctx, asked, wide)
		slow := isSlow(err)
		switch {
		case err == nil:
		case !slow && !errors.Is(err, ErrResponseTooLarge) && !errors.Is(err, ErrPartialResults):
			return err
		case !wide:
			return unsplittable(from, to, err)
		case slow:
			most = max(leastWindow, to.Sub(from)/2)
			span = most / slowSplit
			continue
		default:
			span = to.Sub(from) / 2
			continue
		}
		if target.IsZero() {
			if target, err = opts.target(response.date, time.Since(begun)); err != nil {
				return f.refuse(err)
			}
		}
		if to.After(target) {
			to = target
		}
		if !from.Before(to) {
			return nil
		}
		items := seen.drop(response.items, to)
		if !yield(&ChangeWindow[T]{From: from, To: to, Items: items, Checkpoint: to}) {
			return nil
		}
		from = to
		most += min(most/slowRegain, opts.Window-most)
		if response.small {
			span = min(most, span+min(span, most-span))
		}
	}
	return nil
}

// unsplittable returns the error of a window that is too short to be split.
func unsplittable(from, to time.Time, err error) error {
	next := "see WithAttemptTimeout and WithMaxResponseBytes, or read the same records with Stream, in constant memory"
	if errors.Is(err, ErrPartialResults) { // Stream would end the same way
		next = "the API does not return all of its records"
	}
	return fmt.Errorf("%w; the window from %s to %s cannot be split any further: %s",
		err, from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano), next)
}

// isSlow reports whether a request for a shorter window might have succeeded in time.
func isSlow(err error) bool {
	status := 0
	if e, ok := errors.AsType[*APIError](err); ok {
		status = e.StatusCode
	}
	return engine.IsSlow(err, status)
}

func (o ChangeOptions) withDefaults() (ChangeOptions, error) {
	if o.Lag < 0 || o.Window < 0 || (o.Window > 0 && o.Window < leastWindow) {
		return o, fmt.Errorf("%w: Lag must not be negative and Window must be at least %s; got %s and %s",
			ErrInvalidInput, leastWindow, o.Lag, o.Window)
	}
	if o.Since.IsZero() {
		o.Since = time.Unix(0, 0).UTC()
	}
	if !o.Until.IsZero() && o.Until.Before(o.Since) {
		return o, fmt.Errorf("%w: Until (%s) is before Since (%s)",
			ErrInvalidInput, o.Until.Format(time.RFC3339), o.Since.Format(time.RFC3339))
	}
	o.Lag = cmp.Or(o.Lag, defaultLag)
	o.Window = cmp.Or(o.Window, math.MaxInt64)
	return o, nil
}

// end returns where a feed ends that begins at a time of the server's clock.
func (o ChangeOptions) end(now time.Time) time.Time {
	end := now.Add(-o.Lag).Add(-changeMargin)
	if !o.Until.IsZero() && o.Until.Before(end) {
		return o.Until
	}
	return end
}

// target returns where this range over the feed ends, by the first response: its date,
// and how long ago its request was sent. The clock of this machine is not used.
func (o ChangeOptions) target(date time.Time, took time.Duration) (time.Time, error) {
	if date.IsZero() {
		if o.Until.IsZero() {
			return time.Time{}, errors.New("the response has no Date header, so the end of the last window " +
				"cannot be determined: set ChangeOptions.Until")
		}
		return o.Until, nil
	}
	if o.Since.After(date.Add(time.Second)) {
		return time.Time{}, fmt.Errorf("%w: Since (%s) is in the future: the API's clock shows %s",
			ErrInvalidInput, o.Since.Format(time.RFC3339), date.Format(time.RFC3339))
	}
	return o.end(date.Add(-took)).UTC(), nil
}

// overlap remembers the records near the end of the last window, which the next window
// may have again.
type overlap[T any] struct {
	feed   *ChangeFeed[T]
	seed   maphash.Seed
	hashes map[ID]uint64
}

// drop returns the items of a window without those that the last window had, unchanged.
// to is the end of the window.
func (o *overlap[T]) drop(items []T, to time.Time) []*T {
	var fresh []*T
	last := o.hashes
	o.hashes = map[ID]uint64{}
	for i := range items {
		v := &items[i]
		id := o.feed.id(v)
		old, again := o.hashes[id] // a response may have a record twice
		if !again {
			old, again = last[id]
		}
		updated := o.feed.updated(v)
		near := updated.IsZero() || !updated.Before(to.Add(-2*changeMargin)) // the API may round times
		if id != "" && (again || near) {
			if content, err := wire.MarshalVerbatim(v); err == nil {
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
