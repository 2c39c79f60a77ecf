package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// shelf is a server that searches a list of ids, ten a page. Its lie, if any, makes the
// responses wrong.
type shelf struct {
	latency time.Duration
	// before may change the list before the nth request for a page.
	before func(s *shelf, page, nth int)
	// lie changes the response.
	lie func(s *shelf, page, nth int, a *shelfPage)

	mu     sync.Mutex
	ids    []string
	asked  []int // the pages, in order of arrival
	active int   // requests under way
	most   int   // of them at a time
	bodies []string
}

// shelfPage is a response before it is encoded.
type shelfPage struct {
	status     int
	ids        []string
	partial    bool
	failed     bool
	limit      int
	pagination map[string]any
}

const shelfPer = 10

// numbered returns n consecutive ids.
func numbered(from, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("id-%03d", from+i)
	}
	return ids
}

// from returns the ids of a page of that size.
func (s *shelf) from(page, per int) []string {
	first := min((page-1)*per, len(s.ids))
	return slices.Clone(s.ids[first:min(first+per, len(s.ids))])
}

func (s *shelf) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.active++
	s.most = max(s.most, s.active)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.active--
	}()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var req struct{ Page int }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	a := s.answer(req.Page, string(body))
	wait := time.NewTimer(s.latency)
	defer wait.Stop()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-wait.C:
	}
	if a.status != 200 {
		return testkit.Reply(a.status, `{"error":"no such page"}`), nil
	}
	contacts := make([]map[string]any, len(a.ids))
	for i, id := range a.ids {
		contacts[i] = map[string]any{"contact": map[string]string{"id": id, "email": id + "@example.com"}}
		if strings.HasPrefix(id, "nameless") {
			contacts[i] = map[string]any{"full_name": id}
		}
	}
	text, err := json.Marshal(map[string]any{
		"error": a.failed, "contacts": contacts, "partial_results_only": a.partial, "partial_results_limit": a.limit, "pagination": a.pagination,
	})
	return testkit.Reply(200, string(text), "X-Request-Id", fmt.Sprintf("page-%d", req.Page)), err
}

func (s *shelf) answer(page int, body string) shelfPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, page)
	s.bodies = append(s.bodies, body)
	nth := s.times(page)
	if s.before != nil {
		s.before(s, page, nth)
	}
	a := shelfPage{status: 200, ids: s.from(page, shelfPer), limit: 10000, pagination: map[string]any{
		"page": page, "per_page": shelfPer, "total_entries": len(s.ids), "total_pages": (len(s.ids) + shelfPer - 1) / shelfPer,
	}}
	if s.lie != nil {
		s.lie(s, page, nth, &a)
	}
	return a
}

// times returns how often a page was requested.
func (s *shelf) times(page int) int {
	return len(slices.DeleteFunc(slices.Clone(s.asked), func(p int) bool { return p != page }))
}

func (s *shelf) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *shelf) contacts(t testing.TB, opts ...growthgenius.Option) *growthgenius.ContactsService {
	t.Helper()
	base := []growthgenius.Option{
		growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: s}),
	}
	c := testkit.NewClient(t, testkit.Secret, append(base, opts...)...)
	return c.Contacts
}

// all ranges over a search to its end. An error must come last, once and alone.
func all(t interface{ Errorf(string, ...any) }, seq iter.Seq2[*growthgenius.Contact, error]) (ids []string, last error) {
	for c, err := range seq {
		if last != nil {
			t.Errorf("%v, %v after the error %v", c, err, last)
		}
		if (c == nil) != (err != nil) {
			t.Errorf("%v with the error %v", c, err)
		}
		if last = err; err != nil {
			continue
		}
		id := string(c.ID)
		if id == "" {
			id = c.FullName
		}
		ids = append(ids, id)
	}
	return ids, last
}

// move moves an id to another place.
func (s *shelf) move(id string, to int) {
	s.remove(id)
	s.ids = slices.Insert(s.ids, to, id)
}

func (s *shelf) remove(id string) {
	s.ids = slices.DeleteFunc(s.ids, func(other string) bool { return other == id })
}

