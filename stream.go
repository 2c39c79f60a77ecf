package growthgenius

import (
	"context"
	"errors"
	"io"
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
