package readback

import (
	"cmp"
	"container/list"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

const (
	// skewMargin is how much too old a record may be and still be the outcome of a create:
	// it may have its times from another host than the Date header.
	skewMargin = 10 * time.Second
	// unknownSkew is the same if nothing is known of the clock of the machine that sent the
	// create, and slowSkew is how slow that clock may be.
	unknownSkew = 5 * time.Minute
	slowSkew    = 30 * time.Second
)

// pending is a create whose outcome is not settled. The mutex of its Tracker guards what
// changes once it is registered: list, left, waiting, calling, parked, began, ended, and Started, Ended,
// Ahead, Stamps, Since, Taken and Named of the token. A read of a list works on a copy of the
// target.
type pending struct {
	target
	key     string        // the same for creates of equal content
	list    List          // to look in
	left    time.Time     // when its last request left
	waiting bool          // for a list, or parked as unknown; otherwise its request is in flight
	calling bool          // the call that creates it has not returned
	parked  *list.Element // of the parked ones; nil if it is none of them
}

// target is the record that a create makes or has made: what was sent, and when.
type target struct {
	token   Token
	content match.Row
	began   time.Time // by the clock of the machine that sent it; zero before it left
	ended   time.Time // the same; zero if its process did not live to see it
	foreign bool      // another process sent it, so that clock is not this machine's
	dated   bool      // the content has times of its own
	scoped  bool      // the content gives the record to another user
}

func newPending(token Token, l List) (*pending, error) {
	l.Resource, l.User = token.Resource, token.UserID
	p := &pending{list: l}
	p.token, p.began, p.ended = token, token.Started, token.Ended
	if err := wire.Unmarshal(token.Content, &p.content); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what could not be read
	}
	fields := make([]string, 0, len(p.content))
	for field, raw := range p.content {
		fields = append(fields, field+"="+cmp.Or(match.Fold(wire.ScalarText(raw)), string(raw)))
	}
	slices.Sort(fields)
	p.dated, p.scoped = givesTimes(p.content), namesAnother(p.content, token.UserID)
	p.key = token.Resource + "\x00" + string(token.UserID) + "\x00" + strings.Join(fields, "\x00")
	return p, nil
}

// setBegan stores when the first request left.
func (x *target) setBegan(at time.Time) { x.began, x.token.Started = at, at.Round(0) }

// isContact reports whether the record says when it was made. Messages do not.
func (x *target) isContact() bool { return x.token.Resource == match.Contact }

// clockless reports whether nothing is known of the clock of the machine that sent it.
func (x *target) clockless() bool { return x.foreign && x.token.Ahead == nil }

// skew is how much too old a record may be and still be the outcome.
func (x *target) skew() time.Duration {
	if x.clockless() {
		return unknownSkew
	}
	return skewMargin
}

// ahead is what is known of the server's clock against that of the machine that sent the
// create, as it was then. That clock may have been set since.
func (x *target) ahead(c *Clock) bounds {
	now, then := c.bounds(), bounds{}
	if x.token.Ahead != nil {
		then = bounds{true, x.token.Ahead[0], x.token.Ahead[1]}
	}
	switch _, agree := then.and(now); {
	case !then.known:
		return now
	case x.foreign || !now.known:
		return then
	case !agree:
		return then.or(now)
	}
	return now
}

// since is when the record that a create has, or may be given, can have been made at the
// earliest, by the clock of the machine that sent it.
func (x *target) since() time.Time {
	if s := x.token.Since; !s.IsZero() && s.Before(x.began) {
		return s
	}
	return x.began
}

// canBeIn reports whether a list that was read until a time can have the record.
func (x *target) canBeIn(until time.Time) bool {
	return !x.began.IsZero() && x.began.Before(until)
}
