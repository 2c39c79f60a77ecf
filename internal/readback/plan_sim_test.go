package readback_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// plan is all that happens in a history. rapid draws it, and shrinks one that breaks the
// promise. Times are since the first create.
type plan struct {
	resource  string
	policy    readback.Policy
	timeout   time.Duration // of a request
	latency   time.Duration // of each way
	attempts  int
	marker    bool
	loose     bool // equal records of several processes: any of them will do
	server    apiPlan
	processes []processPlan
	creates   []createPlan
	strangers []strangerPlan
	rounds    []roundPlan
}

type processPlan struct {
	offset time.Duration // of its machine's clock, ahead of the bubble's
	warm   bool          // it knows the server's clock from earlier calls
	killed time.Duration // 0 for never
	reads  []readFault
}

type createPlan struct {
	process int
	at      time.Duration
	content content
	fates   []fate
	cancel  time.Duration // after it began; 0 for never
	journal bool
	dies    bool // the process dies when it has stored the token
	deleted bool // the program deletes the record as soon as it knows it
}

// strangerPlan is a record that another program creates.
type strangerPlan struct {
	at      time.Duration
	content content
	edited  time.Duration // 0 for never
}

// roundPlan is when the creates that are unknown are resolved.
type roundPlan struct {
	after     time.Duration
	elsewhere bool // in other processes, or else where they were sent
	other     processPlan
	twice     bool // by two calls at a time
}

func from[T any](values ...T) *rapid.Generator[T] { return rapid.SampledFrom(values) }

const ms, sec = time.Millisecond, time.Second

var (
	chance  = from(0, 1, 2, 3, 4, 5, 6, 7)
	settles = from(5*sec, 2*sec, sec, 10*sec, ms)
	replays = from(0, 0, sec, 5*sec, 8*sec, ms)
	delays  = from(2*ms, 20*ms, 90*ms, 300*ms)
	skews   = from(0, 400*ms, -700*ms, 90*sec+100*ms, -time.Hour, 24*time.Hour+900*ms)
	clocks  = from(0, 0, 0, 0, 3*sec, -3*sec, -9*sec, 9*sec, -100*ms, -20*sec, 20*sec, -5*time.Hour, 9*time.Hour)
	hosts   = from(time.Minute, -time.Minute, 2*time.Minute, -30*time.Minute, 3*sec)
	zones   = from(0, 0, 0, 0, 0, 0, 5*time.Hour, -9*time.Hour)
	grains  = from(ms, ms, ms, ms, ms, sec, time.Minute)
	orders  = from(oldestFirst, newestFirst, byID, byHash)
	texts   = from(kept, kept, kept, kept, escaped, composed, folded, untagged, ascii, visible, cut)
	spans   = from(0, 0, 30*ms, 500*ms, 1500*ms, 3*sec)
	mosts   = from(0, 0, 0, 0, 1, 2, 3, 5)
	offsets = from(0, 2*sec, -2*sec, time.Minute, -time.Minute, 2*time.Minute, -time.Hour)
	others  = from(0, time.Minute, -time.Minute, time.Hour)
	starts  = from(0, 0, 3*ms, 40*ms, 500*ms, 2*sec, 10*sec, 70*sec)
	kills   = from(ms, 15*ms, 50*ms, 150*ms, 700*ms, 3*sec, 8*sec)
	cancels = from(0, 0, 0, 0, ms, 30*ms, 900*ms, 3*sec)
	pauses  = from(0, sec, 10*sec, 2*time.Minute, 20*time.Minute, 30*time.Hour)
	edits   = from(0, 0, 10*ms, sec, 3*sec)
	around  = from(0, -ms, ms, -40*ms, 40*ms, -sec, sec, 3*sec, -5*sec, -15*sec, time.Minute)
	faults  = from(readWell, readWell, readBroken, readLost, readFailed, readRefused)
	users   = from[wire.ID]("1", "1", "1", "2")
	kinds   = from(plain, plain, plain, plain, similar, wider)
	strange = from(stranger, plain, wider, similar)
	fates   = from(lostDone, lostUndone, lostDone, answered, lostLate, hungDone, hungUndone,
		failedDone, failed, refused, unreadable, strict, misnamed, unmade)
	later  = from(lostUndone, answered, lostDone, refused, lostLate, failed)
	counts = from(1, 2, 3, 4, 5)
)

// odds draws whether something happens, which it does in so many of 8 cases.
func odds(rt *rapid.T, name string, of8 int) bool { return chance.Draw(rt, name) >= 8-of8 }

