package readback

import (
	"context"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

const (
	// canaryAge is for how long a list must have what was created.
	canaryAge = 5 * time.Minute
	// maxProofReads is how often a list is read to prove that it is complete.
	maxProofReads = 80
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
	for _, set := range t.claims.sets() {
		for key, c := range set.of {
			if c.list != r.list || c.at.IsZero() || time.Since(c.at) > canaryAge {
				continue
			}
			if !r.ids[key.id] && !c.began.Before(earliest) && c.at.Before(r.began) {
				return false
			}
		}
	}
	return true
}

// provenComplete reads the list again in narrower windows. If it was cut short silently,
// they show records that it should have had.
func (t *Tracker) provenComplete(ctx context.Context, r *reading) bool {
	if len(r.ids) == 0 {
		return true
	}
	again := func(from, to time.Time) (rows int, ok bool) {
		if !from.Before(to) {
			return 0, true
		}
		narrow, err := t.readAgain(ctx, r.list, from, to, func(match.Row) bool { return false })
		for id := range narrow.ids {
			if !r.ids[id] {
				return 0, false
			}
		}
		return len(narrow.ids), err == nil
	}
	if r.list.Resource == match.Message {
		return provenByHalves(again, r.from, r.until, len(r.ids))
	}
	first, last := r.until, r.from
	if !r.first.IsZero() && r.first.Before(r.until) {
		first = r.first
	}
	if r.last.After(r.from) {
		last = r.last
	}
	if _, before := again(r.from, first.Add(-time.Millisecond)); !before {
		return false
	}
	_, after := again(last.Add(time.Millisecond), r.until)
	return after
}

// provenByHalves proves that a list of rows without times is complete. All that is known is
// that fit rows fit into a response. A part of the window with fewer rows has not been cut
// short, and one with as many is halved again.
func provenByHalves(again func(from, to time.Time) (int, bool), from, until time.Time, fit int) bool {
	const overlap = time.Millisecond // times have whole ones, and bounds may be exclusive
	reads := 0
	for todo := [][2]time.Time{{from, until}}; len(todo) > 0; {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if w[1].Sub(w[0]) <= 4*overlap {
			continue
		}
		middle := w[0].Add(w[1].Sub(w[0]) / 2)
		for _, half := range [][2]time.Time{{w[0], middle.Add(overlap)}, {middle.Add(-overlap), w[1]}} {
			reads++
			if reads > maxProofReads {
				return false
			}
			rows, ok := again(half[0], half[1])
			if !ok {
				return false
			}
			if rows >= fit {
				todo = append(todo, half)
			}
		}
	}
	return true
}
