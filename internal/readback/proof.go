package readback

import (
	"context"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

const (
	// canaryAge is for how long a list must have what was created.
	canaryAge = 5 * time.Minute
	// maxProofReads is how often a list is read to prove that it is complete.
	maxProofReads = 120
	// overlap is by how much the parts of a list overlap: its times have whole milliseconds,
	// and bounds may be exclusive.
	overlap = time.Millisecond
)

// hasOwn reports whether a list has every record that it must have: those that this Tracker
// knows to have been created within the window. If one is missing, the list lags or is cut
// short, and absence from it means nothing.
func (t *Tracker) hasOwn(r *reading) bool {
	earliest := r.targets[0].began
	for i := range r.targets {
		if began := r.targets[i].began; began.Before(earliest) {
			earliest = began
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.claims.recent(canaryAge, earliest, func(id wire.ID, c claim) bool {
		return c.list != r.list || r.ids[id] || !c.at.Before(r.began)
	})
}

// window is a part of the time that a list covers. If to is the zero time, it has no end.
type window struct{ from, to time.Time }

// proof shows that a list is complete. All that is known is how many rows fit into a
// response, since so many came: a part of the list with fewer has not been cut short,
// whatever the order. One with as many is read again in two parts.
type proof struct {
	t     *Tracker
	r     *reading
	fit   int
	until time.Time // what was updated later need not have been in the list
	reads int
}

// provenWhole reads the list again in narrower windows, and before its window. It reports
// whether a record that was made since the creates of a reading began has been shown.
func (t *Tracker) provenWhole(ctx context.Context, r *reading) bool {
	p := &proof{t: t, r: r, fit: max(len(r.ids), t.longest.Saw(r.list.Route, 0))}
	p.until = p.serverTime(r.began).Add(-listMargin)
	earlier := window{to: r.from.Add(overlap)}
	var rows listed
	if before, ok := p.before(); ok {
		earlier.from = before
		if rows, ok = p.readPart(ctx, earlier); !ok {
			return false
		}
	}
	p.stretch(ctx, max(len(r.ids), len(rows.ids)))
	return p.whole(ctx, earlier, rows) && p.whole(ctx, window{from: r.from}, r.listed)
}

// stretch finds out whether more rows than so many fit into a response: it reads a list of
// longer ago as far as that.
func (p *proof) stretch(ctx context.Context, rows int) {
	if rows < p.fit || rows == 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 0
	_ = p.t.lists.Read(ctx, p.r.list, p.r.from.Add(-farAhead), time.Now().Add(farAhead), func(match.Row) {
		n++
		if n > rows {
			cancel()
		}
	})
	p.r.ended = time.Now()
	p.fit = max(p.fit, n, p.t.longest.Saw(p.r.list.Route, n))
}

// serverTime returns the time that the clock of the records may have shown at a time.
func (p *proof) serverTime(at time.Time) time.Time {
	b := p.t.records.bounds()
	if !b.known {
		b = p.t.clock.bounds()
	}
	return at.Round(0).Add(b.low)
}

// before returns from when on the list is to be read before its window, and reports whether
// it is. The window is by the Date header, and lists may go by another clock, or take the
// window for one of local time.
func (p *proof) before() (time.Time, bool) {
	earliest, skew := p.r.targets[0].since(), time.Duration(0)
	for i := range p.r.targets {
		x := &p.r.targets[i]
		skew = max(skew, x.skew())
		if x.since().Before(earliest) {
			earliest = x.since()
		}
	}
	switch isContact := p.r.list.Resource == match.Contact; {
	case isContact && p.timesConfirm(skew):
		return time.Time{}, false
	case !isContact && p.ownConfirm(earliest.Add(skew)):
		return p.r.from.Add(-skew - p.t.precision(time.Time{})), true
	}
	return p.r.from.Add(-unlearnedSkew), true
}

// timesConfirm reports whether the times of the rows show that the list goes by the clock
// that the window is from, as far as skew allows.
func (p *proof) timesConfirm(skew time.Duration) bool {
	first := p.r.last
	for _, at := range p.r.times {
		if at.Before(first) {
			first = at
		}
	}
	if first.IsZero() || first.Sub(p.r.from) > zoneStep {
		return false
	}
	shown := p.r.lag(p.t.clock.bounds())
	return p.t.records.bounds().known || shown.known && shown.low >= -skew
}

// ownConfirm reports whether the list has a record that this Tracker knows to have been
// created by a time.
func (p *proof) ownConfirm(by time.Time) bool {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	for id := range p.r.ids {
		if c, ok := p.t.claims.of(p.r.list.Resource, id); ok && c.list == p.r.list && !c.at.IsZero() && !c.at.After(by) {
			return true
		}
	}
	return false
}

// readPart reads a part of the list. It reports false if that shows that the list was cut
// short.
func (p *proof) readPart(ctx context.Context, w window) (listed, bool) {
	p.reads++
	to := w.to
	if to.IsZero() {
		to = time.Now().Add(farAhead)
	}
	part, err := p.t.readAgain(ctx, p.r.list, w.from, to, func(row match.Row) []int {
		if p.r.ids[row.ID()] {
			return nil // judged by the first read
		}
		return p.r.candidates.of(row)
	})
	p.r.ended = time.Now()
	p.r.older = append(p.r.older, part.rows...)
	p.r.noteLast(part.times)
	p.fit = max(p.fit, len(part.ids), p.t.longest.Saw(p.r.list.Route, len(part.ids)))
	if err == nil && !w.from.Before(p.r.from) && !w.to.IsZero() && !w.to.After(p.until) {
		for id := range part.ids {
			if !p.r.ids[id] {
				return part, false
			}
		}
	}
	return part, err == nil
}

// whole reports whether a part of the list, which had these rows, has not been cut short.
func (p *proof) whole(ctx context.Context, w window, rows listed) bool {
	if len(rows.ids) < p.fit || len(rows.ids) == 0 {
		return true
	}
	// Contacts say when they were updated. The list of a test whose contacts do not may
	// show them whatever the window is, and then it cannot be narrowed.
	fixed := p.r.list.Resource == match.Contact && len(rows.times) == 0
	for _, half := range p.split(w, rows) {
		if !half.to.IsZero() && half.to.Sub(half.from) <= 4*overlap {
			continue
		}
		if p.reads >= maxProofReads {
			return false
		}
		if part, ok := p.readPart(ctx, half); !ok || !fixed && !p.whole(ctx, half, part) {
			return false
		}
	}
	return true
}

// split returns the parts in which a window is read again: between its rows, if these say
// when they were updated.
func (p *proof) split(w window, rows listed) [2]window {
	if times := slices.SortedFunc(slices.Values(rows.times), time.Time.Compare); len(times) == len(rows.ids) {
		first, last := times[0], times[len(times)-1]
		if last.Sub(first) <= 4*overlap { // all at one time: around it
			return [2]window{{w.from, first.Add(-overlap)}, {last.Add(overlap), w.to}}
		}
		before, middle := times[len(times)/2-1], times[len(times)/2]
		if middle.Sub(before) <= 4*overlap {
			before, middle = first, last
		}
		middle = before.Add(middle.Sub(before) / 2)
		return [2]window{{w.from, middle.Add(overlap)}, {middle.Add(-overlap), w.to}}
	}
	middle := p.until
	switch {
	case !w.to.IsZero():
		middle = w.from.Add(w.to.Sub(w.from) / 2)
	case !w.from.Before(p.until.Add(-2 * overlap)): // further and further ahead
		middle = w.from.Add(max(10*time.Second, 8*w.from.Sub(p.until)))
	}
	return [2]window{{w.from, middle.Add(overlap)}, {middle.Add(-overlap), w.to}}
}