// draw draws a history of a resource.
func draw(rt *rapid.T, resource string) plan {
	p := plan{
		resource: resource, latency: delays.Draw(rt, "latency"),
		timeout: from(sec, 5*sec).Draw(rt, "timeout"), attempts: counts.Draw(rt, "attempts"),
		marker: resource == match.Contact && odds(rt, "marker", 2), loose: odds(rt, "loose", 1),
		policy: readback.Policy{
			Settle: settles.Draw(rt, "settle"), ReplayAfter: replays.Draw(rt, "replay after"),
			Disabled: odds(rt, "disabled", 1),
		},
		server: drawAPI(rt),
	}
	for range from(1, 2, 3).Draw(rt, "processes") {
		p.processes = append(p.processes, drawProcess(rt, offsets))
	}
	for range counts.Draw(rt, "creates") {
		p.creates = append(p.creates, drawCreate(rt, &p))
	}
	for range from(0, 1, 2, 3).Draw(rt, "strangers") {
		s := strangerPlan{at: around.Draw(rt, "stranger at"), edited: edits.Draw(rt, "edited")}
		s.content = p.creates[from(0, 1, 2, 3, 4).Draw(rt, "like")%len(p.creates)].content
		s.content.variant = strange.Draw(rt, "variant")
		p.strangers = append(p.strangers, s)
	}
	for range from(1, 2, 0).Draw(rt, "rounds") {
		p.rounds = append(p.rounds, roundPlan{
			after: pauses.Draw(rt, "after"), elsewhere: odds(rt, "elsewhere", 3),
			other: drawProcess(rt, others), twice: odds(rt, "twice", 1),
		})
	}
	if odds(rt, "tame", 2) {
		p.tame()
	}
	p.keepToThePromise()
	return p
}

// tame leaves nothing that keeps a create from being settled, but what happens to requests.
func (p *plan) tame() {
	p.loose, p.policy.Settle = false, max(p.policy.Settle, sec)
	p.server = apiPlan{
		ahead: p.server.ahead, late: p.server.late, lag: p.server.lag, precision: ms,
		exclusive: p.server.exclusive, shared: p.server.shared,
	}
	for i := range p.processes {
		p.processes[i].killed, p.processes[i].reads = 0, nil
	}
	for i := range p.creates {
		c := &p.creates[i]
		c.cancel, c.dies, c.deleted, c.content.variant = 0, false, false, plain
		c.content.owner, c.content.dated = "", false
	}
}

func drawAPI(rt *rapid.T) apiPlan {
	a := apiPlan{
		ahead: skews.Draw(rt, "server ahead"), records: clocks.Draw(rt, "records ahead"),
		noDate: odds(rt, "no date", 1) && odds(rt, "none", 4), late: spans.Draw(rt, "late"),
		lag: spans.Draw(rt, "lag"), most: mosts.Draw(rt, "most"), order: orders.Draw(rt, "order"),
		exclusive: odds(rt, "exclusive", 4), shared: odds(rt, "shared", 4),
		precision: grains.Draw(rt, "precision"), zone: zones.Draw(rt, "zone"),
		copies: odds(rt, "copies", 4), rewrites: texts.Draw(rt, "rewrites"),
	}
	if odds(rt, "hosts", 1) {
		a.host, a.each = hosts.Draw(rt, "host"), from(2, 2, 3, 7).Draw(rt, "each")
	}
	return a
}

func drawProcess(rt *rapid.T, offsets *rapid.Generator[time.Duration]) processPlan {
	p := processPlan{offset: offsets.Draw(rt, "offset"), warm: odds(rt, "warm", 4)}
	if odds(rt, "killed", 1) {
		p.killed = starts.Draw(rt, "killed with") + kills.Draw(rt, "killed at")
	}
	if odds(rt, "faulty", 1) {
		p.reads = rapid.SliceOfN(faults, 1, 8).Draw(rt, "faults")
	}
	return p
}

