package bulk

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// Outcome is what became of a unit of a job, such as a row.
type Outcome string

// Progress is how far a job has come.
type Progress struct {
	// Started is when the job began.
	Started time.Time
	// Total is how many units there are, as far as the job knows: Final reports whether there
	// may be no more.
	Total int
	Final bool
	// Done is how many units are done, and Counts how many have which outcome. The counts
	// add up to Done.
	Done   int
	Counts map[Outcome]int
	// Rate is how many units were done per second lately, without pauses.
	Rate float64
	// Left is how long the rest will take, or negative if that is not known yet. It knows the
	// pause that the API has asked for, and the rate that the limiter allows.
	Left time.Duration
	// Waiting is what holds the job back at the moment, such as "paused by the server until
	// 15:04:05", or "" if nothing does.
	Waiting string
}

// String returns the progress in one line.
func (p Progress) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of ", grouped(p.Done))
	if !p.Final {
		b.WriteString("at least ")
	}
	b.WriteString(grouped(p.Total))
	if p.Final && p.Total > 0 {
		fmt.Fprintf(&b, " (%d%%)", p.Done*100/p.Total)
	}
	separator := ": "
	for _, outcome := range slices.Sorted(maps.Keys(p.Counts)) {
		fmt.Fprintf(&b, "%s%s %s", separator, grouped(p.Counts[outcome]), outcome)
		separator = ", "
	}
	if p.Rate > 0 {
		fmt.Fprintf(&b, "; %s/s", short(p.Rate))
	}
	if p.Left > 0 {
		fmt.Fprintf(&b, "; %s left", max(p.Left.Round(time.Second), time.Second))
	}
	if p.Waiting != "" {
		b.WriteString("; " + p.Waiting)
	}
	return b.String()
}

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// short writes a rate with about two digits.
func short(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'g', 2, 64)
	}
	return grouped(int(rate + .5))
}

// meter measures the progress of a job. Its methods may be called on any goroutine.
type meter struct {
	pace   func() growthgenius.Pace
	before time.Duration // how long pauses had lasted when the job began

	mu      sync.Mutex // guards the fields below
	known   Progress   // what is counted
	ended   *Progress  // the last progress of a job that has ended
	costly  int        // how many units need requests, or -1 if that is not known
	paid    int        // how many of those are done
	calls   int        // how many requests they needed
	phase   string     // what the job does that is not counted in units
	begun   time.Duration
	outside time.Duration // how long phases have lasted
	samples []sample
	step    time.Duration // between the samples
}

// sample is how far a job had come.
type sample struct {
	active      time.Duration // since the start, without pauses and phases
	done, calls int
}

const (
	// maxSamples bounds the samples of a meter: when there are more, every other one is dropped.
	maxSamples = 128
	firstStep  = 20 * time.Millisecond
	// minCalls is how many requests tell how long the rest takes.
	minCalls = 8
	// fewUnits are too few for a rate.
	fewUnits = 32
	// limitShare is how near to the limit a rate is that is held back by it.
	limitShare = 0.87
)

// newMeter returns the meter of a job that begins now.
func newMeter(c *growthgenius.Client) *meter {
	return &meter{
		pace: c.Pace, before: c.Pace().Paused, costly: -1, samples: []sample{{}}, step: firstStep,
		known: Progress{Started: time.Now(), Counts: map[Outcome]int{}},
	}
}

// expect sets how many units there are, as far as is known.
func (m *meter) expect(total int, final bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.Total, m.known.Final = total, final
}

// cost sets how many of all units need requests. If it is not called, as many of the rest are
// taken to need some as of those that are done.
func (m *meter) cost(units int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.costly = units
}

// during sets what the job does that is not counted in units, such as reading a list. "" ends it.
// Its time does not count.
func (m *meter) during(phase string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	active := m.active(m.pace())
	m.outside += m.running(m.pace()) - active
	m.phase, m.begun = phase, active
}

// done counts a unit that needed so many requests.
func (m *meter) done(outcome Outcome, calls int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.Done++
	m.known.Counts[outcome]++
	m.calls += calls
	if calls > 0 {
		m.paid++
	}
	active := m.active(m.pace())
	if active-m.samples[len(m.samples)-1].active < m.step {
		return
	}
	m.samples = append(m.samples, sample{active, m.known.Done, m.calls})
	if len(m.samples) == maxSamples {
		for i := range maxSamples / 2 {
			m.samples[i] = m.samples[2*i]
		}
		m.samples = m.samples[:maxSamples/2]
		m.step *= 2
	}
}

// end keeps the progress as it is now.
func (m *meter) end() {
	p := m.progress()
	p.Waiting = ""
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = &p
}

// progress returns how far the job has come.
func (m *meter) progress() Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	pace := m.pace()
	if m.ended != nil {
		p := *m.ended
		p.Counts = maps.Clone(p.Counts)
		return p
	}
	p := m.known
	p.Counts = maps.Clone(p.Counts)
	active := m.active(pace)
	calls, units := m.recent(active, active/4, fewUnits)
	p.Rate = units
	now, _ := m.recent(active, 0, minCalls)
	limited := pace.PerSecond > 0 && max(calls, now) > limitShare*pace.PerSecond
	if limited {
		calls = pace.PerSecond
	}
	pause := max(0, time.Until(pace.PausedUntil))
	if p.Left = m.left(calls, units); p.Left > 0 {
		p.Left += pause
	}
	switch {
	case pause > 0:
		p.Waiting = "paused by the server until " + pace.PausedUntil.Format(time.TimeOnly)
	case m.phase != "":
		p.Waiting = m.phase
	case limited:
		p.Waiting = "held to " + short(pace.PerSecond) + "/s by the rate limit"
	}
	return p
}

// recent returns how many requests and units per second there were in the last part of the run,
// which has so much time and so many requests at least.
func (m *meter) recent(active, least time.Duration, few int) (calls, units float64) {
	last := m.samples[0]
	for _, s := range m.samples {
		if active-s.active >= least && m.calls-s.calls >= min(few, m.calls) {
			last = s
		}
	}
	if active == last.active {
		return 0, 0
	}
	seconds := (active - last.active).Seconds()
	return float64(m.calls-last.calls) / seconds, float64(m.known.Done-last.done) / seconds
}

// left returns how long the rest takes without a pause, or -1 if that is not known yet. calls and
// units are how many are done per second.
func (m *meter) left(calls, units float64) time.Duration {
	rest := m.known.Total - m.known.Done
	costly := float64(m.costly - m.paid)
	if m.costly < 0 {
		costly = float64(rest*m.paid) / float64(max(1, m.known.Done))
	}
	seconds := -1.0
	switch {
	case !m.known.Final:
	case rest == 0, costly == 0 && m.costly >= 0:
		return 0
	case m.calls >= minCalls && calls > 0:
		seconds = costly * float64(m.calls) / float64(m.paid) / calls
	case m.costly < 0 && units > 0:
		seconds = float64(rest) / units
	}
	return time.Duration(seconds * float64(time.Second))
}

// running returns how long the job has run, without pauses and the phases before this one.
func (m *meter) running(pace growthgenius.Pace) time.Duration {
	return time.Since(m.known.Started) - (pace.Paused - m.before) - m.outside
}

// active is running without this phase.
func (m *meter) active(pace growthgenius.Pace) time.Duration {
	if m.phase != "" {
		return m.begun
	}
	return m.running(pace)
}
