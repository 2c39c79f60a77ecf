package readback

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// claimSet stores claims, in less than 100 bytes each: a long import makes very many.
type claimSet struct {
	pages   []claimPage
	count   int
	records []uint32 // by the hash of the record: the place of its last claim
	nonces  []uint32 // by the hash of the nonce
	origins []origin
	lists   map[List]uint16 // the last of the origins with the list
	walked  int             // how many claims recent has looked at, and pages
}

// claimPage is a part of the claims, in the order in which they were added.
type claimPage struct {
	claims    []keptClaim
	began, at time.Time // the latest ones of the claims
}

// pageSize is how many claims a page has.
const pageSize = 256

// origin is what many claims have in common.
type origin struct {
	list List
	base time.Time // what their times count from
}

// keptClaim is a claim as it is stored.
type keptClaim struct {
	nonce     nonce
	number    int64   // the id
	text      *string // the id, if it is not a number
	began, at int64   // since the base of the origin; noTime for none
	// The places of the claims before it with the same hash.
	nextRecord, nextNonce uint32
	origin                uint16
	deleted, guessed      bool
}

// A place is the number of a claim, from 1. A time of none is noTime.
const noTime = math.MinInt64

var recordSeed = maphash.MakeSeed()

// record returns where the place of the last claim of a record is.
func (s *claimSet) record(id wire.ID) *uint32 {
	return &s.records[maphash.String(recordSeed, string(id))%uint64(len(s.records))]
}

// create returns where the place of the last claim of a create is.
func (s *claimSet) create(n nonce) *uint32 {
	return &s.nonces[binary.LittleEndian.Uint64(n[:])%uint64(len(s.nonces))]
}

func newClaimSet() *claimSet {
	return &claimSet{records: make([]uint32, 1), nonces: make([]uint32, 1), lists: map[List]uint16{}}
}

// at returns the claim at a place.
func (s *claimSet) at(place uint32) *keptClaim {
	return &s.pages[(place-1)/pageSize].claims[(place-1)%pageSize]
}

// of returns the last claim of a record, or nil.
func (s *claimSet) of(resource string, id wire.ID) *keptClaim {
	for place := *s.record(id); place != 0; {
		k := s.at(place)
		if k.is(id) && s.origins[k.origin].list.Resource == resource {
			return k
		}
		place = k.nextRecord
	}
	return nil
}

// by returns the last claim of a create, or nil.
func (s *claimSet) by(n nonce) *keptClaim {
	for place := *s.create(n); place != 0; {
		k := s.at(place)
		if k.nonce == n {
			return k
		}
		place = k.nextNonce
	}
	return nil
}

// add adds a claim, which is in place of an earlier one of the record.
func (s *claimSet) add(id wire.ID, known claim) {
	resource := known.list.Resource
	if before := s.of(resource, id); before != nil {
		before.at = noTime
	}
	k := keptClaim{nonce: known.nonce, origin: s.originOf(known.list), deleted: known.deleted, guessed: known.guessed}
	if n, ok := id.Number(); ok {
		k.number = n
	} else {
		text := strings.Clone(string(id)) // it may be a part of a whole response
		k.text = &text
	}
	base := s.origins[k.origin].base
	k.began, k.at = since(base, known.began), since(base, known.at)
	if s.count%pageSize == 0 {
		s.pages = append(s.pages, claimPage{})
	}
	page := &s.pages[len(s.pages)-1]
	page.claims = append(page.claims, k)
	if known.began.After(page.began) {
		page.began = known.began
	}
	if known.at.After(page.at) {
		page.at = known.at
	}
	s.count++
	if s.count > len(s.records) {
		s.records, s.nonces = make([]uint32, 2*len(s.records)), make([]uint32, 2*len(s.records))
		for place := range s.count - 1 {
			s.link(place + 1)
		}
	}
	s.link(s.count)
}

// link makes a claim the last one of its record and of its create.
func (s *claimSet) link(n int) {
	place := uint32(n) //nolint:gosec // at most maxClaims
	k := s.at(place)
	record, create := s.record(k.id()), s.create(k.nonce)
	k.nextRecord, k.nextNonce = *record, *create
	*record, *create = place, place
}

// baseAge is for how long times count from one base: the clock of this machine may be set.
const baseAge = time.Minute

// originOf returns the number of the origin of a claim that is made now.
func (s *claimSet) originOf(list List) uint16 {
	now := time.Now()
	if n, ok := s.lists[list]; ok {
		if age := now.Round(0).Sub(s.origins[n].base); age.Abs() <= baseAge { // by the clock that may be set
			return n
		}
	}
	list = List{
		strings.Clone(list.Resource), wire.ID(strings.Clone(string(list.User))), strings.Clone(list.Route), strings.Clone(list.Headers),
	}
	n := uint16(len(s.origins)) //nolint:gosec // at most one for each claim
	s.origins, s.lists[list] = append(s.origins, origin{list, now}), n
	return n
}

// claim returns a claim with its times and its list.
func (s *claimSet) claim(k *keptClaim) claim {
	o := &s.origins[k.origin]
	return claim{k.nonce, o.list, after(o.base, k.began), after(o.base, k.at), k.deleted, k.guessed}
}

// recent is for claims.recent.
func (s *claimSet) recent(within time.Duration, began time.Time, use func(id wire.ID, known claim) bool) bool {
	for i := range s.pages {
		page := &s.pages[i]
		s.walked++
		if page.at.IsZero() || time.Since(page.at) > within || page.began.Before(began) {
			continue
		}
		for j := range page.claims {
			s.walked++
			known := s.claim(&page.claims[j])
			if known.at.IsZero() || time.Since(known.at) > within || known.began.Before(began) {
				continue
			}
			if !use(page.claims[j].id(), known) {
				return false
			}
		}
	}
	return true
}

func (k *keptClaim) is(id wire.ID) bool {
	if k.text != nil {
		return *k.text == string(id)
	}
	n, ok := id.Number()
	return ok && n == k.number
}

func (k *keptClaim) id() wire.ID {
	if k.text != nil {
		return wire.ID(*k.text)
	}
	return wire.ID(strconv.FormatInt(k.number, 10))
}

func since(base, at time.Time) int64 {
	if at.IsZero() {
		return noTime
	}
	return int64(at.Sub(base))
}

func after(base time.Time, since int64) time.Time {
	if since == noTime {
		return time.Time{}
	}
	return base.Add(time.Duration(since))
}
