package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
)

// A list is read off the wire element by element, so that memory does not grow with it.
// Up to its first element it is an attempt like any other, and may be sent again. After
// that the caller has seen some of it.

// readSize is how much of a streamed body is read at once.
const readSize = 32 << 10

// errBrokenOff is a streamed answer that ended early, after its first element.
var errBrokenOff = errors.New("the answer broke off")

// patience ends an attempt that takes too long: its context is cancelled.
type patience struct {
	cancel context.CancelFunc
	ended  <-chan struct{}
	timer  *time.Timer
	most   time.Duration
}

func newPatience(parent context.Context, most time.Duration) (context.Context, *patience) {
	ctx, cancel := context.WithCancel(parent)
	return ctx, &patience{cancel, ctx.Done(), time.AfterFunc(most, cancel), most}
}

// over reports whether the attempt has been ended.
func (p *patience) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *patience) end() {
	p.timer.Stop()
	p.cancel()
}

// streamBody is the body of an answer that is read while the caller works. The attempt
// timeout bounds each read, and not the time between two.
type streamBody struct {
	*patience
	res     *response // its body is the beginning of this one, for errors
	body    io.ReadCloser
	explain func(error) error // what an error of a read means
	limit   int64             // on the bytes of one element
	err     error             // of the last read
	read    int64             // how many bytes have been read
	mark    int64             // where the present element begins
}

// Read gives the decoder more, which it asks for only once it has used up all it had.
func (b *streamBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.read-b.mark >= b.limit {
		b.err = ErrResponseTooLarge
		return 0, b.err
	}
	if b.over() {
		b.err = b.explain(context.Canceled)
		return 0, b.err
	}
	b.timer.Reset(b.most)
	n, err := b.body.Read(p)
	b.timer.Stop()
	b.read += int64(n)
	if room := cap(b.res.body) - len(b.res.body); room > 0 {
		b.res.body = append(b.res.body, p[:min(n, room)]...)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader returns io.EOF itself
		err = b.explain(err)
	}
	b.err = err
	return n, err
}

func (b *streamBody) begin(offset int64) { b.mark = offset }

// failed reports whether the body could not be read to its end.
func (b *streamBody) failed() bool { return b.err != nil && b.err != io.EOF } //nolint:errorlint // a Reader returns io.EOF itself

func (b *streamBody) close() {
	b.end()
	_ = b.body.Close()
}

// stream makes a call that is answered with a list, and hands its records over one by
// one. Each range over it is a call of its own.
func stream[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, opts []RequestOption) iter.Seq2[*T, error] {
	opts = slices.Clone(opts) // the caller may append to his own before the loop begins
	return func(yield func(*T, error) bool) {
		e, err := e.bounded(time.Now())
		if err != nil {
			yield(nil, err)
			return
		}
		var (
			v      *T
			beside strays
			more   = true
		)
		next := func() record { v = new(T); return P(v) }
		use := func(res *response) bool {
			if err = c.core.inspect(ctx, e, res, v, beside...); err != nil {
				return false
			}
			beside = nil
			more = yield(v, nil)
			return more
		}
		res, failure := c.each(ctx, e, opts, next, use, beside.add)
		switch {
		case failure != nil:
			err = failure
		case err == nil && more: // what stood behind the list
			err = c.core.inspect(ctx, e, res, (*T)(nil), beside...)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// each makes a call that is answered with a list. It decodes one element after the other
// into what next returns, and calls use after each, until use returns false.
func (c *Client) each(ctx context.Context, e endpoint, opts []RequestOption, next func() record, use func(*response) bool, stray func(string, kind)) (*response, error) {
	var (
		body  *streamBody
		items *elements
		last  record
		ok    bool
		bad   error
	)
	advance := func() {
		last = nil
		ok, bad = items.next(func() record { last = next(); return last })
		if ok && bad == nil && items.dec.InputOffset()-body.mark > body.limit { // all of it came with one read
			body.err = ErrResponseTooLarge
			bad = body.err
		}
	}
	e.open = func(b *streamBody) error {
		body, items = b, newStreamElements(b, e.envelope, stray)
		advance()
		if bad != nil && b.failed() {
			return body.failure(c.core.redact, 1, last, items.dec.UnreadBuffer())
		}
		return nil
	}
	if _, err := c.send(ctx, e, opts); err != nil {
		return nil, err
	}
	defer body.close()
	for n := 1; ; n++ {
		switch {
		case bad != nil && body.failed():
			return body.res, &callError{e.method, e.route, body.failure(c.core.redact, n, last, items.dec.UnreadBuffer())}
		case errors.Is(bad, ErrPartialResults):
			return body.res, e.refuse(bad)
		case bad != nil:
			return body.res, e.undecodable(c.core, body.res, fmt.Errorf("record %d: %w", n, bad))
		case !ok || !use(body.res):
			return body.res, nil
		}
		advance()
	}
}

// failure is the error of a body that could not be read to its end: at record number n,
// or beside it where at is nil. unread is what has been read of it.
func (b *streamBody) failure(redact redactor, n int, at record, unread []byte) error {
	if !errors.Is(b.err, ErrResponseTooLarge) {
		return fmt.Errorf("%w at record %d: %w", errBrokenOff, n, b.err)
	}
	name := "the envelope"
	if r, ok := at.(resource); ok {
		name = fmt.Sprintf("record %d", n)
		if id := cmp.Or(r.identity(), idOfPart(unread)); id != "" {
			name += fmt.Sprintf(" (id %s)", printable(redact.text(string(id))))
		}
	}
	return fmt.Errorf("%w: %s is over %d bytes; see WithMaxResponseBytes", ErrResponseTooLarge, name, b.limit)
}
