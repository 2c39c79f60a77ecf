package growthgeniustest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// TestSearchIndex: a search by the index finds what a comparison of all contacts finds,
// however contacts were changed, and however late searches show that.
func TestSearchIndex(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := NewServer(t, WithInMemoryNetwork(), WithSearchLag(lag), WithoutSeeds())
			rng := rand.New(rand.NewPCG(1, uint64(lag)))
			syllables := []string{"an", "ü", "lee", "mar", "ta", "o'b", "zz"}
			word := func() string {
				var text strings.Builder
				for range 1 + rng.IntN(4) {
					text.WriteString(syllables[rng.IntN(len(syllables))])
				}
				return text.String()
			}
			found, steps := 0, 5000
			if testing.Short() {
				steps = 1000
			}
			for range steps {
				time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
				id := growthgenius.IntID(firstContactID + rng.Int64N(60))
				switch rng.IntN(10) {
				case 0:
					s.mu.Lock()
					if r := s.contacts.rows[id]; r != nil {
						s.contacts.remove(r)
					}
					s.mu.Unlock()
				case 1:
					s.MergeContacts(id, growthgenius.IntID(firstContactID+rng.Int64N(60)))
				case 2, 3, 4, 5:
					s.AddContacts(growthgenius.Contact{ID: id, FullName: word() + " " + word(), Title: word(), Email: word() + "@example.com"})
				default:
					found += compareSearch(t, s, []string{word(), word()[:2] + ", " + word(), word() + "@exa", "q"}[rng.IntN(4)])
				}
			}
			if found < steps/5 {
				t.Errorf("%d found in all: the test compares too little", found)
			}
			if x, rows := s.contacts.search, len(s.contacts.order); x.indexed+len(x.changed) > 2*rows+1500 {
				t.Errorf("the index has %d versions of %d rows", x.indexed+len(x.changed), rows)
			}
		})
	}
}

// compareSearch compares a search with what a comparison of all contacts finds, and returns
// how many contacts that are.
func compareSearch(t *testing.T, s *Server, keywords string) int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := func(rows []*row) []string {
		all := []string{}
		for _, r := range rows {
			all = append(all, fmt.Sprint(r.id, " ", r.updated.UnixMilli()))
		}
		return all
	}
	got := ids(s.search(keywords))
	words := strings.FieldsFunc(keywords, func(r rune) bool { return r == ',' || r == ' ' })
	want := ids(slices.DeleteFunc(visible(s.contacts.all(), s.lagged(s.cfg.searchLag)), func(r *row) bool { return !r.matches(words) }))
	if !slices.Equal(got, want) {
		t.Fatalf("a search for %q found\n%q, want\n%q", keywords, got, want)
	}
	return len(want)
}

// BenchmarkSearch is a search for an e-mail address among 100,000 contacts.
func BenchmarkSearch(b *testing.B) {
	s := NewServer(b, WithoutSeeds())
	contacts := make([]growthgenius.Contact, 100_000)
	for i := range contacts {
		contacts[i] = growthgenius.Contact{FullName: fmt.Sprint("Contact ", i), Email: fmt.Sprintf("contact%d@example.com", i)}
	}
	s.AddContacts(contacts...)
	s.search("contact1@example.com") // builds the index
	for i := 0; b.Loop(); i++ {
		if len(s.search(fmt.Sprintf("contact%d@example.com", 10_000+i%90_000))) != 1 {
			b.Fatal("not found")
		}
	}
}
