package readback

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// maxClaims is how many claims one half holds. When the newer half is full, the older one
// is forgotten.
const maxClaims = 1 << 16

// claims knows which records are the outcome of which creates. The mutex of its Tracker
// guards it.
type claims struct{ newer, older *claimSet }

// claim is what is known of a record that is the outcome of a create.
type claim struct {
	nonce     nonce     // of the create
	list      List      // that has the record
	began, at time.Time // of the create and of its response; zero if a list showed the record
	deleted   bool      // its id may be given to another record
	guessed   bool      // a list showed it, and no response had shown the clock of the records
}

// nonce distinguishes creates as the nonces of their tokens do.
type nonce [16]byte

func nonceOf(text string) nonce {
	sum := sha256.Sum256([]byte(text))
	return nonce(sum[:])
}

func newClaims() claims { return claims{newClaimSet(), newClaimSet()} }

func (c *claims) sets() [2]*claimSet { return [2]*claimSet{c.newer, c.older} }

// of returns what is known of a record.
func (c *claims) of(resource string, id wire.ID) (claim, bool) {
	for _, set := range c.sets() {
		if k := set.of(resource, id); k != nil {
			return set.claim(k), true
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
	return ok && !known.deleted && known.nonce != nonceOf(p.token.Nonce)
}

// guessed reports whether a record was given to another create than p while it may have been
// older or newer than its time says: it may be that of p all the same.
func (c *claims) guessed(p *pending, id wire.ID) bool {
	known, _ := c.of(p.token.Resource, id)
	return known.guessed && !known.deleted && known.nonce != nonceOf(p.token.Nonce)
}

// reused reports whether a record was deleted, so that its id may be that of another one.
func (c *claims) reused(resource string, id wire.ID) bool {
	known, _ := c.of(resource, id)
	return known.deleted
}

// add stores that a record is the outcome of p, and what is known of that.
func (c *claims) add(p *pending, id wire.ID, known claim) {
	if c.newer.count >= maxClaims {
		c.newer, c.older = newClaimSet(), c.newer
	}
	known.nonce, known.list = nonceOf(p.token.Nonce), p.list
	known.list.Resource = p.token.Resource
	c.newer.add(id, known)
}

// outcome returns the record that a create is known to have made.
func (c *claims) outcome(token Token) (wire.ID, bool) {
	for _, set := range c.sets() {
		k := set.by(nonceOf(token.Nonce))
		if k == nil || set.origins[k.origin].list.Resource != token.Resource {
			continue
		}
		if id := k.id(); set.of(token.Resource, id) == k && !slices.Contains(token.Taken, id) {
			return id, true
		}
	}
	return "", false
}

// deleted stores that a record need not be in lists any more.
func (c *claims) deleted(resource string, id wire.ID) {
	for _, set := range c.sets() {
		if k := set.of(resource, id); k != nil {
			k.at, k.deleted = noTime, true
		}
	}
}

// recent calls use for each record that a response named within a time, and whose create did not
// begin before another time, until it returns false. It reports whether none did.
func (c *claims) recent(within time.Duration, began time.Time, use func(id wire.ID, known claim) bool) bool {
	for _, set := range c.sets() {
		if !set.recent(within, began, use) {
			return false
		}
	}
	return true
}