// TestSearchAllAgainstLies: whatever the totals and the pages are, no contact comes twice,
// none is missing without an error, and the search ends.
func TestSearchAllAgainstLies(t *testing.T) {
	t.Parallel()
	set := func(key string, value any) func(*shelf, int, int, *shelfPage) {
		return func(_ *shelf, _, _ int, a *shelfPage) { a.pagination[key] = value }
	}
	without := func(keys ...string) func(*shelf, int, int, *shelfPage) {
		return func(_ *shelf, _, _ int, a *shelfPage) {
			for _, key := range keys {
				delete(a.pagination, key)
			}
		}
	}
	// echo counts the pages as if they had the requested size.
	echo := func(s *shelf, _, _ int, a *shelfPage) {
		a.pagination["per_page"], a.pagination["total_pages"] = 200, (len(s.ids)+199)/200
	}
	// again repeats the third page.
	again := func(s *shelf, page, _ int, a *shelfPage) {
		if page > 3 {
			a.ids = s.from(page-1, shelfPer)
		}
	}
	everything, none := numbered(1, 50), error(nil)
	partial := func(limit, total, delivered int) error {
		return &growthgenius.PartialResultsError{Limit: limit, Total: total, Delivered: delivered}
	}
	for name, tt := range map[string]struct {
		ids      []string // everything
		before   func(*shelf, int, int)
		lie      func(s *shelf, page, nth int, a *shelfPage)
		search   growthgenius.SearchOptions
		want     []string // in any order
		err      error
		requests int // without prefetch
	}{
		"no lie":                  {want: everything, requests: 5},
		"one page":                {ids: everything[:10], want: everything[:10], requests: 1},
		"half a page":             {ids: everything[:5], want: everything[:5], requests: 1},
		"nothing":                 {ids: []string{}, requests: 1},
		"nothing, and no totals":  {ids: []string{}, lie: without("total_entries", "total_pages", "per_page"), requests: 1},
		"from a page on":          {search: growthgenius.SearchOptions{Page: 3}, want: everything[20:], requests: 3},
		"from the last page on":   {ids: everything[:43], search: growthgenius.SearchOptions{Page: 5}, want: everything[40:43], requests: 1},
		"from past the end on":    {search: growthgenius.SearchOptions{Page: 7}, requests: 1},
		"total_pages high":        {lie: set("total_pages", 1e9), want: everything, requests: 6},
		"total_pages low":         {lie: set("total_pages", 1), want: everything, requests: 5},
		"total_pages zero":        {lie: set("total_pages", 0), want: everything, requests: 5},
		"total_pages negative":    {lie: set("total_pages", -1), want: everything, requests: 5},
		"total_pages missing":     {lie: without("total_pages"), want: everything, requests: 5},
		"total_pages not a count": {lie: set("total_pages", "many"), want: everything, requests: 5},
		"total_entries missing":   {lie: without("total_entries"), want: everything, requests: 8},
		"total_entries low":       {lie: set("total_entries", 7), want: everything, requests: 8},
		"total_entries negative":  {lie: set("total_entries", -1), want: everything, requests: 8},
		"no totals":               {lie: without("total_entries", "total_pages", "per_page"), want: everything, requests: 8},
		"no pagination":           {lie: func(_ *shelf, _, _ int, a *shelfPage) { a.pagination = nil }, want: everything, requests: 8},
		"total_entries of what is not there": {
			lie: set("total_entries", 53), want: everything, err: partial(10000, 53, 50), requests: 12,
		},
		"total_entries without bounds": {
			lie: set("total_entries", 1<<62), want: everything, err: partial(10000, 1<<62, 50), requests: 8,
		},
		"per_page ignored, larger": {lie: func(s *shelf, page, _ int, a *shelfPage) { a.ids = s.from(page, 25) }, want: everything, requests: 3},
		"per_page ignored, smaller": {lie: func(s *shelf, page, _ int, a *shelfPage) {
			a.ids = s.from(page, 5)
		}, search: growthgenius.SearchOptions{PerPage: 10}, want: everything, requests: 10},
		"per_page ignored, and not told": {lie: func(s *shelf, page, _ int, a *shelfPage) {
			a.ids = s.from(page, 5)
			delete(a.pagination, "per_page")
		}, search: growthgenius.SearchOptions{PerPage: 10}, want: everything, requests: 10},
		"per_page ignored, and told as asked": {lie: echo, search: growthgenius.SearchOptions{PerPage: 200}, want: everything, requests: 5},
		"per_page ignored, and told as asked, from a page on": {
			lie: echo, search: growthgenius.SearchOptions{PerPage: 200, Page: 3}, want: everything[20:], requests: 3 + 3,
		},
		"a page repeated":            {lie: again, want: everything, requests: 6},
		"a page repeated, no totals": {lie: func(s *shelf, page, nth int, a *shelfPage) { again(s, page, nth, a); a.pagination = nil }, want: everything, requests: 9},
		"a page in place of another, once": {lie: func(s *shelf, page, nth int, a *shelfPage) {
			if page == 4 && nth == 1 {
				a.ids = s.from(3, shelfPer)
			}
		}, want: everything, requests: 5 + 1 + 4},
		"a page in place of another": {lie: func(s *shelf, page, _ int, a *shelfPage) {
			if page == 4 {
				a.ids = s.from(3, shelfPer)
			}
		}, want: slices.Concat(everything[:30], everything[40:]), err: partial(10000, 50, 40), requests: 12},
		"the first page for ever": {lie: func(s *shelf, _, _ int, a *shelfPage) {
			a.ids = s.from(1, shelfPer)
		}, want: everything[:10], err: partial(10000, 50, 10), requests: 8},
		"the first page for ever, no totals": {lie: func(s *shelf, _, _ int, a *shelfPage) {
			a.ids, a.pagination = s.from(1, shelfPer), nil
		}, want: everything[:10], requests: 4},
		"the last page for ever": {lie: func(s *shelf, page, _ int, a *shelfPage) {
			a.ids = s.from(min(page, 5), shelfPer)
			a.pagination["total_pages"], a.pagination["total_entries"] = 1000, 9999
		}, want: everything, err: partial(10000, 9999, 50), requests: 16},
		"an empty page in the middle": {lie: func(s *shelf, page, nth int, a *shelfPage) {
			again(s, page, nth, a)
			if page == 3 {
				a.ids = nil
			}
		}, want: everything, requests: 6},
		"an empty page without totals": {lie: func(s *shelf, page, nth int, a *shelfPage) {
			again(s, page, nth, a)
			if page == 3 {
				a.ids, a.pagination = nil, nil
			}
		}, want: everything, requests: 6},
		"a page emptied": {lie: func(_ *shelf, page, _ int, a *shelfPage) {
			if page == 3 {
				a.ids = nil
			}
		}, want: slices.Concat(everything[:20], everything[30:]), err: partial(10000, 50, 40), requests: 12},
		"a page emptied, once": {lie: func(_ *shelf, page, nth int, a *shelfPage) {
			if page == 1 && nth == 1 {
				a.ids = nil
			}
		}, want: everything, requests: 5 + 1 + 1},
		"every page empty": {lie: func(_ *shelf, _, _ int, a *shelfPage) { a.ids = nil }, err: partial(10000, 50, 0), requests: 3},
		"a contact twice": {lie: func(_ *shelf, page, _ int, a *shelfPage) {
			if page == 2 {
				a.ids = append(a.ids, a.ids[0])
			}
		}, want: everything, requests: 5},
		"moved to the front": {before: func(s *shelf, page, nth int) {
			if page == 3 && nth == 1 {
				s.move("id-045", 0)
			}
		}, want: everything, requests: 5 + 1 + 1},
		"moved to the back": {before: func(s *shelf, page, nth int) {
			if page == 3 && nth == 1 {
				s.move("id-005", 49)
			}
		}, want: everything, requests: 5 + 1 + 2},
		"moved in each pass": {before: func(s *shelf, page, nth int) {
			switch {
			case page == 5 && nth == 1:
				s.move("id-050", 0)
				s.move("id-049", 25)
			case page == 2 && nth == 2:
				s.move("id-049", 0)
			}
		}, want: everything, requests: 6 + 6 + 1},
		"one deleted that was seen": {before: func(s *shelf, page, nth int) {
			if page == 3 && nth == 1 {
				s.remove("id-005")
			}
		}, want: everything, requests: 6 + 2},
		"one deleted that was not seen": {lie: func(s *shelf, page, nth int, _ *shelfPage) {
			if page == 1 && nth == 1 {
				s.remove("id-045")
			}
		}, want: slices.Concat(everything[:44], everything[45:]), requests: 6 + 5},
		"one created": {before: func(s *shelf, page, nth int) {
			if page == 3 && nth == 1 {
				s.ids = append(numbered(0, 1), s.ids...)
			}
		}, want: numbered(0, 51), requests: 6 + 1 + 1},
		"partial_results_only and an early end": {lie: func(_ *shelf, page, _ int, a *shelfPage) {
			if page >= 3 {
				a.partial = true
			}
			if page > 3 {
				a.ids = nil
			}
		}, want: everything[:30], err: partial(10000, 50, 30), requests: 5},
		"partial_results_only and nothing else": {lie: func(_ *shelf, page, _ int, a *shelfPage) {
			a.partial, a.limit, a.pagination = page == 1, 0, map[string]any{"total_pages": 5}
		}, want: everything, err: partial(0, 0, 50), requests: 8},
		"total_entries over partial_results_limit": {lie: func(_ *shelf, page, _ int, a *shelfPage) {
			if a.limit = 20; page > 2 {
				a.status = 422
			}
		}, want: everything[:20], err: partial(20, 50, 20), requests: 2},
		"partial_results_limit told once": {lie: func(_ *shelf, page, _ int, a *shelfPage) {
			if a.limit = 0; page == 1 {
				a.limit = 20
			} else if page > 2 {
				a.status = 422
			}
		}, want: everything[:20], err: partial(20, 50, 20), requests: 2},
		"a limit that is none":         {lie: func(_ *shelf, _, _ int, a *shelfPage) { a.limit = 1 }, want: everything[:10], err: partial(1, 50, 10), requests: 1},
		"an error beside the contacts": {lie: func(_ *shelf, page, _ int, a *shelfPage) { a.failed = page == 2 }, want: everything, err: partial(10000, 50, 50), requests: 5},
		"more than the limit, for ever": {lie: func(s *shelf, page, _ int, a *shelfPage) {
			a.ids, a.limit = numbered(10*page, 10), 100
			a.pagination["total_entries"] = 99
		}, want: numbered(10, 100), err: partial(100, 99, 100), requests: 10},
		"no totals, and an end at the limit": {lie: func(_ *shelf, _, _ int, a *shelfPage) {
			a.limit, a.pagination = 50, nil
		}, want: everything, err: partial(50, 0, 50), requests: 5},
		"as many as the limit": {lie: func(_ *shelf, _, _ int, a *shelfPage) { a.limit = 50 }, want: everything, requests: 5},
		"a page fails for good": {lie: func(_ *shelf, page, _ int, a *shelfPage) {
			if page == 4 {
				a.status = 404
			}
		}, want: everything[:30], err: growthgenius.ErrNotFound, requests: 4},
		"no ids": {ids: nameless(35), want: nameless(35), requests: 4},
		"no ids and no totals, for ever": {ids: nameless(10), lie: func(s *shelf, _, _ int, a *shelfPage) {
			a.ids, a.pagination = s.from(1, shelfPer), nil
		}, want: slices.Repeat(nameless(10), 4), requests: 4},
		"no ids, and one fewer than counted": {ids: nameless(15), lie: set("total_entries", 16), want: nameless(15), err: partial(10000, 16, 15), requests: 3 + 3},
	} {
		for _, prefetch := range []int{-1, 0, 4, 100} {
			t.Run(fmt.Sprintf("%s/%d", name, prefetch), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &shelf{ids: slices.Clone(everything), before: tt.before, lie: tt.lie, latency: 40 * time.Millisecond}
					if tt.ids != nil {
						s.ids = slices.Clone(tt.ids)
					}
					search := tt.search
					search.Prefetch = prefetch
					ids, err := all(t, s.contacts(t).SearchAll(t.Context(), search))
					slices.Sort(ids)
					want := slices.Sorted(slices.Values(tt.want))
					if diff := cmp.Diff(want, ids); diff != "" {
						t.Errorf("contacts (-want +got):\n%s", diff)
					}
					wantPartial, isPartial := errors.AsType[*growthgenius.PartialResultsError](tt.err)
					got, _ := errors.AsType[*growthgenius.PartialResultsError](err)
					switch {
					case tt.err == none && err != nil, !isPartial && !errors.Is(err, tt.err):
						t.Errorf("error %v, want %v", err, tt.err)
					case isPartial && (!errors.Is(err, growthgenius.ErrPartialResults) || !cmp.Equal(got, wantPartial)):
						t.Errorf("error %+v, want %+v", err, wantPartial)
					}
					if n := s.requests(); prefetch < 0 && n != tt.requests || n < tt.requests && tt.before == nil {
						t.Errorf("%d requests, want %d: %v", n, tt.requests, s.asked)
					}
				})
			})
		}
	}
}

