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

// SearchPages returns the pages of the contacts that match, one after the other, from
// search.Page on (0 means the first). Each range over it is a search of its own.
//
// While the loop works on a page the next ones are asked for already, as many as
// [SearchOptions].Prefetch says and the totals promise. Leaving the loop ends that: no
// request and no goroutine outlives it.
//
// A contact is handed over once: where a later page has it again it is taken out of that
// page, and a page that has none left is passed over. A contact without an id cannot be
// told from others, and stays.
//
// Where the totals are right each page is asked for once, and none past the end. They are
// not relied on: total_pages alone ends nothing, a page without anything new ends the
// search only if no total promises more, and three such pages in a row always do. Where
// fewer contacts came than total_entries counts, some may have moved to a page read before,
// because others were changed or deleted meanwhile. Then the pages are gone over again for
// those, twice at most. What leaves no trace in the total, as when one contact is deleted
// while another is created behind it, is not noticed.
//
// An error comes last, with a nil page, after all pages before it. [ErrPartialResults] is
// a search that the API stopped short, or of which contacts are missing all the same; see
// [*PartialResultsError]. The API gives 10,000 results of a search at most (documented as
// partial_results_limit), and search has no filter by time to split it by.
// [ContactsService.Stream] and [ContactsService.Changes], filtered by the loop, have no
// such limit.
//
// [CaptureResponse] is written as a page or an error is handed over.
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

// SearchAll returns the contacts that match, one after the other. It does so as SearchPages
// does: each comes once, further pages are asked for meanwhile, and an error comes last,
// with a nil contact. [ErrPartialResults] says that there are more than the API gives of a
// search; [ContactsService.Stream] and [ContactsService.Changes], filtered by the loop,
// have no such limit.
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
	maxPasses = 3 // over the pages of one search
	maxBarren = 3 // pages in a row without anything new
)

// pager is one iteration over a search.
type pager struct {
	prefetch int
	fetch    func(ctx context.Context, number int) fetched
	capture  *ResponseInfo
	yield    func(*ContactPage, error) bool
	tally    tally
}

// fetched is what came of asking for a page.
type fetched struct {
	page     *ContactPage
	info     ResponseInfo
	err      error
	panicked any
}

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
	if t.partial || t.short() || t.untold() && t.limit > 0 && t.found >= t.due(t.limit) {
		p.yield(nil, searchEndpoint.refuse(&PartialResultsError{Limit: t.limit, Total: t.pass.total, Delivered: t.found}))
	}
}

// once goes over the pages once. It reports whether the iteration may go on after that.
func (p *pager) once(ctx context.Context) bool {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ahead []chan fetched // the pages after the present one, in their order
	for number := p.tally.first; ; number++ {
		var f fetched
		if len(ahead) > 0 {
			f, ahead = <-ahead[0], ahead[1:]
			if f.panicked != nil { // as it would have done without prefetch
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

// hand hands over a page or an error, and reports whether the loop goes on.
func (p *pager) hand(f fetched) bool {
	if p.capture != nil && f.info.StatusCode != 0 {
		*p.capture = f.info
	}
	return p.yield(f.page, f.err)
}

// tally is what an iteration has seen, and what follows from it about the end.
type tally struct {
	first   int        // page, as asked for
	size    int        // contacts a page has, at most
	seen    map[ID]int // the pass that saw a contact last
	found   int        // contacts handed over
	total   int        // the largest total_entries
	limit   int        // partial_results_limit
	partial bool       // the API says that it stops short, or its totals do
	pass    pass
}

// pass is what one pass over the pages has seen.
type pass struct {
	number int // from 1
	found  int // contacts, those of earlier passes too
	total  int // the largest total_entries
	pages  int // the last total_pages
	barren int // the last pages in a row without anything new to this pass
}

// add counts a page, and takes out of it what has been handed over before.
func (t *tally) add(p *ContactPage) {
	t.size = max(t.size, len(p.Contacts), p.Pagination.PerPage)
	t.limit = max(t.limit, p.PartialResultsLimit)
	t.partial = t.partial || p.PartialResultsOnly || t.limit > 0 && p.Pagination.TotalEntries > t.limit
	t.pass.total = max(t.pass.total, p.Pagination.TotalEntries)
	t.pass.pages = p.Pagination.TotalPages
	t.total = max(t.total, t.pass.total)
	t.pass.barren++
	p.Contacts = slices.DeleteFunc(p.Contacts, func(c Contact) bool {
		key := c.ID
		if key == "" {
			content, _ := wire.Marshal(&c)
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

// more reports whether to ask for the page after this one.
func (t *tally) more(number int) bool {
	promised := t.promises(number + 1)
	switch {
	case !t.short() && (t.pass.number > 1 || t.pass.barren > 0 && !t.untold()):
		return false
	case t.pass.barren > 0:
		return promised && t.pass.barren < maxBarren
	default:
		return promised || t.short()
	}
}

// promises reports whether there should be such a page by the totals.
func (t *tally) promises(number int) bool {
	pages := t.pass.pages
	if t.limit > 0 {
		pages = min(pages, t.pagesOf(t.limit))
	}
	return t.untold() || number <= max(pages, t.pagesOf(t.capped(t.pass.total)))
}

// short reports whether contacts are missing. None are where all that were ever counted
// were found, or one pass found all that were counted during it.
func (t *tally) short() bool {
	return t.found < t.due(t.total) && t.pass.found < t.due(t.pass.total)
}

// untold reports whether total_entries is missing or too small.
func (t *tally) untold() bool { return t.found > t.due(t.total) }

// due is how many contacts there are from the first page on, of so many in all.
func (t *tally) due(total int) int {
	total = t.capped(total)
	if t.first > t.pagesOf(total) {
		return 0
	}
	return total - (t.first-1)*t.size
}

func (t *tally) capped(total int) int {
	if t.limit > 0 {
		return min(total, t.limit)
	}
	return total
}

func (t *tally) pagesOf(entries int) int {
	pages := entries / t.size
	if entries%t.size > 0 {
		pages++
	}
	return pages
}
