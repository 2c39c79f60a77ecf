// Package readback finds out what became of a create whose response was lost.
//
// The API has no idempotency keys: a create that is sent again may make a second record, and
// one that is not may be reported as failed although its record exists. So a create without
// a usable response is looked for in the list of recent updates. That list is the API's own
// record (search is an index, and may lag), and all creates that wait for it share its reads.
//
// Recognizing a record is a guess that must be safe, and absence is a proof: a record is
// called absent only if every row that was shown is known to be something else, and if the
// list has been shown to be complete.
//
// The package knows nothing of HTTP. It reads lists through the interface Lists, and it
// knows the server's clock from what Clock.Observe is told.
package readback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

var (
	// ErrAbsent means that a create did not happen.
	ErrAbsent = errors.New("a complete list does not have the record, so the create did not happen: it may be sent again")
	// ErrUnderWay means that the call that creates has not returned yet.
	ErrUnderWay = errors.New("the call that creates it has not returned yet: wait for that call")
)

// UnknownError is the error of a create whose outcome could not be determined.
type UnknownError struct {
	Token Token // resolves it later
	// Last is why the create had no usable response or, if Resolve returns the error, why
	// the lists did not settle it.
	Last error
	// Lists is why the lists did not settle a create that Create looked for; else nil.
	Lists error
}

// Error returns why the outcome is not known.
func (e *UnknownError) Error() string { return fmt.Sprintf("outcome unknown: %v", e.Last) }

// Creation is a create that is to be sent.
type Creation struct {
	Token Token
	List  List // to look for it in
	// HandOver is called with the token when the first request is about to leave; nil for
	// none. If it fails or panics, nothing is sent.
	HandOver func(Token) error
	// Send sends the create. Earlier calls sent so many requests. It calls leave right before
	// each request, after all waits, and sends nothing if that returns an error.
	Send func(ctx context.Context, sent int, leave func() error) Answer
	// MayRepeat reports whether an absent create may be sent again, by the number of
	// requests so far. It is called last, and may take from a budget.
	MayRepeat func(sent int) bool
}

// Answer is what came of sending a create.
type Answer struct {
	ID        wire.ID      // of the record in the response
	Row       match.Row    // the record as the response has it
	Err       error        // nil if a record came
	Other     func() error // returns the error to use if the record is another one
	Ambiguous bool         // the create may have been carried out although Err is not nil
	Settled   bool         // do not look for it: only strict decoding refused the response
	Sent      int          // requests so far, with those of earlier calls
}

// Create sends a create and finds out what became of it. It returns a row if a list showed
// the record, and a nil row if the record is that of the response.
//
// If the create certainly did not happen, the error is the one of Send or HandOver.
// Otherwise it is *UnknownError.
func (t *Tracker) Create(ctx context.Context, c Creation) (match.Row, error) {
	p, err := t.begin(c.Token, c.List)
	if err != nil {
		return nil, err
	}
	defer t.abandon(p)
	var refusal error
	leave := func() error {
		refusal = t.leave(p, c)
		return refusal
	}
	for sent, ambiguous := 0, false; ; {
		began := time.Now()
		answer := c.Send(ctx, sent, leave)
		sent = answer.Sent
		if refusal != nil {
			return nil, refusal
		}
		t.returned(p, began)
		row, err := t.accept(ctx, p, answer)
		if err == nil {
			return row, nil
		}
		unclear := answer.Ambiguous || answer.Err == nil // or it names another record
		if ambiguous = ambiguous || unclear; !ambiguous {
			t.drop(p)
			return nil, err
		}
		t.sent(p)
		since := time.Now()
		var v verdict
		if ctx.Err() == nil && !t.policy.Disabled && !answer.Settled {
			t.log(ctx, slog.LevelWarn, "no usable response to a create, looking for its record", methodPost, c.List,
				slog.String("error", t.text(err)))
			v = t.look(ctx, p, t.policy.ReplayAfter > 0)
		}
		switch {
		case v.finding == found:
			t.logFound(ctx, p, since, slog.String("error", t.text(err)))
			return v.row, nil
		case unclear && v.finding == absent && t.policy.ReplayAfter > 0 && ctx.Err() == nil && c.MayRepeat(sent):
			t.log(ctx, slog.LevelWarn, "a complete list does not have the record, creating it again", methodPost, c.List,
				slog.String("error", t.text(err)))
			t.tell(ctx, c.List, Repeated, since)
			t.sending(p)
		default:
			return nil, t.unknown(ctx, p, since, v.seen, &UnknownError{Last: err, Lists: v.last})
		}
	}
}