// nameless returns contacts without an id.
func nameless(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("nameless %03d", i)
	}
	return names
}

// TestSearchWithoutEnd: a search whose pages never end, and whose responses have no limit,
// ends at the limit of the reference.
func TestSearchWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, total := range map[string]any{"missing": nil, "too small": 9999} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{lie: func(_ *shelf, page, _ int, a *shelfPage) {
				a.ids, a.limit = numbered(1000*page, 1000), 0
				a.pagination = map[string]any{"total_entries": total}
			}}
			found, err := all(t, s.contacts(t).SearchAll(t.Context(), growthgenius.SearchOptions{Prefetch: -1}))
			if len(found) != 10_000 || !errors.Is(err, growthgenius.ErrPartialResults) {
				t.Errorf("%s: %d contacts, %v", name, len(found), err)
			}
		})
	}
}

// TestSearchAllFindsWhatMoves: contacts move between the pages or are deleted while they are
// read, and a page may be empty or a repetition once. A search without an error has found all
// contacts that are there.
func TestSearchAllFindsWhatMoves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(rt, name) }
		everything := numbered(1, draw("contacts", 0, 60))
		pages := rapid.SampledFrom([]any{nil, 0, 1, 3, 1000000}).Draw(rt, "total_pages")
		honest := rapid.Bool().Draw(rt, "honest total_pages")
		prefetch := rapid.SampledFrom([]int{-1, 0, 4}).Draw(rt, "prefetch")
		type misfortune struct {
			kind     string
			from, to int
		}
		var misfortunes []misfortune // in the order of the requests
		for range draw("misfortunes", 0, 6) {
			kind := rapid.SampledFrom([]string{"none", "move", "delete", "empty", "repeat"}).Draw(rt, "misfortune")
			misfortunes = append(misfortunes, misfortune{kind, draw("from", 0, 59), draw("to", 0, 59)})
		}
		s := &shelf{ids: slices.Clone(everything), lie: func(s *shelf, page, _ int, a *shelfPage) {
			if !honest {
				a.pagination["total_pages"] = pages
			}
			if len(misfortunes) == 0 || len(s.ids) == 0 {
				return
			}
			m := misfortunes[0]
			misfortunes = misfortunes[1:]
			switch m.kind {
			case "move":
				s.move(s.ids[m.from%len(s.ids)], m.to%len(s.ids))
			case "delete":
				s.remove(s.ids[m.from%len(s.ids)])
			case "empty":
				a.ids = nil
			case "repeat":
				a.ids = s.from(max(1, page-1), shelfPer)
			}
		}}
		ids, err := all(rt, s.contacts(t).SearchAll(t.Context(), growthgenius.SearchOptions{Prefetch: prefetch}))
		slices.Sort(ids)
		if len(slices.Compact(slices.Clone(ids))) != len(ids) {
			rt.Errorf("twice: %v", ids)
		}
		if err != nil && !errors.Is(err, growthgenius.ErrPartialResults) {
			rt.Errorf("%v", err)
		}
		for _, id := range s.ids {
			if err == nil && !slices.Contains(ids, id) {
				rt.Errorf("%s is missing in silence", id)
			}
		}
		if most := 3 * (6 + 1 + 3 + max(1, prefetch)); s.requests() > most {
			rt.Errorf("%d requests: %v", s.requests(), s.asked)
		}
	})
}

