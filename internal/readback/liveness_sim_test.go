package readback_test

import "testing"

// counter counts the creates that can be settled in some way, and those that were.
type counter struct{ can, were int }

func (c *counter) add(was bool) {
	c.can++
	if was {
		c.were++
	}
}

// counters count how often creates are settled that can be: by an honest API, without equal
// records of other programs, and in a process that lives and lets them take their time.
type counters struct {
	found    counter // carried out, response lost: the call that creates finds the record
	twins    counter // the same, of several equal creates
	resolved counter // carried out, and found by Resolve at the latest
	absent   counter // not carried out, and called absent by Resolve
	repeated counter // not carried out, sent again after absence, and created
	across   counter // carried out, and found by Resolve in another process
}

// check fails if less is settled than should be.
func (c *counters) check(t *testing.T) {
	t.Helper()
	for name, c := range map[string]struct {
		counter
		permille int
	}{
		"found": {c.found, 999}, "twins": {c.twins, 900}, "resolved": {c.resolved, 999},
		"absent": {c.absent, 990}, "repeated": {c.repeated, 990}, "across": {c.across, 900},
	} {
		t.Logf("%s: %d of %d", name, c.were, c.can)
		if c.were*1000 < c.can*c.permille {
			t.Errorf("%s: %d of %d, want %d in a thousand", name, c.were, c.can, c.permille)
		}
	}
}

// count adds the creates of a history to the counters.
func (h *history) count(to *counters) {
	api := h.server
	if h.loose || h.window() < sec || api.noDate || api.most > 0 || api.records != 0 || api.late > 3*sec ||
		api.each > 0 || api.zone != 0 || api.precision > ms || api.rewrites != kept {
		return
	}
	for n, c := range h.calls {
		if !h.countable(n) {
			continue
		}
		alone, commits := h.alone(n) || h.marker, h.api.commits[n]
		lost := c.fates[0].carriedOut() && c.fates[0] != answered && c.fates[0] != strict
		undone := c.fates[0] == lostUndone || c.fates[0] == hungUndone || c.fates[0] == failed
		switch {
		case h.policy.Disabled:
		case lost && alone:
			to.found.add(c.first == created)
		case lost && h.sure(n):
			to.twins.add(c.first == created)
		case undone && alone && h.clear(n) && h.policy.ReplayAfter > 0 && h.attempts > 1 && len(c.fates) == 1:
			to.repeated.add(c.first == created)
		}
		if len(h.rounds) == 0 || c.first != open {
			continue
		}
		switch last := h.rounds[0]; {
		case !alone:
		case commits > 0 && !last.elsewhere:
			to.resolved.add(c.status == created)
		case commits > 0 && last.other.warm && len(last.other.reads) == 0:
			to.across.add(c.status == created)
		case commits == 0 && h.clear(n) && !last.elsewhere && c.fates[0] != unmade:
			to.absent.add(c.status == absent)
		}
	}
}

// countable reports whether nothing keeps a create from being settled.
func (h *history) countable(n int) bool {
	c, proc := h.creates[n], h.plan.processes[h.creates[n].process]
	if c.content.owner != "" || c.content.dated || h.mortal(c.process) || len(proc.reads) > 0 || c.cancel > 0 {
		return false
	}
	for _, other := range h.creates {
		if other.deleted { // the next record may get the id
			return false
		}
		if other.content.who == c.content.who && (other.content != c.content || other.cancel > 0) {
			return false
		}
	}
	return true
}

// sure reports whether all creates that are equal to one were carried out.
func (h *history) sure(n int) bool {
	for i, c := range h.creates {
		if c.content == h.creates[n].content && (h.api.commits[i] == 0 || c.fates[0] == strict) {
			return false
		}
	}
	return true
}

// clear reports whether no other program has made a record that is like a create.
func (h *history) clear(n int) bool {
	for _, s := range h.strangers {
		if s.content.who == h.creates[n].content.who {
			return false
		}
	}
	return true
}
