package readback_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// fate is what happens to one request of a create.
type fate int

const (
	lostDone   fate = iota // carried out, and the connection breaks before the response
	answered               // carried out, and answered
	lostUndone             // the connection breaks before it is carried out
	lostLate               // the connection breaks, and it is carried out later
	hungDone               // carried out, and no response within the timeout
	hungUndone             // the timeout, and not carried out
	failedDone             // carried out, and answered with a 503
	failed                 // answered with a 503
	refused                // answered with a 422
	unreadable             // carried out, and answered with what cannot be read
	strict                 // carried out, and strict decoding refuses the response
	misnamed               // carried out, and answered with another record
	unmade                 // answered with another record, and not carried out
)

// carriedOut reports whether a request makes a record.
func (f fate) carriedOut() bool {
	switch f {
	case lostUndone, hungUndone, failed, refused, unmade:
		return false
	}
	return true
}

// readFault is what happens to one read of a list.
type readFault int

const (
	readWell    readFault = iota
	readBroken            // the body breaks off after some rows
	readLost              // no response
	readFailed            // answered with a 503
	readRefused           // answered with a 403
)

var (
	errLost    = errors.New("connection reset")
	errFailed  = errors.New("503")
	errRefused = errors.New("422")
	errOther   = errors.New("another record")
	errRead    = errors.New("the list cannot be read")
)

// process is one run of a program: it has a Tracker of its own, and the clock of its machine.
type process struct {
	*history
	tracker *readback.Tracker
	offset  time.Duration // of the machine's clock, ahead of the bubble's
	faults  []readFault
	ctx     context.Context
	kill    context.CancelFunc

	mu    sync.Mutex // guards reads
	reads int
}

func (h *history) start(p processPlan) *process {
	proc := &process{history: h, offset: p.offset, faults: p.reads}
	proc.tracker = readback.New(readback.Config{
		Policy: h.policy, AttemptTimeout: h.timeout, Lists: proc,
	})
	proc.ctx, proc.kill = context.WithCancel(context.Background())
	if p.warm {
		proc.observe(time.Now())
	}
	return proc
}

func (p *process) observe(sent time.Time) {
	if !p.api.noDate {
		p.tracker.Clock().Observe(sent, time.Now(), p.api.date())
	}
}

// Read reads a list of the simulated API.
func (p *process) Read(ctx context.Context, l readback.List, from, to time.Time, use func(match.Row)) error {
	p.mu.Lock()
	n := p.reads
	p.reads++
	p.mu.Unlock()
	fault := readWell
	if n < len(p.faults) {
		fault = p.faults[n]
	}
	sent := time.Now()
	if err := sleep(ctx, p.latency); err != nil {
		return err
	}
	rows := p.api.list(l.User, from, to)
	if err := sleep(ctx, p.latency); err != nil {
		return err
	}
	if fault == readLost {
		return errLost
	}
	p.observe(sent)
	switch fault {
	case readFailed:
		return &readback.ReadError{Err: errFailed}
	case readRefused:
		return &readback.ReadError{Err: errRefused, Final: true}
	case readBroken:
		rows = rows[:len(rows)/2]
	}
	for _, row := range rows {
		use(row)
	}
	if fault == readBroken {
		return &readback.ReadError{Err: errLost, Again: true}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// status is what the program knows of a create.
type status int

const (
	unsent status = iota // the process died before
	open                 // unknown
	created
	absent
	refusal // a plain failure
)

// call is a create of a history.
type call struct {
	createPlan
	n     int
	owner *process // that sends it

	mu     sync.Mutex // guards what follows
	status status
	first  status  // when the call that creates had returned
	record *record // if created
	token  []byte  // as the journal has it, by the true time
}

// told stores what a call of the process returned for the create. A process that has died
// tells nothing.
func (c *call) told(p *process, id wire.ID, err error) {
	if p.ctx.Err() != nil {
		return
	}
	unknown, isUnknown := errors.AsType[*readback.UnknownError](err)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		switch r := p.api.find(id); {
		case c.record != nil && c.record == r:
		case r == nil:
			p.violated("create %d: there is no record %q", c.n, id)
		case c.record != nil:
			p.violated("create %d: it is record %s, and then %s", c.n, c.record.id, id)
		default:
			c.status, c.record = created, r
		}
	case isUnknown:
		c.token = p.export(unknown.Token)
		if c.status == unsent {
			c.status = open
		}
	case errors.Is(err, readback.ErrAbsent):
		if c.status == created {
			p.violated("create %d: it is a record, and then absent", c.n)
		}
		c.status = absent
	case errors.Is(err, readback.ErrUnderWay):
	case errors.Is(err, errRefused):
		c.status = refusal
	default:
		p.violated("create %d: %v", c.n, err)
	}
}

// export encodes a token by the clock of the process's machine, and returns it by the clock
// of the bubble. import does the opposite.
func (p *process) export(token readback.Token) []byte {
	text, err := json.Marshal(shifted(token, p.offset))
	if err != nil {
		panic(err)
	}
	return text
}

func (p *process) read(text []byte) readback.Token {
	var token readback.Token
	if err := json.Unmarshal(text, &token); err != nil {
		panic(err)
	}
	if err := token.Check(); err != nil {
		panic(err)
	}
	return shifted(token, -p.offset)
}

// shifted returns a token by a clock that is ahead of that of the token. The machines of the
// processes have different clocks, but those of one bubble are the same: so tokens are
// converted on their way from one to another.
func shifted(token readback.Token, by time.Duration) readback.Token {
	token.Started = token.Started.Add(by)
	if !token.Ended.IsZero() {
		token.Ended = token.Ended.Add(by)
	}
	if !token.Since.IsZero() {
		token.Since = token.Since.Add(by)
	}
	for _, at := range []**[2]time.Duration{&token.Ahead, &token.Stamps} {
		if was := *at; was != nil {
			*at = &[2]time.Duration{was[0] - by, was[1] - by}
		}
	}
	return token
}

// create runs a create of a process.
func (c *call) create(p *process) {
	ctx := p.ctx
	if c.cancel > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cancel)
		defer cancel()
	}
	sent := c.content
	if p.marker {
		sent.marker = "gg-0123456789abcdef-" + string(rune('a'+c.n))
	}
	token := p.tracker.NewToken(p.resource, sent.user, sent.json(p.resource))
	if p.marker {
		token.MarkerField, token.Marker = "custom9", sent.marker
	}
	var answer readback.Answer
	creation := readback.Creation{
		Token: token, List: readback.List{Route: "/records"},
		Send: func(ctx context.Context, requests int, leave func() error) readback.Answer {
			answer = readback.Answer{Sent: requests}
			if answer.Err = leave(); answer.Err == nil {
				answer = c.send(ctx, p, sent, requests)
			}
			return answer
		},
		MayRepeat: func(requests int) bool { return requests < p.attempts },
	}
	if c.journal {
		creation.HandOver = func(token readback.Token) error {
			c.mu.Lock()
			c.token, c.status = p.export(token), open
			c.mu.Unlock()
			if c.dies {
				p.kill()
				return errLost
			}
			return nil
		}
	}
	row, err := p.tracker.Create(ctx, creation)
	if row != nil {
		c.told(p, row.ID(), err)
	} else {
		c.told(p, answer.ID, err)
	}
	c.mu.Lock()
	c.first = c.status
	c.mu.Unlock()
	c.discard(p)
}