// TestSearchPrefetch: pages come in order, each is requested once, none past the end, and at
// most the given number ahead of the current one.
func TestSearchPrefetch(t *testing.T) {
	t.Parallel()
	for prefetch, most := range map[int]int{-1: 0, 0: 1, 1: 1, 4: 4, 49: 49, 100: 49} {
		t.Run(fmt.Sprint(prefetch), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &shelf{ids: numbered(1, 500), latency: 40 * time.Millisecond}
				n := 0
				for page, err := range s.contacts(t).SearchPages(t.Context(), growthgenius.SearchOptions{Prefetch: prefetch}) {
					if err != nil {
						t.Fatal(err)
					}
					n++
					if page.Pagination.Page != n {
						t.Fatalf("page %d in place of %d", page.Pagination.Page, n)
					}
					synctest.Wait()
					if got, want := s.requests(), min(n+most, 50); got != want {
						t.Fatalf("%d requests at page %d, want %d", got, n, want)
					}
					time.Sleep(time.Second) // all requested pages have arrived
				}
				if n != 50 || s.requests() != 50 {
					t.Errorf("%d pages by %d requests, want 50 by 50", n, s.requests())
				}
				if s.most > max(1, most) {
					t.Errorf("%d requests at a time", s.most)
				}
			})
		})
	}
}

