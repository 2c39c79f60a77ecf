package readback

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// TestMemoryOfClaims: a claim takes less than 100 bytes, whatever the list and the response of its
// create have.
func TestMemoryOfClaims(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	const n = 100_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	c, before := newClaims(), heap()
	for i := range n {
		response := fmt.Sprintf("%d %s", 1_102_755+i, strings.Repeat("x", 100))
		token := Token{Nonce: strings.Repeat("n", 20) + strconv.Itoa(i), Resource: match.Contact, UserID: wire.ID(response[:1])}
		p := &pending{target: target{token: token}, list: List{User: token.UserID, Route: response[8:12], Headers: response[8:50]}}
		c.add(p, wire.ID(response[:7]), claim{began: time.Now(), at: time.Now()})
	}
	if each := (heap() - before) / n; each > 100 {
		t.Errorf("%d bytes a claim", each)
	} else {
		t.Logf("%d bytes a claim", each)
	}
	if known, ok := c.of(match.Contact, "1102755"); !ok || known.list.Headers == "" {
		t.Errorf("the first claim is %+v", known)
	}
}

// TestClaimsKeepNoResponses: an id is a part of the text of its response, which must not stay in
// memory with a claim. Nor must the text that its list is from.
func TestClaimsKeepNoResponses(t *testing.T) {
	t.Parallel()
	c := newClaims()
	response := "1102x55" + strings.Repeat("x", 1000)
	p := &pending{target: target{token: Token{Nonce: "1", Resource: match.Contact}}, list: List{User: wire.ID(response[:4])}}
	c.add(p, wire.ID(response[:7]), claim{})
	id, _ := c.outcome(p.token)
	if id != "1102x55" || unsafe.StringData(string(id)) == unsafe.StringData(response) {
		t.Errorf("the claim of %s is a part of the response", id)
	}
	if known, _ := c.of(match.Contact, id); known.list.User != "1102" || unsafe.StringData(string(known.list.User)) == unsafe.StringData(response) {
		t.Errorf("the user %s is a part of the response", known.list.User)
	}
}

// TestClaimsAreBounded: of too many claims the older half is forgotten.
func TestClaimsAreBounded(t *testing.T) {
	t.Parallel()
	c := newClaims()
	token := func(i int) Token { return Token{Nonce: strconv.Itoa(i), Resource: match.Contact} }
	add := func(from, to int) {
		for i := from; i < to; i++ {
			c.add(&pending{target: target{token: token(i)}}, wire.ID(strconv.Itoa(i)), claim{})
		}
	}
	known := func(i int) bool {
		id, ok := c.outcome(token(i))
		_, claimed := c.of(match.Contact, wire.ID(fmt.Sprint(i)))
		if ok != claimed || ok && id != wire.ID(fmt.Sprint(i)) {
			t.Errorf("%d is known as %q, and claimed: %t", i, id, claimed)
		}
		return ok
	}
	add(0, 2*maxClaims)
	if !known(0) || !known(maxClaims) || !known(2*maxClaims-1) {
		t.Error("something is forgotten too early")
	}
	c.deleted(match.Contact, "0")
	if !c.reused(match.Contact, "0") || c.reused(match.Contact, "1") || c.reused(match.Message, "0") {
		t.Error("the id of a deleted record is not known")
	}
	add(2*maxClaims, 2*maxClaims+1)
	if known(0) || known(maxClaims-1) || !known(maxClaims) || !known(2*maxClaims) {
		t.Error("not the older half is forgotten")
	}
}