func drawCreate(rt *rapid.T, p *plan) createPlan {
	c := createPlan{
		process: from(0, 1, 2).Draw(rt, "process") % len(p.processes), at: starts.Draw(rt, "at"),
		content: content{
			who: from(0, 0, 1, 2).Draw(rt, "who"), variant: kinds.Draw(rt, "variant"),
			user: users.Draw(rt, "user"),
		},
		fates: []fate{fates.Draw(rt, "fate")}, cancel: cancels.Draw(rt, "cancel"),
		journal: odds(rt, "journal", 5), deleted: odds(rt, "deleted", 1),
	}
	if odds(rt, "owned", 1) && odds(rt, "by another", 4) {
		c.content.owner = from[wire.ID]("2", "9").Draw(rt, "owner")
	}
	c.content.dated = p.resource == match.Contact && odds(rt, "dated", 1) && odds(rt, "old", 4)
	c.dies = c.journal && odds(rt, "dies", 1) && odds(rt, "early", 4)
	if p.policy.ReplayAfter > 0 {
		for range from(0, 1, 2).Draw(rt, "repeats") {
			c.fates = append(c.fates, later.Draw(rt, "then"))
		}
	}
	return c
}

func (p *plan) window() time.Duration { return max(p.policy.Settle, p.policy.ReplayAfter) }

// keepToThePromise changes what docs/reliability.md excludes.
func (p *plan) keepToThePromise() {
	p.keepTime()
	p.keepLists()
	p.keepNames()
	for i := range p.creates {
		c := &p.creates[i]
		for n, f := range c.fates { // what the fields of the response cannot tell
			nameless := p.resource == match.Contact && c.content.nameless()
			switch {
			case f == misnamed && nameless:
				c.fates[n] = unreadable
			case f == unmade && nameless:
				c.fates[n] = failed
			}
		}
	}
}

// keepTime makes the API show what it commits within the window after which absence means
// something. Without ReplayAfter nothing means it before the first round.
func (p *plan) keepTime() {
	w := p.window()
	switch {
	case w < sec:
		p.server.late, p.server.lag = 0, 0
		for i := range p.creates {
			p.creates[i].cancel = 0
		}
	case p.policy.ReplayAfter > 0 || p.server.late < 3*sec || len(p.rounds) == 0:
		budget := (w*7/10 - 2*p.latency) / 2
		p.server.late, p.server.lag = min(p.server.late, budget), min(p.server.lag, budget)
	default:
		p.server.late *= 10
		p.rounds[0].after = max(p.rounds[0].after, time.Minute)
	}
	if len(p.rounds) > 0 {
		p.rounds[0].after = max(p.rounds[0].after, sec) // requests arrive
	}
	for i := range p.rounds { // a machine whose clock is not known may be 30 s slow
		for _, proc := range p.processes {
			if other := &p.rounds[i].other; !proc.warm {
				other.offset = min(other.offset, proc.offset+20*sec)
			}
		}
	}
}

// keepLists makes a list that is cut short one in which that can be seen: a cut between
// records of almost the same time escapes.
func (p *plan) keepLists() {
	if p.server.most == 0 {
		return
	}
	p.server.precision = ms
	for i := range p.strangers {
		p.strangers[i].at -= time.Duration(i) * 7 * ms
	}
}

// keepNames makes what cannot be told apart different: without a marker that are equal
// records of several processes, and those that others make at about the same time.
func (p *plan) keepNames() {
	for i := range p.creates { // another process may be given a record that is deleted then
		p.creates[i].deleted = p.creates[i].deleted && !p.loose
	}
	if p.marker || p.loose {
		return
	}
	spread, number := time.Duration(0), map[int]int{}
	for _, proc := range p.processes {
		for _, r := range p.rounds {
			spread = max(spread, (proc.offset - r.other.offset).Abs())
		}
	}
	for i := range p.creates {
		c := &p.creates[i]
		c.content.who += 9 * c.process
		if p.mortal(c.process) { // its creates are resolved elsewhere
			c.content.who = 9*c.process + 3 + number[c.process]
			number[c.process]++
		}
	}
	margin := 5*sec + p.server.records.Abs() + spread + p.server.host.Abs() + p.server.zone.Abs() + p.server.precision
	for i := range p.strangers {
		s := &p.strangers[i]
		s.content.who = p.creates[i%len(p.creates)].content.who
		if s.content.variant != stranger {
			s.at = min(s.at, 0) - margin
			if p.resource == match.Message || s.content.dated { // the window has to do
				s.edited = 0
			}
		}
	}
}

// mortal reports whether a process may die before its creates have returned.
func (p *plan) mortal(n int) bool {
	for _, c := range p.creates {
		if c.process == n && c.dies {
			return true
		}
	}
	return p.processes[n].killed > 0
}

// alone reports whether no other create is about the same contact.
func (p *plan) alone(n int) bool {
	for i, c := range p.creates {
		if i != n && c.content.who == p.creates[n].content.who {
			return false
		}
	}
	return true
}
