package growthgenius

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// SearchPages returns an iterator over the pages of a search, beginning with search.Page
// (0 means the first page). Each range over it is a new search.
//
// While the loop works on a page, the next pages are already requested: as many as
// [SearchOptions].Prefetch says, but none beyond the end. When the loop ends, so do these
// requests.
//
// Each contact is delivered once. If a later page has it again, it is removed from that
// page. A page without contacts is skipped. Contacts without an id are not compared.
//
// An error comes last, with a nil page, after all pages before it. [ErrPartialResults]
// means that the API did not return all contacts; see [*PartialResultsError]. The API
// returns at most 10,000 results of a search (documented as partial_results_limit), and a
// search cannot be split by time. If that is too few, use [ContactsService.Stream] or
// [ContactsService.Changes], which have no limit, and filter in the loop.
//
// If the totals in the responses are right, each page is requested once. If they are
// missing or wrong, the search ends when three pages in a row have no new contacts, or
// when it has as many as partial_results_limit says (10,000 if it is missing), at the
// latest. If contacts change while the search runs, some may move to a page that has
// been read already. So if fewer contacts were delivered than total_entries counts, the
// pages are read again, at most twice. A change that does not affect the total, such as
// one contact deleted and another one created, is not noticed.
//
// [CaptureResponse] is written when a page or an error is delivered.
func (s *ContactsService) SearchPages(ctx context.Context, search SearchOptions, opts ...RequestOption) iter.Seq2[*ContactPage, error] {
	body, err := search.body()
	opts = slices.Clone(opts)
	return func(yield func(*ContactPage, error) bool) {
		if err != nil {
			yield(nil, err)
			return
		}
		p := &pager{
			prefetch: max(0, cmp.Or(search.Prefetch, 1)),
			fetch: func(ctx context.Context, number int) (f fetched) {
				body := body
				body.Page = number
				f.page, f.err = s.search(ctx, body, slices.Concat(opts, []RequestOption{CaptureResponse(&f.info)}))
				return f
			},
			capture: applyOptions(opts).capture,
			yield:   yield,
			tally:   tally{first: max(1, search.Page), size: 1, seen: map[ID]int{}},
		}
		p.run(ctx)
	}
}

// SearchAll returns an iterator over all contacts that match. It works like
// [ContactsService.SearchPages]: each contact is delivered once, the next page is
// requested meanwhile, and an error comes last, with a nil contact.
//
// [ErrPartialResults] means that the API did not return all contacts: it returns at most
// 10,000 of a search. [ContactsService.Stream] and [ContactsService.Changes] have no
// limit.
//
// [CaptureResponse] is written before the first contact of each page.
func (s *ContactsService) SearchAll(ctx context.Context, search SearchOptions, opts ...RequestOption) iter.Seq2[*Contact, error] {
	pages := s.SearchPages(ctx, search, opts...)
	return func(yield func(*Contact, error) bool) {
		for page, err := range pages {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Contacts {
				if !yield(&page.Contacts[i], nil) {
					return
				}
			}
		}
	}
}

const (
	// documentedLimit is the most that a search returns if the responses do not say: the
	// partial_results_limit of the reference.
	documentedLimit = 10_000

	maxPasses = 3 // over the pages of one search
	maxBarren = 3 // pages in a row without a new contact
)

// pager is one iteration over a search.
type pager struct {
	prefetch int
	fetch    func(ctx context.Context, number int) fetched
	capture  *ResponseInfo
	yield    func(*ContactPage, error) bool
	tally    tally
}

// fetched is the result of requesting a page.
type fetched struct {
	page     *ContactPage
	info     ResponseInfo
	err      error
	panicked any
}

// run reads the pages, again if contacts are missing, and ends with an error if they
// still are.
func (p *pager) run(ctx context.Context) {
	t := &p.tally
	for t.pass.number < maxPasses {
		before := t.found
		t.pass = pass{number: t.pass.number + 1}
		if !p.once(ctx) {
			return
		}
		if t.partial || !t.short() || t.found == before {
			break
		}
	}
	if t.partial || t.short() || t.untold() && t.full() {
		p.yield(nil, searchEndpoint.refuse(&PartialResultsError{Limit: t.limit, Total: t.pass.total, Delivered: t.found}))
	}
}

