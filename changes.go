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

	"github.com/growthgenius/growthgenius-go/internal/whole"
)

// ChangeOptions selects the changes to read. The zero value reads everything.
type ChangeOptions struct {
	// Since is where the feed begins: the Checkpoint of the last window that was stored.
	// The zero time means the Unix epoch, so that everything is read.
	Since time.Time
	// Until is where the feed ends. The zero time means the current time of the server's
	// clock minus Lag, and so does any later time. The server's clock is the earliest that
	// the responses show. If a single one is ahead of this machine's clock, the feed asks
	// for a second one. If the API's responses have no Date
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
	leastWindow = time.Second
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
	// it in the same transaction as the items, and pass it as Since to the next feed. It
	// is To or, if more windows with the same From and To follow, From.
	Checkpoint time.Time
}

// ChangeFeed reads the records that changed since a checkpoint. It is returned by
// [ContactsService.Changes] and [MessagesService.Changes].
type ChangeFeed[T any] struct {
	opts    ChangeOptions
	refuse  func(error) error
	list    func(ctx context.Context, l ListOptions) (listing[T], error)
	stream  func(ctx context.Context, l ListOptions, part func(listing[T]) bool) error
	rows    func(ctx context.Context, l ListOptions, most int) ([]whole.Row, http.Header, error)
	ahead   func() (time.Duration, bool)
	fits    func(n int) int // notes the length of a list, and returns the largest before it
	id      func(*T) ID
	row     func(*T) whole.Row
	updated func(*T) time.Time // the zero time if the record does not say
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
// the feed splits the window. A window of one second cannot be split any further: it is
// delivered as it arrives, in several [ChangeWindow] values if it is long, so that memory
// does not grow with it.
//
// The feed does not trust that a list is whole. If the response says that it is not, the
// feed splits the window. A server may also cut its lists without saying so. So if a window
// has as many contacts as any list of this client had in the last hour, or more, the feed
// reads it again: in two parts, or only behind the first contact if there are few. That is
// two requests, or one, and none for most windows. If a part has a contact that the window
// lacked, the window is split. A window that cannot be split and is not whole ends the feed
// with an error that matches [ErrPartialResults], and so does one in which 100 contacts, or
// as many as another usual limit, have the same update time if no list has more.
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
		id:    func(v *T) ID { return P(v).identity() },
		row:   func(v *T) whole.Row { return listRow(P(v)) },
		ahead: c.core.dates.ahead,
		fits:  func(n int) int { return c.core.readBack.Longest().Saw(e.route, n) },
		rows: func(ctx context.Context, l ListOptions, most int) ([]whole.Row, http.Header, error) {
			return rowsOf[T, P](ctx, c, e, l, nil, most)
		},
		list: func(ctx context.Context, l ListOptions) (listing[T], error) {
			e := e
			e.query, e.splits, e.maxBytes = l, true, windowBytes
			e, err := e.bounded(time.Now())
			if err != nil {
				return listing[T]{}, err
			}
			res, err := c.send(ctx, e, nil)
			if err != nil {
				return listing[T]{}, err
			}
			items, err := decodeMany[T, P](ctx, c, e, res, true)
			found := listing[T]{head: res.Header, small: int64(len(res.Body)) < min(c.core.maxBytes, windowBytes)/4, last: true}
			for i := range items {
				found.items = append(found.items, &items[i])
			}
			return found, err
		},
		stream: func(ctx context.Context, l ListOptions, part func(listing[T]) bool) error {
			return streamParts[T, P](ctx, c, e, l, part)
		},
	}
}