// TestSearchTime: the time that prefetching saves.
func TestSearchTime(t *testing.T) {
	t.Parallel()
	const latency = 40 * time.Millisecond
	for _, tt := range []struct {
		name     string
		prefetch int
		work     time.Duration // of the loop, for each page
		most     float64       // of the sequential time
	}{
		{"one ahead, work as long as a request", 0, latency, .53},
		{"four ahead, no work", 4, 0, .30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took := func(prefetch int) time.Duration {
					s := &shelf{ids: numbered(1, 500), latency: latency}
					begun := time.Now()
					for _, err := range s.contacts(t).SearchPages(t.Context(), growthgenius.SearchOptions{Prefetch: prefetch}) {
						if err != nil {
							t.Fatal(err)
						}
						time.Sleep(tt.work)
					}
					return time.Since(begun)
				}
				sequential := took(-1)
				if want := 50 * (latency + tt.work); sequential != want {
					t.Errorf("sequential: %s, want %s", sequential, want)
				}
				ahead := took(tt.prefetch)
				ratio := float64(ahead) / float64(sequential)
				t.Logf("%s of %s: %.3f", ahead, sequential, ratio)
				if ratio > tt.most {
					t.Errorf("%.3f of the sequential time, want at most %.2f", ratio, tt.most)
				}
			})
		})
	}
}

