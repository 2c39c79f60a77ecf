package readback

import (
	"cmp"
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
	// create.
	unknownSkew = 5 * time.Minute
)

// pending is a create whose outcome is not settled. The mutex of its Tracker guards what
// changes once it is registered: list, waiting, calling, ended, and Ended, Taken and Named of
// the token. A read of a list works on a copy of the target.
type pending struct {
	target
	key     string // the same for creates of equal content
	list    List   // to look in
	waiting bool   // for a list, or parked as unknown; otherwise its request is in flight
	calling bool   // the call that creates it has not returned
}

// target is the record that a create makes or has made: what was sent, and when.
type target struct {
	token   Token
	content match.Row
	mark    string    // see match.Mark
	began   time.Time // by the clock of the machine that sent it
	ended   time.Time // the same; zero if its process did not live to see it
	foreign bool      // another process sent it, so that clock is not this machine's
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
	p.mark = match.Mark(token.Resource, p.content)
	p.key = token.Resource + "\x00" + string(token.UserID) + "\x00" + strings.Join(fields, "\x00")
	return p, nil
}

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
	now, then := c.bounds(), x.token.Ahead
	if then != nil && (x.foreign || !now.known || then[0] > now.high || then[1] < now.low) {
		return bounds{true, then[0], then[1]}
	}
	return now
}

// serverStart is the earliest time that the server's clock can have shown when the create
// began.
func (x *target) serverStart(c *Clock) time.Time { return x.began.Round(0).Add(x.ahead(c).low) }

// serverEnd is the latest time that the server's clock can have shown when the last request
// of the create ended, or if that is not known, when the create began.
func (x *target) serverEnd(c *Clock) time.Time {
	at := x.began
	if x.ended.After(at) {
		at = x.ended
	}
	return at.Round(0).Add(x.ahead(c).high)
}