// Windows returns an iterator over the windows of the feed, in the order of time. Each
// range over it begins at Since again. An error comes last, with a nil window; the
// windows before it are complete, and the next feed can continue from the last of their
// checkpoints.
func (f *ChangeFeed[T]) Windows(ctx context.Context) iter.Seq2[*ChangeWindow[T], error] {
	return func(yield func(*ChangeWindow[T], error) bool) {
		opts, err := f.opts.withDefaults()
		if err == nil {
			r := feedRun[T]{
				ChangeFeed: f, opts: opts, yield: func(w *ChangeWindow[T]) bool { return yield(w, nil) },
				from: opts.Since, span: opts.Window, most: opts.Window,
				seen: overlap[T]{id: f.id, updated: f.updated, seed: maphash.MakeSeed()}, cut: map[int]bool{},
			}
			if ahead, ok := f.ahead(); ok {
				r.clock.earlier = &ahead
			}
			err = r.run(ctx)
		} else {
			err = f.refuse(err)
		}
		if err != nil {
			yield(nil, err)
		}
	}
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

// feedRun is one range over a feed.
type feedRun[T any] struct {
	*ChangeFeed[T]

	opts   ChangeOptions
	yield  func(*ChangeWindow[T]) bool
	from   time.Time // where the next window begins
	target time.Time // where the feed ends; unknown until a response has the server's time
	span   time.Duration
	most   time.Duration // span may grow up to it
	seen   overlap[T]
	clock  feedClock
	cut    map[int]bool // the lengths of lists that were cut short
	done   bool         // the loop has ended
}

// run reads window after window until it has caught up or the loop ends.
func (r *feedRun[T]) run(ctx context.Context) error {
	for !r.done && (r.target.IsZero() || r.from.Before(r.target)) {
		begun := time.Now()
		to := r.target
		if to.IsZero() { // a guess, by the clock of this machine
			to = r.opts.end(begun)
		}
		from := r.from
		to = from.Add(max(leastWindow, min(r.span, to.Sub(from))))
		wide := to.Sub(from) > leastWindow
		if r.clock.begun.IsZero() {
			r.clock.begun = begun
		}
		err := r.window(ctx, to, wide)
		slow := isSlow(err)
		switch {
		case err == nil:
		case !slow && !errors.Is(err, ErrResponseTooLarge) && !errors.Is(err, ErrPartialResults):
			return err
		case !wide:
			return unsplittable(from, to, err)
		case slow:
			r.most = max(leastWindow, to.Sub(from)/2)
			r.span = r.most / slowSplit
		default:
			r.span = to.Sub(from) / 2
			if cut, ok := errors.AsType[*cutError](err); ok && cut.middle.After(from) {
				r.span = max(leastWindow, min(r.span, cut.middle.Sub(from)))
			}
		}
	}
	return nil
}

// window reads a window and delivers it: at once if it can be split, or else in parts, since
// there may be any number of records in it.
func (r *feedRun[T]) window(ctx context.Context, to time.Time, wide bool) error {
	asked := ListOptions{From: r.from.Add(-changeMargin), To: to.Add(changeMargin)}
	if wide {
		found, err := r.list(ctx, asked)
		if err != nil {
			return err
		}
		return r.deliver(ctx, asked, to, found, true)
	}
	first := true
	var failure error
	err := r.stream(ctx, asked, func(found listing[T]) bool {
		failure = r.deliver(ctx, asked, to, found, first)
		first = false
		return failure == nil && !r.done
	})
	if failure != nil {
		return failure
	}
	return err
}

// deliver passes on a window that was read, or a part of it. Only the last part moves the
// checkpoint, and only if the whole window is shown to be whole.
func (r *feedRun[T]) deliver(ctx context.Context, asked ListOptions, to time.Time, found listing[T], first bool) error {
	if err := r.time(ctx, found.head); err != nil {
		return err
	}
	if first && found.last {
		if err := r.prove(ctx, asked, found); err != nil {
			return err
		}
	}
	if to.After(r.target) {
		to = r.target
	}
	from := r.from
	if !from.Before(to) {
		r.done = true
		return nil
	}
	w := &ChangeWindow[T]{From: from, To: to, Items: r.seen.drop(found.items, to, first), Checkpoint: from}
	if found.last {
		w.Checkpoint, r.from = to, to
	}
	if !r.yield(w) {
		r.done = true
	}
	if found.last {
		r.most += min(r.most/slowRegain, r.opts.Window-r.most)
		if found.small && !r.nearCut(len(found.items)) {
			r.span = min(r.most, r.span+min(r.span, r.most-r.span))
		}
	}
	return nil
}

// nearCut reports whether a window of twice the length could have as many records as a list
// that was cut short.
func (r *feedRun[T]) nearCut(count int) bool {
	for n := range r.cut {
		if 4*count > n {
			return true
		}
	}
	return false
}

// prove returns an error unless a window is whole, as far as that can be known.
func (r *feedRun[T]) prove(ctx context.Context, asked ListOptions, found listing[T]) error {
	count := len(found.items)
	if largest := r.fits(count); count == 0 || count < largest {
		return nil
	}
	known := make(map[string]bool, count)
	list := whole.List{From: asked.From, To: asked.To, Count: count, Known: func(id string) bool { return known[id] }}
	if end := r.target.Add(changeMargin); list.To.After(end) { // what is younger may be new
		list.To = end
	}
	for _, item := range found.items {
		row := r.row(item)
		known[row.ID] = true
		if !row.At.IsZero() {
			list.Times = append(list.Times, row.At)
		}
	}
	check := whole.Glance
	if whole.Suspicious(count) || r.cut[count] {
		check = whole.Check
	}
	verdict, err := check(list, func(from, to time.Time, most int) ([]whole.Row, error) {
		rows, head, err := r.rows(ctx, ListOptions{From: from, To: to}, most)
		r.clock.observe(head)
		return rows, err
	})
	switch {
	case verdict == whole.Cut && err == nil:
		r.cut[count] = true
	case err == nil && (verdict == whole.Shown || verdict == whole.Open && !r.cut[count]):
		return r.time(ctx, nil) // the responses may have an earlier time
	}
	if err != nil {
		return err
	}
	return r.refuse(&cutError{count, verdict == whole.Doubtful, list.Middle()})
}

// clockDoubt is by how much the server's clock may be ahead of this machine's without a
// second response that confirms it.
const clockDoubt = 2 * time.Second

// time sets where this range over the feed ends, by the head of a response, or moves that
// back. Only the server's clock counts, but a single response that is ahead of this
// machine's clock is not believed: its Date may be that of a proxy or of another host.
func (r *feedRun[T]) time(ctx context.Context, head http.Header) error {
	r.clock.observe(head)
	if r.clock.samples == 0 {
		if r.opts.Until.IsZero() {
			return r.refuse(errors.New("the response has no Date header, so the end of the last window " +
				"cannot be determined: set ChangeOptions.Until"))
		}
		r.target = r.opts.Until
		return nil
	}
	if r.opts.Since.After(r.clock.date.Add(time.Second)) {
		return r.refuse(fmt.Errorf("%w: Since (%s) is in the future: the API's clock shows %s",
			ErrInvalidInput, r.opts.Since.Format(time.RFC3339), r.clock.date.Format(time.RFC3339)))
	}
	end := func() time.Time { return r.opts.end(r.clock.begun.Add(r.clock.ahead).Round(0)).UTC() }
	if own := r.opts.end(r.clock.begun); r.clock.samples == 1 && r.clock.ahead > clockDoubt && own.Before(end()) && r.from.Before(end()) {
		if r.clock.earlier != nil {
			r.clock.ahead = min(r.clock.ahead, *r.clock.earlier)
			r.clock.samples++
		} else {
			_, again, err := r.rows(ctx, ListOptions{From: end(), To: end()}, 1)
			if err != nil {
				return err
			}
			r.clock.observe(again)
		}
	}
	if end := end(); r.target.IsZero() || end.Before(r.target) {
		r.target = end
	}
	return nil
}
