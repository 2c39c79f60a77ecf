package readback

import (
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// maxClaims is how many claims one half holds. When the newer half is full, the older one
// is forgotten.
const maxClaims = 1 << 16

// claims knows which records are the outcome of which creates. The mutex of its Tracker
// guards it.
type claims struct{ newer, older claimSet }

type claimSet struct {
	of map[claimKey]claim
	by map[string]claimKey // by the nonce of the create
}

type claimKey struct {
	resource string
	id       wire.ID
}

// claim is a record that is known to be the outcome of a create.
type claim struct {
	nonce     string    // of the create
	list      List      // that has the record
	began, at time.Time // of the create and of its response; zero if a list showed the record
	deleted   bool      // its id may be given to another record
	guessed   bool      // a list showed it, and no response had shown the clock of the records
}

func newClaimSet() claimSet { return claimSet{map[claimKey]claim{}, map[string]claimKey{}} }

func newClaims() claims { return claims{newClaimSet(), newClaimSet()} }

func (c *claims) sets() [2]claimSet { return [2]claimSet{c.newer, c.older} }

// of returns what is known of a record.
func (c *claims) of(resource string, id wire.ID) (claim, bool) {
	for _, set := range c.sets() {
		if known, ok := set.of[claimKey{resource, id}]; ok {
			return known, true
		}
	}
	return claim{}, false
}

// taken reports whether a record is the outcome of another create than p.
func (c *claims) taken(p *pending, id wire.ID) bool {
	if slices.Contains(p.token.Taken, id) {
		return true
	}
	known, ok := c.of(p.token.Resource, id)
	return ok && known.nonce != p.token.Nonce && !known.deleted
}

// guessed reports whether a record was given to another create than p while it may have been
// older or newer than its time says: it may be that of p all the same.
func (c *claims) guessed(p *pending, id wire.ID) bool {
	known, _ := c.of(p.token.Resource, id)
	return known.guessed && known.nonce != p.token.Nonce && !known.deleted
}

// reused reports whether a record was deleted, so that its id may be that of another one.
func (c *claims) reused(resource string, id wire.ID) bool {
	known, _ := c.of(resource, id)
	return known.deleted
}

// add stores that a record is the outcome of p, and what is known of that.
func (c *claims) add(p *pending, id wire.ID, known claim) {
	if len(c.newer.of) >= maxClaims {
		c.newer, c.older = newClaimSet(), c.newer
	}
	key := claimKey{p.token.Resource, wire.ID(strings.Clone(string(id)))} // it may be a part of a whole response
	known.nonce, known.list = p.token.Nonce, p.list
	c.newer.of[key] = known
	c.newer.by[p.token.Nonce] = key
}

// outcome returns the record that a create is known to have made.
func (c *claims) outcome(token Token) (wire.ID, bool) {
	for _, set := range c.sets() {
		key, ok := set.by[token.Nonce]
		if ok && key.resource == token.Resource && set.of[key].nonce == token.Nonce &&
			!slices.Contains(token.Taken, key.id) {
			return key.id, true
		}
	}
	return "", false
}

// deleted stores that a record need not be in lists any more.
func (c *claims) deleted(resource string, id wire.ID) {
	key := claimKey{resource, id}
	for _, set := range c.sets() {
		if known, ok := set.of[key]; ok {
			known.at, known.deleted = time.Time{}, true
			set.of[key] = known
		}
	}
}