// TestSearchBreak: after the loop has ended, in whatever way, nothing is requested, and no
// request is under way.
func TestSearchBreak(t *testing.T) {
	t.Parallel()
	for prefetch, requests := range map[int]int{-1: 2, 0: 3, 4: 6} {
		for _, way := range []string{"break", "panic"} {
			t.Run(fmt.Sprintf("%s/%d", way, prefetch), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &shelf{ids: numbered(1, 500), latency: time.Second}
					contacts, left := s.contacts(t), time.Time{}
					func() {
						defer func() { _ = recover() }()
						n := 0
						for _, err := range contacts.SearchAll(t.Context(), growthgenius.SearchOptions{Prefetch: prefetch}) {
							if err != nil {
								t.Fatal(err)
							}
							n++
							if n <= shelfPer {
								continue // the second page is the last
							}
							synctest.Wait()
							left = time.Now()
							if way == "panic" {
								panic(way)
							}
							break
						}
					}()
					s.mu.Lock()
					if took := time.Since(left); s.active != 0 || took != 0 {
						t.Errorf("%d requests are still under way, %s later", s.active, took)
					}
					s.mu.Unlock()
					time.Sleep(time.Hour)
					if n := s.requests(); n != requests {
						t.Errorf("%d requests, want %d: %v", n, requests, s.asked)
					}
				})
			})
		}
	}
}

// TestSearchRangesAreApart: a second loop starts from the beginning, and two loops at once do
// not affect each other.
func TestSearchRangesAreApart(t *testing.T) {
	t.Parallel()
	s := &shelf{ids: numbered(1, 95)}
	seq := s.contacts(t).SearchAll(t.Context(), growthgenius.SearchOptions{Prefetch: 2})
	for range seq {
		break
	}
	for range 2 {
		if ids, err := all(t, seq); err != nil || !slices.Equal(ids, s.ids) {
			t.Errorf("%v, %v", ids, err)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if ids, err := all(t, seq); err != nil || !slices.Equal(ids, s.ids) {
				t.Errorf("%v, %v", ids, err)
			}
		})
	}
	wg.Wait()
	next, stop := iter.Pull2(seq)
	defer stop()
	for outer := range seq {
		inner, err, _ := next()
		if err != nil || inner.ID != outer.ID || inner == outer {
			t.Fatalf("%v and %v, %v", inner, outer, err)
		}
	}
}