// discard deletes the record as soon as it is known, if the plan says so.
func (c *call) discard(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deleted && c.status == created {
		p.api.remove(c.record.id)
		p.tracker.Deleted(p.resource, c.record.id)
	}
}

// send sends one request of a create.
func (c *call) send(ctx context.Context, p *process, sent content, requests int) readback.Answer {
	what := answered
	if requests < len(c.fates) {
		what = c.fates[requests]
	}
	var made atomic.Pointer[record]
	if what.carriedOut() {
		delay := p.latency
		if what == lostLate {
			delay += p.api.late
		}
		p.later(delay, func() { made.Store(p.api.commit(sent, c.n)) })
	}
	began, wait := time.Now(), 2*p.latency
	if what == hungDone || what == hungUndone {
		wait = p.timeout
	}
	answer := readback.Answer{Err: errLost, Ambiguous: true, Sent: requests + 1}
	if err := sleep(ctx, wait); err != nil {
		answer.Err = errs.WithContext(errLost, err)
		return answer
	}
	switch what {
	case lostDone, lostUndone, lostLate, hungDone, hungUndone:
		return answer
	}
	p.observe(began)
	other := func() error { return errOther }
	switch what {
	case refused:
		answer.Err, answer.Ambiguous = errRefused, false
	case strict:
		answer.Err, answer.Settled = errFailed, true
	case answered:
		r := made.Load()
		return readback.Answer{ID: r.id, Row: p.api.rowOf(r), Other: other, Sent: requests + 1}
	case misnamed, unmade:
		shown := sent // the commit reads sent later
		shown.who = 99
		made := p.api.now().Add(-time.Minute)
		return readback.Answer{ID: "7", Row: p.api.row(shown, "7", made, made), Other: other, Sent: requests + 1}
	default:
		answer.Err = errFailed
	}
	return answer
}

// resolve asks for the outcome of a create that is not known yet.
func (c *call) resolve(p *process) {
	c.mu.Lock()
	text, status := c.token, c.status
	c.mu.Unlock()
	if status != open || text == nil {
		return
	}
	token := p.read(text)
	if id, ok := p.tracker.Outcome(token); ok {
		c.told(p, id, nil)
		return
	}
	row, err := p.tracker.Resolve(p.ctx, token, readback.List{Route: "/records"})
	c.told(p, row.ID(), err)
}
