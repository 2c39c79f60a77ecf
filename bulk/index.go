package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/match"
)

const (
	// defaultMaxContacts is how many contacts an index may have if no option says so.
	defaultMaxContacts = 1_000_000
	// An index is read anew if it is older than indexAge, or than unknownAge before an address
	// is called unknown.
	indexAge, unknownAge = time.Minute, 10 * time.Second
)

// index knows the contacts of the acting user by their e-mail addresses, in 16 bytes each. It
// is read from one list, and kept up to date by the changes since. A contact that was deleted
// stays in it. It is safe for concurrent use.
type index struct {
	most int // how many contacts it may have
	seed maphash.Seed
	turn chan struct{} // of the goroutine that reads changes
	feed feed          // its own

	mu      sync.RWMutex // guards the fields below
	entries []indexEntry // in their order
	read    time.Time    // by this machine's clock: when the changes were read last
	others  []growthgenius.ID
	numbers map[growthgenius.ID]int64 // of others
}

// indexEntry is a contact and its address.
type indexEntry struct {
	address uint64 // its hash
	contact int64  // its id; if that is not a number, -1 minus its place in others
}

func (e indexEntry) compare(f indexEntry) int {
	return cmp.Or(cmp.Compare(e.address, f.address), cmp.Compare(e.contact, f.contact))
}

// readIndex reads the contacts of the acting user. most is how many contacts the index may have,
// or 0 for the default.
func readIndex(ctx context.Context, c *growthgenius.Client, most int) (*index, error) {
	x := newIndex(most)
	x.feed.client, x.read = c, time.Now()
	if err := x.feed.all(ctx, func() { x.entries = x.entries[:0] }, x.put); err != nil {
		return nil, err
	}
	x.sort()
	return x, nil
}

func newIndex(most int) *index {
	return &index{
		most: cmp.Or(most, defaultMaxContacts), seed: maphash.MakeSeed(), turn: make(chan struct{}, 1),
		numbers: map[growthgenius.ID]int64{},
	}
}

// put stores a contact in an index that is being read.
func (x *index) put(c *growthgenius.Contact) error {
	e, ok := x.entry(c)
	if !ok {
		return nil
	}
	if len(x.entries) == x.most {
		x.sort()
		if len(x.entries) == x.most {
			return x.full()
		}
	}
	x.entries = append(x.entries, e)
	return nil
}

// sort puts the entries in their order, each once, without room to grow.
func (x *index) sort() {
	slices.SortFunc(x.entries, indexEntry.compare)
	x.entries = slices.Clone(slices.Compact(x.entries))
}

var errTooManyContacts = errors.New("too many contacts")

func (x *index) full() error {
	return fmt.Errorf("%w: over %d have an e-mail address: raise MaxContacts, and expect each to take 16 bytes of memory", errTooManyContacts, x.most)
}

// entry returns the entry of a contact. It reports false if the contact has no address.
func (x *index) entry(c *growthgenius.Contact) (indexEntry, bool) {
	address := match.Fold(c.Email)
	return indexEntry{maphash.String(x.seed, address), x.number(c.ID)}, address != ""
}

// number returns what stands for an id in an entry.
func (x *index) number(id growthgenius.ID) int64 {
	if n, err := id.Int64(); err == nil {
		return n
	}
	n, ok := x.numbers[id]
	if !ok {
		x.others = append(x.others, id)
		n = -int64(len(x.others))
		x.numbers[id] = n
	}
	return n
}

func (x *index) id(n int64) growthgenius.ID {
	if n < 0 {
		return x.others[-n-1]
	}
	return growthgenius.IntID(n)
}

// find returns the ids of the contacts that have an e-mail address. It reads what has changed
// if it has not done so for a while.
func (x *index) find(ctx context.Context, address string) ([]growthgenius.ID, error) {
	if err := x.refresh(ctx, indexAge); err != nil {
		return nil, err
	}
	ids := x.lookUp(address)
	if len(ids) > 0 {
		return ids, nil
	}
	if err := x.refresh(ctx, unknownAge); err != nil {
		return nil, err
	}
	return x.lookUp(address), nil
}

// lookUp returns the ids of the contacts with an address, as far as the index knows.
func (x *index) lookUp(address string) (ids []growthgenius.ID) {
	hash := maphash.String(x.seed, match.Fold(address))
	x.mu.RLock()
	defer x.mu.RUnlock()
	at, _ := slices.BinarySearchFunc(x.entries, hash, func(e indexEntry, hash uint64) int { return cmp.Compare(e.address, hash) })
	for ; at < len(x.entries) && x.entries[at].address == hash; at++ {
		ids = append(ids, x.id(x.entries[at].contact))
	}
	return ids
}

// refresh reads the changes if that is longer ago than age.
func (x *index) refresh(ctx context.Context, age time.Duration) error {
	if !x.older(age) {
		return nil
	}
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller's own
	}
	defer func() { <-x.turn }()
	if !x.older(age) { // another goroutine has read them
		return nil
	}
	begun := time.Now()
	if err := x.feed.changes(ctx, x.replace); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.read = begun
	return nil
}

func (x *index) older(age time.Duration) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return time.Since(x.read) > age
}

// replace stores contacts that have changed, in place of what the index has of them.
func (x *index) replace(contacts []*growthgenius.Contact) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	changed := make(map[int64]bool, len(contacts))
	var fresh []indexEntry
	for _, c := range contacts {
		e, ok := x.entry(c)
		changed[e.contact] = true
		if ok {
			fresh = append(fresh, e)
		}
	}
	x.entries = slices.DeleteFunc(x.entries, func(e indexEntry) bool { return changed[e.contact] })
	x.entries = append(x.entries, fresh...)
	slices.SortFunc(x.entries, indexEntry.compare)
	x.entries = slices.Compact(x.entries)
	if len(x.entries) > x.most {
		return x.full()
	}
	return nil
}