// leave notes that a request of a create is about to leave. If it is the first one, it passes
// the token to the caller, if it wants to have it.
func (t *Tracker) leave(p *pending, c Creation) error {
	token, first := t.left(p)
	if !first || c.HandOver == nil {
		return nil
	}
	accepted := false
	defer func() {
		if !accepted {
			t.drop(p)
		}
	}()
	err := c.HandOver(token)
	accepted = err == nil
	return err
}

// accept settles a create by the record in its response. It returns an error if there is
// none, or if the record is another one. If the record seems to have existed before, the
// list may show another one, whose row accept returns.
func (t *Tracker) accept(ctx context.Context, p *pending, answer Answer) (match.Row, error) {
	if answer.Err != nil {
		return nil, answer.Err
	}
	received := time.Now()
	if t.doubtful(p, answer) && ctx.Err() == nil && !t.policy.Disabled {
		t.sent(p)
		if v := t.look(ctx, p, false); v.finding == found {
			return v.row, nil
		}
	}
	if !t.answered(p, answer, received) {
		return nil, answer.Other()
	}
	return nil, nil //nolint:nilnil // the caller has the record already
}

// Resolve finds out what became of an earlier create. It waits out what is left of the
// settle window. The error is ErrAbsent, ErrUnderWay or *UnknownError, or else the token cannot
// be read.
func (t *Tracker) Resolve(ctx context.Context, token Token, l List) (match.Row, error) {
	p, err := t.adopt(token, l)
	if err != nil {
		if errors.Is(err, ErrUnderWay) {
			t.log(ctx, slog.LevelWarn, outcomeUnknown, methodPost, l, slog.String("reason", err.Error()))
			t.tell(ctx, l, Unknown, time.Now())
		}
		return nil, err
	}
	since := time.Now()
	switch v := t.look(ctx, p, true); v.finding {
	case found:
		t.logFound(ctx, p, since)
		return v.row, nil
	case absent:
		t.log(ctx, slog.LevelInfo, "the create did not happen", methodPost, l, duration(since))
		t.tell(ctx, l, Absent, since)
		t.drop(p)
		return nil, ErrAbsent
	default:
		return nil, t.unknown(ctx, p, since, v.seen, &UnknownError{Last: v.last})
	}
}

const outcomeUnknown = "outcome unknown"

// unknown parks a create about which nothing could be found out, and returns the error with
// its token.
func (t *Tracker) unknown(ctx context.Context, p *pending, since time.Time, seen []wire.ID, e *UnknownError) error {
	attrs := []slog.Attr{slog.String("reason", t.text(e.Last))}
	if e.Lists != nil {
		attrs = append(attrs, slog.String("lists", t.text(e.Lists)))
	}
	t.log(ctx, slog.LevelWarn, outcomeUnknown, methodPost, t.listOf(p), append(attrs, duration(since))...)
	t.tell(ctx, t.listOf(p), Unknown, since)
	e.Token = t.park(p, seen)
	return e
}

// logFound logs and tells that the record of a create was found.
func (t *Tracker) logFound(ctx context.Context, p *pending, since time.Time, more ...slog.Attr) {
	t.log(ctx, slog.LevelInfo, "found the record of a create", methodPost, t.listOf(p), append(more, duration(since))...)
	t.tell(ctx, t.listOf(p), Found, since)
}

// tell tells the observer of a result, since when it was looked for.
func (t *Tracker) tell(ctx context.Context, l List, result string, since time.Time) {
	if t.observe != nil {
		t.observe(ctx, l, result, time.Since(since))
	}
}

func duration(since time.Time) slog.Attr { return slog.Duration("duration", time.Since(since)) }
