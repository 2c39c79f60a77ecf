package engine

import (
	"context"
	"io"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// Body is the body of a response that is read while the caller works. The timeout of an
// attempt bounds each read, and not the time between two.
//
// It bounds each element, which the caller marks with Begin and End.
type Body struct {
	*patience

	call *call
	res  *Response // its Body is the beginning of this one, for errors
	from io.ReadCloser
	err  error // of the last read
	read int64 // how many bytes were read
	mark int64 // where the present element begins
}

// Read reads the next piece. A decoder calls it when it has used up the bytes that it has.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.read-b.mark >= b.call.cfg.MaxBytes {
		b.err = errs.ErrResponseTooLarge
		return 0, b.err
	}
	if b.over() {
		b.err = b.call.explain(b.patience, context.Canceled)
		return 0, b.err
	}
	b.timer.Reset(b.most)
	n, err := b.from.Read(p)
	b.timer.Stop()
	b.read += int64(n)
	if room := cap(b.res.Body) - len(b.res.Body); room > 0 {
		b.res.Body = append(b.res.Body, p[:min(n, room)]...)
	}
	if b.res.Unreadable = unreadable(err); b.res.Unreadable != nil {
		err = b.res.Unreadable
	} else if err != nil && err != io.EOF { //nolint:errorlint // a Reader returns io.EOF itself
		err = b.call.explain(b.patience, err)
	}
	b.err = err
	return n, err
}

// Begin notes that an element begins at this offset of the body.
func (b *Body) Begin(offset int64) { b.mark = offset }

// End notes that the element ends at this offset, and returns ErrResponseTooLarge if it is
// too large: Read cannot notice that if all of it came with one read.
func (b *Body) End(offset int64) error {
	if offset-b.mark <= b.call.cfg.MaxBytes {
		return nil
	}
	b.err = errs.ErrResponseTooLarge
	return b.err
}

// Response returns the head of the response, and the beginning of the body.
func (b *Body) Response() *Response { return b.res }

// Err returns the error of a body that did not arrive to its end: that of a read, or
// ErrResponseTooLarge. What is Unreadable arrived.
func (b *Body) Err() error {
	if b.res.Unreadable == nil && b.err != io.EOF { //nolint:errorlint // a Reader returns io.EOF itself
		return b.err
	}
	return nil
}

// Close closes the body, and ends its request if there is more to come.
func (b *Body) Close() {
	b.end()
	_ = b.from.Close()
	b.call.ended(b.Err())
}
