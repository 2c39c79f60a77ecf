package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// open is a call that reads the first byte of a streamed body within the attempt, and hands
// the body over.
func open(body **engine.Body) engine.Call {
	c := call
	c.Stream = func(b *engine.Body) error {
		*body = b
		_, err := io.ReadFull(b, make([]byte, 1))
		return err
	}
	return c
}

// TestStream: the body is read by the caller after the call, and its beginning is kept in
// the response.
func TestStream(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 10_000)
	for name, pieces := range map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "with the end": iotest.DataErrReader, "by halves": iotest.HalfReader,
	} {
		s := always(func(*http.Request) (*http.Response, error) { return streaming(pieces(strings.NewReader(text))), nil })
		var body *engine.Body
		out := newEngine(t, s).Do(t.Context(), open(&body))
		if out.Err != nil || out.Response.Status != 200 || string(out.Response.Body) != "0" || s.ended() || s.open.Load() != 1 {
			t.Fatalf("%s: %+v", name, out)
		}
		rest, err := io.ReadAll(body)
		if err != nil || "0"+string(rest) != text || body.Err() != nil {
			t.Errorf("%s: %d bytes, %v, %v", name, len(rest), err, body.Err())
		}
		if kept := redact.MaxBody + redact.New(secretKey).Room(); string(out.Response.Body) != text[:kept] {
			t.Errorf("%s: %d bytes are kept, want %d", name, len(out.Response.Body), kept)
		}
		if n, err := body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%s: after the end: %d, %v", name, n, err)
		}
		body.Close()
		if !s.ended() || s.open.Load() != 0 {
			t.Errorf("%s: the request goes on after Close", name)
		}
	}
}

// TestStreamOfOtherStatuses: a response that is not a success is read whole.
func TestStreamOfOtherStatuses(t *testing.T) {
	t.Parallel()
	c := call
	c.Stream = func(*engine.Body) error { return errors.New("streamed") }
	for _, status := range []int{300, 404} {
		out := newEngine(t, statuses(status)).Do(t.Context(), c)
		if out.Err != nil || out.Response.Status != status || string(out.Response.Body) != "{}" {
			t.Errorf("%d: %+v", status, out)
		}
	}
}

// TestStreamRetries: up to the first element a stream is an attempt like any other.
func TestStreamRetries(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(*http.Request) (*http.Response, error){
		"no head": func(*http.Request) (*http.Response, error) { return nil, errReset },
		"503":     func(*http.Request) (*http.Response, error) { return reply(503, ""), nil },
		"no body": func(*http.Request) (*http.Response, error) { return streaming(iotest.ErrReader(errReset)), nil },
		"stuck":   func(r *http.Request) (*http.Response, error) { return streaming(stuck(r, "")), nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			var requests []context.Context
			s := &script{respond: func(n int, r *http.Request) (*http.Response, error) {
				requests = append(requests, r.Context())
				if n < 3 {
					return bad(r)
				}
				return streaming(strings.NewReader("ok")), nil
			}}
			var body *engine.Body
			if out := newEngine(t, s).Do(t.Context(), open(&body)); out.Err != nil || out.Sent != 3 {
				t.Fatalf("%s: %+v", name, out)
			}
			if rest, err := io.ReadAll(body); string(rest) != "k" || err != nil {
				t.Errorf("%s: %q, %v", name, rest, err)
			}
			for i, ctx := range requests {
				if ended := ctx.Err() != nil; ended != (i < 2) {
					t.Errorf("%s: request %d has ended: %t", name, i+1, ended)
				}
			}
			body.Close()
		})
	}
}

// TestStreamTimeouts: the timeout bounds the head and each read, not the time between two
// and not the whole.
func TestStreamTimeouts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		head, piece, work time.Duration
		sent, read        int
		took              time.Duration
		timeout           bool
	}{
		"slow":             {6 * time.Second, 6 * time.Second, 0, 1, 5, 36 * time.Second, false},
		"a slow caller":    {0, time.Second, time.Hour, 1, 5, 4*time.Hour + 5*time.Second, false},
		"a head too slow":  {8 * time.Second, 0, 0, 4, 0, 28 * time.Second, true},
		"a piece too slow": {0, 8 * time.Second, 0, 4, 0, 28 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := always(func(r *http.Request) (*http.Response, error) {
				if err := pace.Sleep(r.Context(), tt.head); err != nil {
					return nil, err
				}
				left := "12345"
				return streaming(readFunc(func(p []byte) (int, error) { //nolint:contextcheck // it is the request's
					if left == "" {
						return 0, io.EOF
					}
					if err := pace.Sleep(r.Context(), tt.piece); err != nil {
						return 0, err
					}
					n := copy(p, left[:1])
					left = left[1:]
					return n, nil
				})), nil
			})
			begun, read := time.Now(), 0
			var body *engine.Body
			out := newEngine(t, s, withTimeout(7*time.Second), atOnce).Do(t.Context(), open(&body))
			if tt.timeout {
				checkTimeout(t, out.Err)
			} else {
				for read = 1; ; read++ {
					if _, err := io.ReadFull(body, make([]byte, 1)); err != nil {
						break
					}
					time.Sleep(tt.work)
				}
				body.Close()
			}
			if took := time.Since(begun); out.Sent != tt.sent || read != tt.read || took != tt.took {
				t.Errorf("%s: %d requests, %d bytes, %s: %+v", name, out.Sent, read, took, out)
			}
		})
	}
}