// TestSearchOptionsAreTheCallers: a search does not modify its options, and the caller may
// modify them after the call without an effect.
func TestSearchOptionsAreTheCallers(t *testing.T) {
	t.Parallel()
	s := &shelf{ids: numbered(1, 30)}
	search := func() growthgenius.SearchOptions {
		return growthgenius.SearchOptions{
			Keywords: "x", SortByField: growthgenius.SortByCreated, ContactStageIDs: []growthgenius.ID{"1", "2"}, PerPage: 10,
			Prefetch: 4, Extra: map[string]any{"a": []int{1}},
		}
	}
	given := search()
	opts := make([]growthgenius.RequestOption, 1, 8)
	opts[0] = growthgenius.NoRetry()
	seq := s.contacts(t).SearchAll(t.Context(), given, opts...)
	for _, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(search(), given); diff != "" {
		t.Errorf("modified (-given +now):\n%s", diff)
	}
	if slices.ContainsFunc(opts[1:cap(opts)], func(o growthgenius.RequestOption) bool { return o != nil }) {
		t.Error("the array of the options was written to")
	}
	for c, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		given.ContactStageIDs[0], given.Extra["a"].([]int)[0], given.Extra["b"] = "9", 9, c // while pages are on their way
		opts[0] = growthgenius.WithHeader("", "")
	}
	slices.Sort(s.bodies)
	for i, body := range slices.Compact(s.bodies) {
		want := fmt.Sprintf(`{"q_keywords":"x","sort_by_field":"contact_created_at","contact_stage_ids":[1,2],"page":%d,"per_page":10,"a":[1],"sort_ascending":false}`, i+1)
		if !sameJSON(t, body, want) {
			t.Errorf("sent %s, want %s", body, want)
		}
	}
	if len(s.bodies) != 6 {
		t.Errorf("%d requests, want 6", len(s.bodies))
	}
}

// TestSearchRefused: the iterators refuse what Search refuses, with nothing sent.
func TestSearchRefused(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	for _, search := range []growthgenius.SearchOptions{
		{Page: -1}, {PerPage: -1}, {Extra: map[string]any{"page": 2}}, {Extra: map[string]any{"f": func() {}}},
	} {
		_, want := s.contacts(t).Search(t.Context(), search)
		ids, err := all(t, s.contacts(t).SearchAll(t.Context(), search))
		if len(ids) > 0 || !errors.Is(err, growthgenius.ErrInvalidInput) || err.Error() != want.Error() {
			t.Errorf("%v and %v, want %v", ids, err, want)
		}
	}
	if n := s.requests(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestSearchErrorComesLast: page 7 fails for good. The loop gets all pages before it, however
// many were requested after it.
func TestSearchErrorComesLast(t *testing.T) {
	t.Parallel()
	for _, prefetch := range []int{-1, 1, 4, 20} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{ids: numbered(1, 100), latency: 40 * time.Millisecond}
			s.lie = func(_ *shelf, page, _ int, a *shelfPage) {
				if page == 7 {
					a.status = 503
				}
			}
			ids, err := all(t, s.contacts(t).SearchAll(t.Context(), growthgenius.SearchOptions{Prefetch: prefetch}))
			if !slices.Equal(ids, s.ids[:60]) || !errors.Is(err, growthgenius.ErrServer) {
				t.Errorf("%v, %v", ids, err)
			}
			if n := s.times(7); n != 4 {
				t.Errorf("page 7 was asked for %d times, want 4", n)
			}
		})
	}
}

// TestSearchContext: a search ends with its context. The loop gets the pages that have
// arrived, and a search that needs no more requests does not fail.
func TestSearchContext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at      int // the page at which the context ends
		pages   int
		failing bool
	}{{2, 5, true}, {6, 9, true}, {7, 10, false}, {10, 10, false}} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{ids: numbered(1, 100), latency: 40 * time.Millisecond}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			pages, failure := 0, error(nil)
			for _, err := range s.contacts(t).SearchPages(ctx, growthgenius.SearchOptions{Prefetch: 3}) {
				if failure = err; err != nil {
					break
				}
				pages++
				if pages == tt.at {
					time.Sleep(time.Second)
					cancel()
				}
			}
			if pages != tt.pages || tt.failing != errors.Is(failure, context.Canceled) || !tt.failing && failure != nil {
				t.Errorf("%d pages and %v, want %d", pages, failure, tt.pages)
			}
		})
	}
}