// TestClaims: claims are found by their record and by their create, and those of a time are found
// by that, however many there are, and which were deleted or claimed again.
func TestClaims(t *testing.T) {
	t.Parallel()
	type key struct {
		resource string
		id       wire.ID
	}
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		if checks > 300 {
			return
		}
		c := newClaims()
		of, by, began := map[key]claim{}, map[string]key{}, time.Now()
		for i := range rapid.IntRange(1, 3*pageSize).Draw(rt, "claims") {
			k := key{[]string{match.Contact, match.Message}[i%2], wire.ID([]string{"1", "01", "x", strconv.Itoa(i), strconv.Itoa(i / 2)}[i%5])}
			token := Token{Nonce: strconv.Itoa(i - i%7/6), Resource: k.resource} // some twice
			list := List{Resource: k.resource, Route: strconv.Itoa(i % 3)}
			known := claim{nonce: nonceOf(token.Nonce), list: list, guessed: i%4 == 0}
			if i%5 > 0 {
				known.began = began.Add(time.Duration(i-i%11*3) * time.Second)
				known.at = known.began.Add(time.Second)
			}
			c.add(&pending{target: target{token: token}, list: list}, k.id, known)
			of[k], by[token.Nonce] = known, k
			if i%9 == 0 {
				c.deleted(k.resource, k.id)
				known.at, known.deleted = time.Time{}, true
				of[k] = known
			}
		}
		for k, want := range of {
			if got, ok := c.of(k.resource, k.id); !ok || !got.began.Equal(want.began) || !got.at.Equal(want.at) ||
				got.nonce != want.nonce || got.list != want.list || got.deleted != want.deleted || got.guessed != want.guessed {
				rt.Errorf("%v is %+v, want %+v", k, got, want)
			}
		}
		for n, k := range by {
			token := Token{Nonce: n, Resource: k.resource}
			if id, ok := c.outcome(token); ok != (of[k].nonce == nonceOf(token.Nonce)) || ok && id != k.id {
				rt.Errorf("the outcome of %s is %q (%t), want %v", n, id, ok, k)
			}
			token.Resource = "other"
			if id, ok := c.outcome(token); ok {
				rt.Errorf("the outcome of %s of another resource is %s", n, id)
			}
		}
		earliest := began.Add(time.Duration(rapid.IntRange(0, 3*pageSize).Draw(rt, "earliest")) * time.Second)
		recent := map[key]bool{}
		c.recent(time.Hour, earliest, func(id wire.ID, known claim) bool {
			recent[key{known.list.Resource, id}] = true
			return true
		})
		for k, known := range of {
			if want := !known.at.IsZero() && !known.began.Before(earliest); want != recent[k] {
				rt.Errorf("%v of %v is recent: %t, want %t", k, known.began, recent[k], want)
			}
		}
	})
}

// TestClaimsOfLongAgo: what a read of a list costs does not depend on how many creates there were before those
// that it looks for.
func TestClaimsOfLongAgo(t *testing.T) {
	t.Parallel()
	c := newClaims()
	add := func(i int, began time.Time) {
		p := &pending{target: target{token: Token{Nonce: strconv.Itoa(i), Resource: match.Contact}}}
		c.add(p, wire.ID(strconv.Itoa(i)), claim{began: began, at: began})
	}
	now := time.Now()
	for i := range maxClaims - 10 {
		add(i, now.Add(-time.Hour))
	}
	for i := range 10 {
		add(-1-i, now)
	}
	for within, want := range map[time.Duration]int{time.Minute: 10, 2 * time.Hour: 10} {
		found := 0
		c.newer.walked = 0
		c.recent(within, now.Add(-time.Second), func(wire.ID, claim) bool { found++; return true })
		if found != want || c.newer.walked > 3*pageSize {
			t.Errorf("%d are found within %v, by looking at %d", found, within, c.newer.walked)
		}
	}
}

// TestBaseOfClaims: times count from a base that is not old. Claims with one list share it, and
// none with another list.
func TestBaseOfClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newClaimSet()
		list, other := List{Resource: match.Contact}, List{Resource: match.Contact, User: "2"}
		first := set.originOf(list)
		time.Sleep(baseAge)
		if set.originOf(list) != first || set.originOf(other) == first {
			t.Errorf("the origins are %v", set.origins)
		}
		time.Sleep(time.Second)
		if set.originOf(list) == first || set.originOf(list) != 2 {
			t.Errorf("then they are %v", set.origins)
		}
	})
}
