package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/charset"
	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// Response is a response with its whole body, or with the beginning of a streamed one.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Unreadable is why Body is empty although there was a body, or why a streamed one ends
	// early: it is not encoded as the header says. It is nil otherwise.
	Unreadable error

	// Sent and Took are how many requests the call sent, and how long it took. GaveUp is that
	// of the Outcome. The caller of Do sets them if it needs them later.
	Sent   int
	Took   time.Duration
	GaveUp string

	buffer *bodyBuffer // holds Body; nil if that is not pooled
}

// bodyBuffer reads a body up to a bound.
type bodyBuffer struct {
	bytes.Buffer

	from io.LimitedReader
}

// bodies are the buffers of responses that have been released.
var bodies = sync.Pool{New: func() any { return new(bodyBuffer) }}

// maxPooled is the capacity of the largest buffers that are kept for other responses.
const maxPooled = 64 << 10

// maxErrorBody is how much of the body of an error response is read. It is more than an
// error keeps, since the message may be behind other fields.
const maxErrorBody = 64 << 10

// Succeeded reports whether the status is a success. A 101 is not: no request asks for
// another protocol.
func (r *Response) Succeeded() bool { return 200 <= r.Status && r.Status < 300 }

// IsPage reports whether the body is HTML or XML, such as a proxy's, rather than JSON.
func (r *Response) IsPage() bool { return bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<")) }

// isHollow reports whether a response is a success without the JSON that the API would send
// to a read, an update or a delete: a proxy has put a page in its place, or nothing at all. A
// create is never sent again for that. To a delete the API may respond with nothing.
func (c *call) isHollow(res *Response) bool {
	if !res.Succeeded() || res.Unreadable != nil || c.Class != Safe || c.Method == http.MethodHead ||
		res.Status == http.StatusNoContent || res.Status == http.StatusResetContent {
		return false
	}
	body := bytes.TrimSpace(res.Body)
	switch {
	case c.Method == http.MethodDelete:
		return len(body) > 0 && !json.Valid(body)
	case c.Queued && res.Status == http.StatusAccepted:
		return res.IsPage()
	case c.Stream != nil && len(res.Body) >= redact.MaxBody: // of blanks alone, it may go on with JSON
		return res.IsPage()
	default:
		return res.IsPage() || c.Content && len(body) == 0
	}
}

// RequestID returns the server's id of the request, from one of the usual headers, or "".
func (r *Response) RequestID() string {
	for _, name := range []string{"X-Request-Id", "X-Correlation-Id", "Request-Id"} {
		if id := r.Header.Get(name); id != "" && len(id) <= 128 { // part of an id identifies nothing
			return redact.Printable(id)
		}
	}
	return ""
}

// Release lets other responses use the memory of the body. Nothing may refer to that any
// more.
func (r *Response) Release() {
	if r.buffer != nil && r.buffer.Cap() <= maxPooled {
		r.buffer.Reset()
		bodies.Put(r.buffer)
	}
	r.Body, r.buffer = nil, nil
}

// read reads the body of res, which is bounded, and closes it.
func (r *Response) read(res *http.Response, limit int64) error {
	defer func() { _ = res.Body.Close() }()
	tooLarge := func() error {
		return fmt.Errorf("%w: the response (status %d) is over %d bytes; see WithMaxResponseBytes",
			errs.ErrResponseTooLarge, res.StatusCode, limit)
	}
	// The length in the response to a HEAD is not that of a body.
	if res.ContentLength > limit && (res.Request == nil || res.Request.Method != http.MethodHead) {
		return tooLarge()
	}
	n, err := r.fill(res, limit+1)
	if n > limit {
		return tooLarge()
	}
	if err != nil {
		return fmt.Errorf("the response (status %d) broke off after %d bytes: %w", res.StatusCode, n, err)
	}
	return nil
}

// readError reads the beginning of the body of an error response, and closes it. It returns
// why a body breaks off, and drops that: it could end within the API key, which would not be
// recognized.
func (r *Response) readError(res *http.Response, limit int64) error {
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < 200 {
		return nil // the rest of the connection is in another protocol
	}
	_, err := r.fill(res, limit)
	if err != nil {
		r.Release()
	}
	return err
}

const (
	// firstRoom is how much room a body gets before any of it has arrived, at most.
	firstRoom = 1 << 20
	// moreRoom is how many times the room grows if all of it is used, up to the length that the
	// response announces. That length may be wrong.
	moreRoom = 8
)

// readAll reads a body up to a limit, and returns how much that was. length is the announced
// length, or negative.
func (b *bodyBuffer) readAll(body io.Reader, length, limit int64) (n int64, err error) {
	defer func() { b.from.R = nil }()
	for room := int64(firstRoom); n < length; room *= moreRoom {
		part := min(room, length) - n
		b.Grow(int(part) + bytes.MinRead)
		b.from = io.LimitedReader{R: body, N: part}
		read, err := b.ReadFrom(&b.from)
		n += read
		if err != nil || read < part {
			return n, err
		}
	}
	b.from = io.LimitedReader{R: body, N: limit - n}
	read, err := b.ReadFrom(&b.from)
	return n + read, err
}

// fill reads the body of res up to a limit, and returns how much that was. It sets Unreadable
// if the body cannot be decoded.
func (r *Response) fill(res *http.Response, limit int64) (int64, error) {
	buf := bodies.Get().(*bodyBuffer)
	n, err := buf.readAll(res.Body, min(res.ContentLength, limit), limit)
	if err == nil && charset.IsMarked(buf.Bytes()) {
		marked := bytes.NewReader(bytes.Clone(buf.Bytes()))
		buf.Reset()
		_, err = buf.ReadFrom(charset.NewReader(marked, ""))
	}
	r.Body, r.buffer = buf.Bytes(), buf
	if r.Unreadable = unreadable(err); r.Unreadable != nil {
		r.Release()
		return n, nil //nolint:nilerr // it is in Unreadable
	}
	return n, err
}