// TestStreamStalls: later in the body, a timeout or the end of the caller's context is the
// error of the read, and of the body from then on.
func TestStreamStalls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit time.Duration // of the caller's context
		took  time.Duration
		is    error
	}{
		"timeout": {time.Hour, 7 * time.Second, nil}, "deadline": {3 * time.Second, 3 * time.Second, context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
			defer cancel()
			begun := time.Now()
			s := always(func(r *http.Request) (*http.Response, error) { return streaming(stuck(r, "ok")), nil })
			var body *engine.Body
			if out := newEngine(t, s, withTimeout(7*time.Second)).Do(ctx, open(&body)); out.Err != nil {
				t.Fatal(out.Err)
			}
			defer body.Close()
			rest, err := io.ReadAll(body)
			if took := time.Since(begun); string(rest) != "k" || err == nil || took != tt.took {
				t.Errorf("%s: %q, %v after %s", name, rest, err, took)
			}
			if tt.is == nil {
				checkTimeout(t, err)
			} else if !errors.Is(err, tt.is) || !strings.HasPrefix(err.Error(), "waiting for the response: ") {
				t.Errorf("%s: %v", name, err)
			}
			if _, again := body.Read(make([]byte, 1)); again != err || body.Err() != err {
				t.Errorf("%s: then %v, and Err %v", name, again, body.Err())
			}
		})
	}
}

// TestStreamCanceledBetween: a context that ends between two reads is noticed before the
// next one, even if there are bytes.
func TestStreamCanceledBetween(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reads := 0
	s := always(func(*http.Request) (*http.Response, error) {
		return streaming(readFunc(func(p []byte) (int, error) { reads++; return copy(p, "x"), nil })), nil
	})
	var body *engine.Body
	newEngine(t, s).Do(ctx, open(&body))
	defer body.Close()
	cancel()
	if n, err := body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.Canceled) || body.Err() != err || reads != 1 {
		t.Errorf("%d bytes, %v, %d reads", n, err, reads)
	}
}

// TestStreamBreaksOff: an error of the body stays its error, whatever would follow.
func TestStreamBreaksOff(t *testing.T) {
	t.Parallel()
	reads := 0
	s := always(func(*http.Request) (*http.Response, error) {
		return streaming(readFunc(func(p []byte) (int, error) {
			reads++
			if reads == 2 {
				return copy(p, "y"), errReset
			}
			return copy(p, "x"), nil
		})), nil
	})
	var body *engine.Body
	newEngine(t, s).Do(t.Context(), open(&body))
	defer body.Close()
	if n, err := body.Read(make([]byte, 1)); n != 1 || err != errReset {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := body.Read(make([]byte, 1)); n != 0 || err != errReset || body.Err() != errReset || reads != 2 {
		t.Errorf("then %d bytes, %v, %d reads", n, err, reads)
	}
}

// TestStreamBegins: the time before the first read is the caller's, and not bounded.
func TestStreamBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := always(func(*http.Request) (*http.Response, error) { return streaming(strings.NewReader("ok")), nil })
		c := call
		c.Stream = func(b *engine.Body) error {
			defer b.Close()
			time.Sleep(time.Hour)
			_, err := io.ReadAll(b)
			return err
		}
		if out := newEngine(t, s).Do(t.Context(), c); out.Err != nil || out.Sent != 1 {
			t.Errorf("%+v", out)
		}
	})
}

// TestElements: each element is bounded, and not their sum: by the reads while it arrives,
// and when it has ended, if it came with one read.
func TestElements(t *testing.T) {
	t.Parallel()
	const limit = 100
	var body *engine.Body
	begin := func() {
		s := always(func(*http.Request) (*http.Response, error) {
			return streaming(bytes.NewReader(make([]byte, 10*limit))), nil
		})
		if out := newEngine(t, s, withMaxBytes(limit)).Do(t.Context(), open(&body)); out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	read := func(n int) error {
		_, err := io.ReadFull(body, make([]byte, n))
		return err
	}

	begin() // one byte is read
	body.Begin(1)
	for at := int64(1); at < 9*limit; at += limit {
		if err := read(limit); err != nil || body.End(at+limit) != nil {
			t.Fatalf("at %d: %v, %v", at, err, body.Err())
		}
		body.Begin(at + limit)
	}
	body.Close()

	begin() // an element that goes on
	if err := read(limit - 1); err != nil || body.Err() != nil {
		t.Errorf("%d bytes: %v, %v", limit, err, body.Err())
	}
	if err := read(1); err != errs.ErrResponseTooLarge || body.Err() != errs.ErrResponseTooLarge {
		t.Errorf("%d bytes: %v, %v", limit+1, err, body.Err())
	}
	body.Close()

	begin() // an element that came with one read
	if err := read(3 * limit); err != nil {
		t.Fatal(err)
	}
	body.Begin(limit)
	if body.End(2*limit) != nil || body.Err() != nil {
		t.Errorf("%d bytes are too many: %v", limit, body.Err())
	}
	if err := body.End(2*limit + 1); err != errs.ErrResponseTooLarge || body.Err() != err {
		t.Errorf("%d bytes: %v, %v", limit+1, err, body.Err())
	}
	if err := read(1); err != errs.ErrResponseTooLarge {
		t.Errorf("after an element that is too large: %v", err)
	}
	body.Close()
}

// TestStreamThatPanics: the request ends with the goroutine or panic of its reader.
func TestStreamThatPanics(t *testing.T) {
	t.Parallel()
	c := call
	c.Stream = func(*engine.Body) error { panic("mine") }
	s := always(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil })
	defer func() {
		if recover() == nil || !s.ended() {
			t.Error("the request goes on")
		}
	}()
	newEngine(t, s).Do(t.Context(), c)
}
