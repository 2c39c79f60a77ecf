package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"strconv"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// changeMargin is read beyond both ends of a window: whether the API includes the bounds is
// not documented.
const changeMargin = time.Second

// listing is the response to the request for a window, or a part of it.
type listing[T any] struct {
	items []*T
	head  http.Header
	small bool // a longer window would not be too large
	last  bool // there are no more parts
}

// partBytes bounds the parts of a window that cannot be split.
const partBytes = 2 << 20

// streamParts reads a list as it arrives, and passes it to part in parts of bounded size.
func streamParts[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, l ListOptions, part func(listing[T]) bool) error {
	e.query = l
	e, err := e.bounded(time.Now())
	if err != nil {
		return err
	}
	var (
		v      *T
		found  listing[T]
		begin  int64 // of the part
		beside wire.Strays
		more   = true
	)
	use := func(res *engine.Response, read int64) bool {
		if err = c.core.inspect(ctx, e, res, v, beside...); err != nil {
			return false
		}
		beside = nil
		if read-begin > partBytes {
			found.head = res.Header
			more = part(found)
			begin, found.items = read, nil
		}
		found.items = append(found.items, v)
		return more
	}
	res, failure := c.each(ctx, e, nil, func() any { v = new(T); return v }, use, beside.Add)
	switch {
	case failure != nil || err != nil:
		return cmp.Or(failure, err)
	case more:
		if err = c.core.inspect(ctx, e, res, (*T)(nil), beside...); err == nil {
			found.head, found.last, found.small = res.Header, true, begin == 0
			part(found)
		}
	}
	return err
}

// unsplittable returns the error of a window that is too short to be split.
func unsplittable(from, to time.Time, err error) error {
	next := "see WithAttemptTimeout and WithMaxResponseBytes"
	if errors.Is(err, ErrPartialResults) {
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

// feedClock is what a feed knows of the server's clock: the least that the responses to its
// requests for lists say.
type feedClock struct {
	begun   time.Time // when the first request was sent, by the clock of this machine
	samples int
	date    time.Time      // of the first sample
	ahead   time.Duration  // of this machine's clock, at least
	earlier *time.Duration // the same by a response to another call; nil for none
}

// observe learns from the head of a response that has just arrived. That of a cached one is
// as old as it says.
func (c *feedClock) observe(h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	ahead := time.Until(date)
	if age, err := strconv.Atoi(h.Get("Age")); err == nil && age > 0 {
		ahead -= time.Duration(age) * time.Second
	}
	if c.samples == 0 {
		c.date, c.ahead = date, ahead
	}
	c.ahead = min(c.ahead, ahead)
	c.samples++
}

// overlap remembers the records near the end of the last window, which the next window
// may have again.
type overlap[T any] struct {
	id      func(*T) ID
	updated func(*T) time.Time
	seed    maphash.Seed
	last    map[uint64]uint64 // the hash of an id -> that of the record
	hashes  map[uint64]uint64 // of the present window
}

// drop returns the items of a window, or of a part of it, without those that the last window
// had, unchanged. to is the end of the window.
func (o *overlap[T]) drop(items []*T, to time.Time, first bool) []*T {
	if first {
		o.last, o.hashes = o.hashes, map[uint64]uint64{}
	}
	var fresh []*T
	for _, v := range items {
		id := maphash.String(o.seed, string(o.id(v)))
		old, again := o.hashes[id] // a response may have a record twice
		if !again {
			old, again = o.last[id]
		}
		updated := o.updated(v)
		near := updated.IsZero() || !updated.Before(to.Add(-2*changeMargin)) // the API may round times
		if again || near {
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