// once reads all pages once. It reports whether the iteration may go on after that.
func (p *pager) once(ctx context.Context) bool {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ahead []chan fetched // the pages after the current one, in order
	for number := p.tally.first; ; number++ {
		var f fetched
		if len(ahead) > 0 {
			f, ahead = <-ahead[0], ahead[1:]
			if f.panicked != nil { // as without prefetch
				panic(f.panicked)
			}
		} else {
			f = p.fetch(ctx, number)
		}
		if f.err != nil {
			p.hand(f)
			return false
		}
		p.tally.add(f.page)
		more := p.tally.more(number)
		for next := number + 1 + len(ahead); more && next <= number+p.prefetch && p.tally.promises(next); next++ {
			c := make(chan fetched, 1)
			wg.Go(func() {
				f := fetched{err: errs.ErrGoroutineEnded}
				defer func() { f.panicked = recover(); c <- f }()
				f = p.fetch(ctx, next)
			})
			ahead = append(ahead, c)
		}
		if len(f.page.Contacts) > 0 && !p.hand(f) {
			return false
		}
		if !more {
			return true
		}
	}
}

// hand delivers a page or an error, and reports whether the loop goes on.
func (p *pager) hand(f fetched) bool {
	if p.capture != nil && f.info.StatusCode != 0 {
		*p.capture = f.info
	}
	return p.yield(f.page, f.err)
}

// tally counts what an iteration has seen, and determines when it ends.
type tally struct {
	first   int        // the first page, as requested
	size    int        // the most contacts that a page has
	seen    map[ID]int // the last pass that saw a contact
	found   int        // contacts delivered
	total   int        // the largest total_entries
	limit   int        // partial_results_limit
	partial bool       // the API says that it does not return all contacts
	pass    pass
}

// pass counts what one pass over the pages has seen.
type pass struct {
	number int // from 1
	found  int // contacts, also those that earlier passes found
	total  int // the largest total_entries
	pages  int // the last total_pages
	barren int // the last pages in a row without a contact that is new to this pass
}

// add counts a page, and removes from it what has been delivered before.
func (t *tally) add(p *ContactPage) {
	t.size = max(t.size, len(p.Contacts), p.Pagination.PerPage)
	t.limit = max(t.limit, p.PartialResultsLimit)
	t.partial = t.partial || p.PartialResultsOnly || t.limit > 0 && p.Pagination.TotalEntries > t.limit || wire.Failed(p.Extra)
	t.pass.total = max(t.pass.total, p.Pagination.TotalEntries)
	t.pass.pages = p.Pagination.TotalPages
	t.total = max(t.total, t.pass.total)
	t.pass.barren++
	p.Contacts = slices.DeleteFunc(p.Contacts, func(c Contact) bool {
		key := c.ID
		if key == "" {
			content, _ := wire.MarshalVerbatim(&c)
			key = ID(content)
		}
		last, known := t.seen[key]
		t.seen[key] = t.pass.number
		if last != t.pass.number {
			t.pass.barren = 0
			t.pass.found++
		}
		return known && (c.ID != "" || t.pass.number > 1)
	})
	t.found += len(p.Contacts)
}

// more reports whether to request the page after this one.
func (t *tally) more(number int) bool {
	promised := t.promises(number + 1)
	switch {
	case t.full() && (t.limit > 0 || t.untold()):
		return false
	case !t.short() && (t.pass.number > 1 || t.pass.barren > 0 && !t.untold()):
		return false
	case t.pass.barren > 0:
		return promised && t.pass.barren < maxBarren
	default:
		return promised || t.short()
	}
}

// promises reports whether there should be a page with this number, by the totals.
func (t *tally) promises(number int) bool {
	pages := t.pass.pages
	if t.limit > 0 {
		pages = min(pages, t.pagesOf(t.limit))
	}
	return t.untold() || number <= max(pages, t.pagesOf(t.capped(t.pass.total)))
}

// short reports whether contacts are missing. None are missing if as many were found as
// total_entries ever counted, or if the last pass found as many as it counted meanwhile.
func (t *tally) short() bool {
	return t.found < t.due(t.total) && t.pass.found < t.due(t.pass.total)
}

// untold reports whether total_entries is missing or too small.
func (t *tally) untold() bool { return t.found > t.due(t.total) }

// full reports whether this pass has seen as many contacts as the API returns of a search.
func (t *tally) full() bool { return t.pass.found >= t.due(cmp.Or(t.limit, documentedLimit)) }

// due returns how many of a total of contacts are on the first requested page and after
// it.
func (t *tally) due(total int) int {
	total = t.capped(total)
	if t.first > t.pagesOf(total) {
		return 0
	}
	return total - (t.first-1)*t.size
}

// capped returns how many of a total of contacts the API returns.
func (t *tally) capped(total int) int {
	if t.limit > 0 {
		return min(total, t.limit)
	}
	return total
}

// pagesOf returns how many pages a number of contacts fills.
func (t *tally) pagesOf(entries int) int {
	pages := entries / t.size
	if entries%t.size > 0 {
		pages++
	}
	return pages
}
