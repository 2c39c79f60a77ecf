// Package whole finds out whether a list of the API was cut short without saying so.
//
// A server that returns at most so many records of a list shows as many of each period that
// has more. So a list with fewer records than another list is whole. One with as many as
// any other is read again in two parts: if each has fewer records, and none that the list
// did not have, the list is whole, in whatever order it would have been cut.
package whole

import (
	"slices"
	"time"
)

// Row is what matters of a record.
type Row struct {
	ID string
	At time.Time // when it was updated, or about that; zero if not known
}

// Ask reads the list between two times. It may stop after so many rows, if most is not 0.
type Ask func(from, to time.Time, most int) ([]Row, error)

// List is a list that was read.
type List struct {
	From, To time.Time // as requested
	Count    int
	Known    func(id string) bool // reports whether it had the record
	Times    []time.Time          // when some of its records were updated, in any order
}

// Verdict is what is known of a list.
type Verdict int

const (
	// Open means that nothing indicates that the list was cut, and nothing can prove that it
	// was not: all of its records were updated at one moment, or the bounds have no effect.
	Open Verdict = iota
	// Shown means that the list is whole.
	Shown
	// Cut means that the list lacks a record of its period.
	Cut
	// Doubtful means that the list can be cut: it has as many records as a usual limit, all of
	// one moment, and no list has more.
	Doubtful
)

// usual are the limits that are so common that a list of one moment with as many records is
// not believed without proof. The last is the one that the API states for searches.
var usual = []int{100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000}

const (
	// few is a number of records below which only a round one is suspicious.
	few = 20
	// least is the shortest period that can be asked for: requests have milliseconds.
	least = 4 * time.Millisecond
	// leastBlind is the shortest period that is looked through if nothing is known of the times
	// of its records.
	leastBlind = 4 * time.Second
	// slack is how far two parts overlap, if there is room: servers may round bounds.
	slack = time.Second
	// longBefore is more than any bound is off, as one that is taken for local time.
	longBefore = 48 * time.Hour
	// maxRounds bounds the reads of a list whose records cannot be told apart by time.
	maxRounds = 12
	// portion is the part of a period at its end that is looked at first if nothing is known
	// of the times of its records: most lists end at present. Later parts are halves.
	portion = 16
)

// Suspicious reports whether a list of so many records may have been cut: the number is a
// usual limit, or large.
func Suspicious(count int) bool { return count >= few || Round(count) && count >= 5 }

// Round reports whether a number is one that people choose for a limit: with one digit, or
// two of a larger number, before zeros, a multiple of 25, or a power of two.
func Round(n int) bool {
	digits, zeros := n, 0
	for digits >= 10 && digits%10 == 0 {
		digits /= 10
		zeros++
	}
	return n == 5 || digits < 10 && zeros > 0 || digits < 100 && zeros > 1 ||
		n >= 25 && n <= 1000 && n%25 == 0 || n >= 32 && n&(n-1) == 0
}

// Glance looks for records of a list that is not suspicious, with one request: behind its
// first record or, if it has only one, behind that. It returns Cut or Open.
func Glance(l List, ask Ask) (Verdict, error) {
	times := l.inside(l.From, l.To)
	if len(times) == 0 {
		return Open, nil
	}
	_, cut, err := l.look(ask, times[0].Add(time.Millisecond), l.To)
	if cut {
		return Cut, err
	}
	return Open, err
}

