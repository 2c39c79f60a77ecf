package readback

import (
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

const (
	// unlearnedSkew is how far the clock of the records may be off the one of the Date
	// header if no response has shown it: local times that claim to be UTC.
	unlearnedSkew = 15 * time.Hour
	// unlearnedMargin is how much too old a record may be then and still be given out.
	unlearnedMargin = time.Second
	// zoneStep is less than the least difference between two time zones.
	zoneStep = 14 * time.Minute
)

// grain returns the precision of a time as far as the time itself shows it.
func grain(at time.Time) time.Duration {
	switch {
	case at.Nanosecond() != 0:
		return time.Millisecond
	case at.Second() != 0:
		return time.Second
	default:
		return time.Minute
	}
}

// stamps is what is known of the clock of the records.
type stamps struct {
	bounds // ahead of the clock of the machine that sent a create

	learned bool // from responses to creates; else it is assumed to be the one of Date headers
}

// stamps returns what is known of the clock of the records against that of the machine
// that sent a create.
func (t *Tracker) stamps(x *target) stamps {
	learned := t.records.bounds()
	if x.foreign {
		switch then := x.token.Stamps; {
		case then != nil:
			learned = bounds{true, then[0], then[1]}
		case x.token.Ahead == nil:
			learned = bounds{}
		default:
			learned = learned.minus(t.clock.bounds()).plus(x.ahead(&t.clock))
		}
	}
	if learned.known {
		return stamps{learned, true}
	}
	return stamps{x.ahead(&t.clock), false}
}

// start is the earliest time that the clock of the records can have shown when a create
// was sent.
func (t *Tracker) start(x *target) time.Time {
	return x.since().Round(0).Add(t.stamps(x).low)
}

// learnStamps learns the clock of the records from the response to a create.
func (t *Tracker) learnStamps(p *pending, row match.Row, received time.Time) {
	made := row.Time("created_at")
	if made.IsZero() || p.dated {
		return
	}
	t.sawTime(made)
	precision := t.likely(made)
	sample := bounds{true, made.Add(-precision / 2).Sub(received), made.Add(precision).Sub(p.left)}
	if sample.width() > wideEnough {
		return // a slow response shows little
	}
	if off := sample.minus(t.clock.bounds()); off.known && (off.high < -unlearnedSkew || off.low > unlearnedSkew) {
		return // not the time of this record: the fixed response of a test, say
	}
	t.records.learn(sample, received)
}

const (
	maxStampWait = time.Minute    // of a response from which the clock is learned
	maxStampOff  = 26 * time.Hour // of a clock that is set to a wrong time zone
	stampMargin  = time.Minute    // between the clocks of records and of the Date header
)

// Stamped learns the clock of the records from the time of the last update in a response that
// has just come, to a create or an update that took so long. It may be the time of an earlier
// update, so it counts for [Tracker.EarliestStamp] alone.
func (t *Tracker) Stamped(updated time.Time, took time.Duration) {
	now := time.Now()
	if updated.IsZero() || took > maxStampWait || now.Sub(updated).Abs() > maxStampOff { // the caller may have given it
		return
	}
	t.updates.learn(bounds{true, updated.Sub(now), updated.Add(grain(updated)).Sub(now.Add(-took))}, now)
}

// EarliestStamp returns the earliest time that a record can have that was updated after
// since. A clock that is said to be ahead of this machine's is not believed: one response is
// not enough to call a record old.
func (t *Tracker) EarliestStamp(since time.Time) time.Time {
	if learned := t.updates.bounds().or(t.records.bounds()); learned.known {
		return since.Add(min(0, learned.low))
	}
	if date := t.clock.bounds(); date.known {
		return since.Add(min(0, date.low) - stampMargin)
	}
	return since.Add(-maxStampOff)
}

// sawTime notes how precise the times of records are.
func (t *Tracker) sawTime(at time.Time) {
	for g := int64(grain(at)); ; {
		known := t.grain.Load()
		if known != 0 && known <= g || t.grain.CompareAndSwap(known, g) {
			return
		}
	}
}

// precision returns how imprecise the time of a record may be: servers round or cut their
// times, some to whole minutes.
func (t *Tracker) precision(at time.Time) time.Duration {
	if known := time.Duration(t.grain.Load()); known > 0 {
		return min(known, grain(at))
	}
	return grain(at)
}

// likely returns how imprecise it probably is.
func (t *Tracker) likely(at time.Time) time.Duration { return min(t.precision(at), time.Second) }

// givesTimes reports whether content has the times of the record. Those need not say when
// it is made, and lists may go by them.
func givesTimes(content match.Row) bool {
	return content.Text("created_at") != "" || content.Text("updated_at") != ""
}

// namesAnother reports whether content gives the record to another user than the one that
// creates it. The list of the acting user need not show it then.
func namesAnother(content match.Row, user wire.ID) bool {
	for field, raw := range content {
		words := strings.Split(field, "_")
		if !slices.ContainsFunc([]string{"user", "owner", "assignee", "assigned"}, func(word string) bool {
			return slices.Contains(words, word)
		}) {
			continue
		}
		switch wire.KindOf(raw) {
		case wire.KindObject, wire.KindArray:
			return true
		case wire.KindText, wire.KindNumber:
			if text := content.Text(field); text != "" && text != string(user) {
				return true
			}
		}
	}
	return false
}
