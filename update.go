package growthgenius

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// update is one call that updates a record.
type update[T any, P resourceOf[T]] struct {
	ctx      context.Context //nolint:containedctx // of the call, for the function that the engine calls
	caller   caller
	endpoint endpoint
	o        callOptions
	content  match.Row // as sent
	before   match.Row // the record as it was read before the call; nil if it was not
	reads    int       // requests that read the record
	found    *T        // the record as it was read, if it shows that the update was carried out
}

// updateOne sends an update, and returns the record. before is the record as it was read
// before, or nil.
//
// A blind retry could undo what another program has written since. So if an attempt may have
// been carried out, the record is read before the update is sent again.
func updateOne[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, before match.Row, opts []RequestOption) (v *T, err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	u := &update[T, P]{ctx: ctx, caller: c, endpoint: e, before: before, o: applyOptions(opts)}
	raw, err := encodeInput(e.body)
	if err == nil {
		err = wire.Unmarshal(raw, &u.content)
	}
	if err != nil {
		return nil, e.refuse(err)
	}
	u.endpoint.body, u.endpoint.recheck, u.endpoint.leave = raw, u.recheck, u.o.leaving
	ex := c.exchange(ctx, u.endpoint, &u.o, 0)
	record := u.found
	switch {
	case record != nil:
	case ex.err != nil:
		return nil, ex.err
	default:
		if record, err = u.result(ex.res); err != nil {
			return nil, err
		}
	}
	if u.o.capture != nil && u.reads > 0 {
		u.o.capture.Attempts = ex.attempts + u.reads
	}
	return record, nil
}

// errCarriedOut ends the retries of an update that was carried out.
var errCarriedOut = errors.New("the update was carried out")

// recheck decides whether the update may be sent again. It returns nil if the fields that
// were sent are known to be as they were before the first attempt, which began at since.
func (u *update[T, P]) recheck(since time.Time) error {
	now, err := u.read()
	if err != nil {
		return fmt.Errorf("the update may have been carried out, and the record cannot be read now: %w", err)
	}
	differs, exact := differing(u.content, now.row)
	switch untouched := u.untouched(now, since); {
	case exact, len(differs) == 0 && !untouched && now.updatedAt() != "":
		u.found = now.record
		return errCarriedOut
	case len(differs) == 0, untouched: // what is sent again overwrites nothing
		return nil
	}
	at := "the record has no updated_at that shows that it was not changed"
	if text := now.updatedAt(); text != "" {
		at = "the record was updated at " + shownID(u.caller.core.redact.Text(text))
	}
	return fmt.Errorf("%w: %s, and differs in %s; the update was not sent again: get the record, and decide which values are right",
		ErrChangedSince, at, strings.Join(differs, ", "))
}

// untouched reports whether the fields of the update are known to be as they were before its
// first attempt, which began at since.
func (u *update[T, P]) untouched(now current[T], since time.Time) bool {
	if now.cached {
		return false
	}
	if u.before != nil {
		old := match.Row{}
		for field := range u.content {
			old[field] = u.before[field]
		}
		if _, exact := differing(old, now.row); exact {
			return true
		}
	}
	text := now.updatedAt()
	at, ok := match.ParseTime(text)
	if !ok {
		return false
	}
	switch fine := strings.Contains(text, "."); {
	case fine && now.row.Text("created_at") == text:
		return true // it was never updated
	case !fine && at.Second() == 0:
		at = at.Add(time.Minute) // it may be rounded
	case !fine:
		at = at.Add(time.Second)
	}
	return !at.After(u.caller.core.readBack.EarliestStamp(since))
}

// result returns the record of a successful response. It reads the record if the response
// does not have it.
func (u *update[T, P]) result(res *engine.Response) (*T, error) {
	defer res.Release()
	record, err := decodeOne[T, P](u.ctx, u.caller, u.endpoint, res)
	if err == nil {
		u.caller.core.noteStamp(record, res)
		return record, nil
	}
	decode, ok := errors.AsType[*DecodeError](err)
	done := res.Status == http.StatusNoContent
	if !ok || decode.known || !done && (u.o.noRetry || u.caller.core.maxAttempts < 2) {
		return nil, err
	}
	now, readErr := u.read()
	if done && readErr != nil {
		return nil, u.endpoint.refuse(fmt.Errorf("the update was carried out, and the record cannot be read now: %w", readErr))
	}
	// Another response than 204 may be a proxy's, so the record must show the update.
	if readErr == nil {
		if differs, _ := differing(u.content, now.row); done || len(differs) == 0 {
			return now.record, nil
		}
	}
	return nil, err
}

// current is a record as the API has it now.
type current[T any] struct {
	record *T
	row    match.Row
	cached bool // the response is not from the API itself
}

func (c current[T]) updatedAt() string { return c.row.Text("updated_at") }

// read reads the record, with the options of the update, and past all caches.
func (u *update[T, P]) read() (current[T], error) {
	e := endpoint{method: http.MethodGet, route: u.endpoint.route, id: u.endpoint.id, envelope: u.endpoint.envelope}
	o := u.o
	if o.header = o.header.Clone(); o.header == nil {
		o.header = http.Header{}
	}
	o.header.Set("Cache-Control", "no-cache")
	ex := u.caller.exchange(u.ctx, e, &o, 0)
	u.reads += ex.attempts
	if ex.err != nil {
		return current[T]{}, ex.err
	}
	defer ex.res.Release()
	record, err := decodeOne[T, P](u.ctx, u.caller, e, ex.res)
	if err != nil {
		return current[T]{}, err
	}
	return current[T]{record: record, row: rowIn(ex.res, e), cached: ex.res.IsCached()}, nil
}

// differing returns the fields that a record does not have as they were sent, and reports
// whether it has all of them exactly: not merely in other letters or with other spaces. An
// e-mail address and a time may be written in another way.
func differing(content, row match.Row) (fields []string, exact bool) {
	exact = true
	for field, sent := range content {
		if !match.Same(sent, row[field]) {
			fields = append(fields, field)
		}
		exact = exact && match.Exactly(field, sent, row[field])
	}
	slices.Sort(fields)
	return fields, exact && len(fields) == 0
}