// Check reads a list again, in parts.
func Check(l List, ask Ask) (Verdict, error) {
	from, to := l.From, l.To
	times, parts := l.inside(from, to), time.Duration(portion)
	for range maxRounds {
		at, over, apart := split(times)
		switch {
		case apart:
		case len(times) > 0:
			return l.around(ask, times[0], times[len(times)-1])
		case to.Sub(from) < leastBlind:
			return l.alone(ask)
		default:
			at = to.Add(-to.Sub(from) / parts)
		}
		before, cut, err := l.look(ask, from, at.Add(over))
		if cut || err != nil {
			return Cut, err
		}
		if before == 0 { // then all of them are behind it
			from, times = at, nil
			continue
		}
		after, cut, err := l.look(ask, at.Add(-over), to)
		switch {
		case cut || err != nil:
			return Cut, err
		case before < l.Count && after < l.Count:
			return Shown, nil
		case before >= l.Count && after >= l.Count: // the bounds have no effect
			return Open, nil
		case after >= l.Count:
			from = at
		default:
			to, parts = at, 2
		}
		times = nil // they are not those by which the API lists
	}
	return l.alone(ask)
}

// around looks before and behind records of one moment.
func (l List) around(ask Ask, first, last time.Time) (Verdict, error) {
	if deaf, err := l.ignored(ask, first); deaf || err != nil {
		return Open, err
	}
	if _, cut, err := l.look(ask, last.Add(time.Millisecond), l.To); cut || err != nil {
		return Cut, err
	}
	if _, cut, err := l.look(ask, l.From, first.Add(-time.Millisecond)); cut || err != nil {
		return Cut, err
	}
	return l.alone(ask)
}

// ignored reports whether the bounds have no effect: the list of long before the first record
// has that record all the same. This is so with most servers that a test makes up.
func (l List) ignored(ask Ask, first time.Time) (bool, error) {
	to := first.Add(-longBefore)
	if !l.From.Before(to) {
		return false, nil
	}
	rows, err := ask(l.From, to, 1)
	return len(rows) > 0 && l.Known(rows[0].ID) && !rows[0].At.Before(first), err
}

// alone is the verdict on records that cannot be told apart by time. If any list has more,
// this one was not cut.
func (l List) alone(ask Ask) (Verdict, error) {
	if !slices.Contains(usual, l.Count) {
		return Open, nil
	}
	rows, err := ask(time.Unix(0, 0), l.To.AddDate(10, 0, 0), l.Count+1)
	switch {
	case err != nil:
		return Doubtful, err
	case len(rows) > l.Count:
		return Shown, nil
	default:
		return Doubtful, nil
	}
}

// look reads a part of the list. It returns how many records that has, and whether one of
// them was not in the list.
func (l List) look(ask Ask, from, to time.Time) (count int, cut bool, err error) {
	if to.Before(from) {
		return 0, false, nil
	}
	rows, err := ask(from, to, l.Count+1)
	for _, row := range rows {
		if !l.Known(row.ID) {
			return len(rows), true, nil
		}
	}
	return len(rows), false, err
}

// Middle returns a time near the middle of those of the records, or the zero time.
func (l List) Middle() time.Time {
	times := l.inside(l.From, l.To)
	if len(times) == 0 {
		return time.Time{}
	}
	return times[len(times)/2]
}

// inside returns the times in order, as far as they are within a period.
func (l List) inside(from, to time.Time) []time.Time {
	times := slices.DeleteFunc(slices.Clone(l.Times), func(t time.Time) bool { return t.Before(from) || t.After(to) })
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// split returns a time near the middle of the times, and by how much the parts before and
// behind it may overlap: if there is room, without having a record in common, and else so
// that each part lacks some records of the other.
func split(times []time.Time) (at time.Time, over time.Duration, ok bool) {
	for _, room := range []time.Duration{4 * slack, least} {
		for i := range times { // from the middle outwards
			k := len(times)/2 + (i+1)/2*(1-2*(i%2))
			if k < 1 || k >= len(times) {
				continue
			}
			if gap := times[k].Sub(times[k-1]); gap >= room {
				return times[k-1].Add(gap / 2), min(slack, gap/4), true
			}
		}
	}
	if len(times) > 0 {
		at = times[len(times)/2]
		ok = times[0].Before(at.Add(-least)) && times[len(times)-1].After(at.Add(least))
	}
	return at, least / 2, ok
}
