package readback_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestFoundHistories runs again the histories that once broke the promise. How they go depends on
// the scheduler, so each runs a few times.
func TestFoundHistories(t *testing.T) {
	t.Parallel()
	for seed, what := range map[string]string{
		"5440152": "an equal create was given the only record that the list showed, before the clock of the records was known: the other is not absent",
	} {
		for range 4 {
			again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPromise$", "-rapid.seed="+seed, "-histories=2")
			if out, err := again.CombinedOutput(); err != nil {
				t.Errorf("seed %s (%s): %v\n%s", seed, what, err, out)
			}
		}
	}
}

// TestPromise runs histories of programs that create records through an API that loses
// responses, and holds what they are told against what the API has done:
//
//   - there are never more records than creates,
//   - a create that was carried out, or still will be, is never called absent or failed,
//   - a record is given to one create, which made it or is equal to the one that did.
//
// A package that always gives up would pass all that, so the test also counts how often a
// create is settled that can be.
func TestPromise(t *testing.T) {
	t.Parallel()
	for _, resource := range resources {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			var count counters
			rapid.Check(t, func(rt *rapid.T) {
				plan := draw(rt, resource)
				if violations := plan.run(t, &count); len(violations) > 0 {
					rt.Fatalf("%s\n%+v", strings.Join(violations, "\n"), plan)
				}
			})
			count.check(t)
		})
	}
}

// history is one run of a plan.
type history struct {
	plan
	api        *api
	began      time.Time
	processes  []*process
	successors []*process // of those that died
	calls      []*call

	mu         sync.Mutex // guards violations and pending
	violations []string
	pending    sync.WaitGroup // what happens later
}

// run runs a history in a bubble, and returns how it breaks the promise.
func (p *plan) run(t *testing.T, count *counters) []string {
	t.Helper()
	h := &history{plan: *p}
	synctest.Test(t, func(*testing.T) {
		h.prepare()
		h.createAll()
		for _, r := range p.rounds {
			h.resolveAll(r)
		}
		for _, proc := range h.processes {
			proc.kill()
		}
		h.pending.Wait()
	})
	h.audit()
	h.count(count)
	return h.violations
}

func (h *history) violated(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violations = append(h.violations, fmt.Sprintf(format, args...))
}

// at runs f at a time since the first create.
func (h *history) at(d time.Duration, f func()) { h.later(time.Until(h.began.Add(d)), f) }

func (h *history) later(d time.Duration, f func()) {
	h.pending.Add(1)
	time.AfterFunc(d, func() {
		defer h.pending.Done()
		f()
	})
}

func (h *history) prepare() {
	h.api = &api{apiPlan: h.server, resource: h.resource, commits: make([]int, len(h.creates))}
	h.began = time.Now().Add(time.Second)
	for _, p := range h.plan.processes {
		proc := h.start(p)
		h.processes = append(h.processes, proc)
		if p.killed > 0 {
			h.at(p.killed, proc.kill)
		}
	}
	h.successors = make([]*process, len(h.processes))
	for _, s := range h.strangers {
		if s.at > 0 {
			h.at(s.at, func() { h.api.commit(s.content, -1) })
			continue
		}
		h.api.mu.Lock()
		r := h.api.store(s.content, -1, h.api.at(h.began.Add(s.at)))
		r.shown = h.began
		h.api.mu.Unlock()
		if s.edited > 0 {
			h.at(s.edited, func() { h.api.edit(r) })
		}
	}
}

// createAll runs the creates to their ends.
func (h *history) createAll() {
	var wg sync.WaitGroup
	for n, c := range h.creates {
		call := &call{createPlan: c, n: n, owner: h.processes[c.process]}
		h.calls = append(h.calls, call)
		wg.Go(func() {
			if sleep(call.owner.ctx, time.Until(h.began.Add(c.at))) == nil {
				call.create(call.owner)
			}
		})
	}
	wg.Wait()
}

// resolveAll resolves what is unknown.
func (h *history) resolveAll(r roundPlan) {
	time.Sleep(r.after)
	var wg sync.WaitGroup
	fresh := map[*process]*process{}
	for n, c := range h.calls {
		proc := c.owner
		switch {
		case proc.ctx.Err() != nil:
			if h.successors[c.process] == nil {
				h.successors[c.process] = h.start(r.other)
			}
			proc = h.successors[c.process]
		case r.elsewhere && (h.marker || h.loose || h.alone(n)):
			if fresh[proc] == nil {
				fresh[proc] = h.start(r.other)
			}
			proc = fresh[proc]
		}
		wg.Go(func() { c.resolve(proc) })
		if r.twice {
			wg.Go(func() { c.resolve(proc) })
		}
	}
	wg.Wait()
}

// audit holds what the creates were told against the records.
func (h *history) audit() {
	type group struct{ creates, commits, denied int }
	groups := map[content]*group{}
	given := map[*record]int{}
	for n, c := range h.calls {
		key := c.content
		switch {
		case h.marker:
			key.marker = fmt.Sprint(n)
		case h.loose: // one may be given the record of another that is similar
			key = content{who: c.content.who}
		}
		g := groups[key]
		if g == nil {
			g = &group{}
			groups[key] = g
		}
		g.creates++
		g.commits += h.api.commits[n]
		if c.status == absent || c.status == refusal {
			g.denied++
		}
		if c.status != created {
			continue
		}
		given[c.record]++
		if given[c.record] > 1 && !h.loose {
			h.violated("record %s was given to %d creates", c.record.id, given[c.record])
		}
		maker := c.record.maker
		switch {
		case c.record.content.who != c.content.who:
			h.violated("create %d was given record %s, which is not like it", n, c.record.id)
		case h.loose:
		case maker < 0:
			h.violated("create %d was given record %s of another program", n, c.record.id)
		case maker != n && (h.marker || h.creates[maker].content != c.content):
			h.violated("create %d was given record %s of create %d", n, c.record.id, maker)
		}
	}
	for key, g := range groups {
		if g.commits > g.creates {
			h.violated("%d records for %d creates of %+v", g.commits, g.creates, key)
		}
		if g.denied > g.creates-g.commits {
			h.violated("%d of %d creates of %+v are called absent, and %d records were made", g.denied, g.creates, key, g.commits)
		}
	}
}