// TestSearchCapture: the ResponseInfo is that of the current page, never of one that was
// requested ahead.
func TestSearchCapture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ids: numbered(1, 50)}
		s.lie = func(_ *shelf, page, _ int, a *shelfPage) {
			if page == 5 {
				a.status = 404
			}
		}
		var info growthgenius.ResponseInfo
		seq := s.contacts(t).SearchAll(t.Context(), growthgenius.SearchOptions{Prefetch: 4}, growthgenius.CaptureResponse(&info))
		if info.StatusCode != 0 {
			t.Error("written before the range")
		}
		n := 0
		for _, err := range seq {
			synctest.Wait()
			want, status := fmt.Sprintf("page-%d", n/shelfPer+1), 200
			if err != nil {
				want, status = "", 404
			}
			if info.RequestID != want || info.StatusCode != status {
				t.Errorf("contact %d: %s, %d", n, info.RequestID, info.StatusCode)
			}
			n++
		}
		if n != 41 {
			t.Errorf("%d turns, want 40 contacts and an error", n)
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		info.RequestID = "the caller's"
		if _, err := all(t, s.contacts(t).SearchAll(ctx, growthgenius.SearchOptions{}, growthgenius.CaptureResponse(&info))); err == nil || info.RequestID != "the caller's" {
			t.Errorf("%v, and without an answer %q was written", err, info.RequestID)
		}
	})
}

// TestSearchPagesAreWhole: the loop gets each page as it is, without the contacts that came
// before. It does not get a page without contacts.
func TestSearchPagesAreWhole(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	for i := range 7 {
		srv.AddContacts(growthgenius.Contact{FirstName: "Tony", Email: fmt.Sprintf("%d@example.com", i)})
	}
	client := testkit.Live(t, srv)
	search := growthgenius.SearchOptions{Keywords: "tony", PerPage: 3}
	n := 0
	for page, err := range client.Contacts.SearchPages(t.Context(), search) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		search.Page = n
		want, err := client.Contacts.Search(t.Context(), search)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, page); diff != "" {
			t.Errorf("page %d (-want +got):\n%s", n, diff)
		}
	}
	if n != 3 {
		t.Errorf("%d pages, want 3", n)
	}

	s := &shelf{ids: numbered(1, 45)}
	s.lie = func(s *shelf, page, _ int, a *shelfPage) {
		switch page {
		case 2:
			a.ids = s.from(1, shelfPer)
		case 3:
			a.ids = nil
		default:
			a.ids = s.from(max(1, page-2), shelfPer)
		}
		if page == 4 {
			a.ids = append(a.ids[:9:9], "id-001")
		}
	}
	sizes := map[int]int{}
	for page, err := range s.contacts(t).SearchPages(t.Context(), growthgenius.SearchOptions{}) {
		if err != nil {
			break
		}
		sizes[page.Pagination.Page] = len(page.Contacts)
	}
	if diff := cmp.Diff(map[int]int{1: 10, 4: 9, 5: 10, 6: 10, 7: 5}, sizes); diff != "" {
		t.Errorf("contacts a page (-want +got):\n%s", diff)
	}
}

// TestSearchLimit: a search with more results than the API returns ends with an error that
// says so, and names what has no such limit.
func TestSearchLimit(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithPartialResultsLimit(7))
	for i := range 10 {
		srv.AddContacts(growthgenius.Contact{Email: fmt.Sprintf("%d@example.com", i)})
	}
	ids, err := all(t, testkit.Live(t, srv).Contacts.SearchAll(t.Context(), growthgenius.SearchOptions{PerPage: 3}))
	if partial, ok := errors.AsType[*growthgenius.PartialResultsError](err); !ok || *partial != (growthgenius.PartialResultsError{Limit: 7, Total: 10, Delivered: 7}) {
		t.Errorf("%v", err)
	}
	const words = "growthgenius: POST /contacts/search: partial results: 7 of 10 contacts, and a search returns 7 at most; " +
		"Contacts.Stream and Contacts.Changes have no limit: filter what they return"
	if len(ids) != 7 || err.Error() != words {
		t.Errorf("%d contacts and %q, want 7 and %q", len(ids), err, words)
	}
	if n := testkit.Count(srv, http.MethodPost, growthgeniustest.RouteSearch); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}
