package readback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/readback"
)

var settle = readback.Policy{Settle: 5 * time.Second}

// inBubble runs a test with a Tracker and its list in a bubble.
func inBubble(t *testing.T, policy readback.Policy, test func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newDesk(policy, nil)) })
}

func TestCreateByItsResponse(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		c := d.creation()
		if id, ok := d.Outcome(c.Token); ok {
			t.Errorf("known as %q before it is sent", id)
		}
		c.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
			return readback.Answer{ID: "7", Row: d.lists.show(t, "7"), Sent: sent + 1}
		}
		if row, err := d.Create(t.Context(), c); row != nil || err != nil {
			t.Errorf("%v, %v", row, err)
		}
		if id, ok := d.Outcome(c.Token); id != "7" || !ok {
			t.Errorf("then known as %q, %t", id, ok)
		}
		if n := len(d.lists.reads()); n > 0 {
			t.Errorf("the list was read %d times", n)
		}
	})
}

func TestCreateThatFails(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		c := d.creation()
		c.Send = func(context.Context, int, func() error) readback.Answer {
			return readback.Answer{Err: errRefused, Sent: 1}
		}
		if row, err := d.Create(t.Context(), c); row != nil || err != errRefused {
			t.Errorf("%v, %v", row, err)
		}
		if n := len(d.lists.reads()); n > 0 {
			t.Errorf("the list was read %d times", n)
		}
	})
}

// TestNotLookedFor: what is not looked for is unknown at once, for the reason that Send gave.
func TestNotLookedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy  readback.Policy
		settled bool
		cancel  bool
	}{
		"disabled": {readback.Policy{Disabled: true, Settle: time.Second, ReplayAfter: time.Second}, false, false},
		"settled":  {settle, true, false},
		"canceled": {settle, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, test.policy, func(t *testing.T, d *desk) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := d.creation()
				c.Send = func(ctx context.Context, sent int, _ func() error) readback.Answer {
					if test.cancel {
						cancel()
					}
					answer := lost(ctx, sent, nil)
					answer.Settled = test.settled
					return answer
				}
				_, err := d.Create(ctx, c)
				if e := unknown(t, err); e.Last != errLost || e.Token.Nonce != c.Token.Nonce || e.Token.Ended.IsZero() {
					t.Errorf("%+v", e)
				}
				if n := len(d.lists.reads()); n > 0 || time.Since(d.lists.began) > 0 {
					t.Errorf("the list was read %d times, in %s", n, time.Since(d.lists.began))
				}
			})
		})
	}
}

// TestRepeat: an absent create is sent again as often as MayRepeat says, and once a request
// was ambiguous, a refusal of a later one is no plain failure.
func TestRepeat(t *testing.T) {
	t.Parallel()
	inBubble(t, readback.Policy{Settle: time.Second, ReplayAfter: time.Second}, func(t *testing.T, d *desk) {
		var asked, sends []int
		c := d.creation()
		c.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
			sends = append(sends, sent)
			if sent >= 6 {
				return readback.Answer{Err: errRefused, Sent: sent + 1}
			}
			return readback.Answer{Err: errLost, Ambiguous: true, Sent: sent + 2}
		}
		c.MayRepeat = func(sent int) bool {
			asked = append(asked, sent)
			return true
		}
		_, err := d.Create(t.Context(), c)
		if e := unknown(t, err); e.Last != errRefused {
			t.Errorf("the last error is %v", e.Last)
		}
		if !slices.Equal(sends, []int{0, 2, 4, 6}) || !slices.Equal(asked, []int{2, 4, 6}) {
			t.Errorf("sent with %v before, asked at %v", sends, asked)
		}
		asked = nil
		c = d.creation()
		c.Send = d.carriedOut(t, "7")
		c.MayRepeat = func(sent int) bool {
			asked = append(asked, sent)
			return true
		}
		if row, err := d.Create(t.Context(), c); err != nil || row.ID() != "7" || asked != nil {
			t.Errorf("found: %v, %v, asked %v", row, err, asked)
		}
		c = d.creation()
		c.Token.Content = json.RawMessage(`{"email":"bob@example.com"}`)
		c.MayRepeat = func(int) bool { return false }
		_, err = d.Create(t.Context(), c)
		unknown(t, err)
	})
}

// TestWithoutReplayAfter: then nothing is sent again.
func TestWithoutReplayAfter(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		_, err := d.Create(t.Context(), d.creation()) // MayRepeat is nil
		if e := unknown(t, err); e.Last != errLost || e.Token.Ahead == nil {
			t.Errorf("%+v", e)
		}
	})
}

// TestHandOver: BeforeCreate has the token before anything is sent. If it fails, nothing is,
// and the create is forgotten.
func TestHandOver(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error":  func() error { return errLost },
		"panic":  func() error { panic("in the journal") },
		"goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, settle, func(t *testing.T, d *desk) {
				c := d.creation()
				c.HandOver = func(token readback.Token) error {
					if token.Nonce != c.Token.Nonce {
						t.Errorf("another token: %+v", token)
					}
					return fail()
				}
				c.Send = func(context.Context, int, func() error) readback.Answer {
					t.Error("it was sent")
					return readback.Answer{}
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() {
						if got := recover(); name == "panic" && got != "in the journal" || name != "panic" && got != nil {
							t.Errorf("recovered %v", got)
						}
					}()
					_, err := d.Create(t.Context(), c)
					if !errors.Is(err, errLost) || err.Error() != "connection reset" {
						t.Errorf("%v", err)
					}
				})
				wg.Wait()
				if _, err := d.Resolve(t.Context(), c.Token, c.List); !errors.Is(err, readback.ErrAbsent) {
					t.Errorf("then it is %v", err)
				}
			})
		})
	}
}

// TestSendEnds: a create whose transport panics or ends the goroutine may have happened. Its
// record is not given to an equal create.
func TestSendEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panic": func() { panic("in the transport") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, settle, func(t *testing.T, d *desk) {
				c := d.creation()
				c.Send = func(context.Context, int, func() error) readback.Answer {
					end()
					return readback.Answer{}
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() { _ = recover() }()
					_, err := d.Create(t.Context(), c)
					t.Errorf("returned %v", err)
				})
				wg.Wait()
				other := d.creation()
				other.Send = func(ctx context.Context, sent int, _ func() error) readback.Answer {
					d.lists.show(t, "7")
					d.lists.show(t, "8")
					return lost(ctx, sent, nil)
				}
				if row, err := d.Create(t.Context(), other); err != nil || row.ID() != "7" {
					t.Errorf("one of two records, of two creates: %v, %v", row, err)
				}
				if row, err := d.Resolve(t.Context(), c.Token, c.List); err != nil || row.ID() != "8" {
					t.Errorf("the other one: %v, %v", row, err)
				}
			})
		})
	}
}

// TestReadEnds: a list that panics does so in every call that waits for it, and one that ends
// its goroutine leaves them without an outcome.
func TestReadEnds(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		d.lists.read = func(context.Context, int) error { panic("in the list") }
		var wg sync.WaitGroup
		tokens := make([]readback.Creation, 2)
		for i := range tokens {
			tokens[i] = d.creation()
			wg.Go(func() {
				defer func() {
					if got := recover(); got != "in the list" {
						t.Errorf("recovered %v", got)
					}
				}()
				_, err := d.Create(t.Context(), tokens[i])
				t.Errorf("returned %v", err)
			})
		}
		wg.Wait()
		d.lists.read = func(context.Context, int) error { runtime.Goexit(); return nil }
		_, err := d.Resolve(t.Context(), tokens[0].Token, tokens[0].List)
		if e := unknown(t, err); !errors.Is(e.Last, errs.ErrGoroutineEnded) {
			t.Errorf("%v", e.Last)
		}
		d.lists.read = nil
		if _, err := d.Resolve(t.Context(), tokens[0].Token, tokens[0].List); !errors.Is(err, readback.ErrAbsent) {
			t.Errorf("then it is %v", err)
		}
	})
}

func TestUnderWay(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		c := d.creation()
		c.Send = func(ctx context.Context, sent int, _ func() error) readback.Answer {
			time.Sleep(time.Second)
			return readback.Answer{ID: "7", Row: d.lists.show(t, "7"), Sent: sent + 1}
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := d.Create(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := d.Resolve(t.Context(), c.Token, c.List); !errors.Is(err, readback.ErrUnderWay) || time.Since(d.lists.began) > 0 {
			t.Errorf("%v after %s", err, time.Since(d.lists.began))
		}
		wg.Wait()
	})
}

func TestUnreadableToken(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		c := d.creation()
		c.Token.Content = json.RawMessage(`{"email":`)
		for name, err := range map[string]error{
			"Create":  func() error { _, err := d.Create(t.Context(), c); return err }(),
			"Resolve": func() error { _, err := d.Resolve(t.Context(), c.Token, c.List); return err }(),
		} {
			if _, isUnknown := errors.AsType[*readback.UnknownError](err); err == nil || isUnknown || errors.Is(err, readback.ErrAbsent) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestLog: what is logged of a create, with the time that it took.
func TestLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
			Level: slog.LevelDebug,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				if a.Key == "duration" && a.Value.Duration() > 0 {
					return slog.String(a.Key, "some")
				}
				return a
			},
		}))
		d := newDesk(readback.Policy{Settle: sec, ReplayAfter: sec}, logger)
		logged := func(want ...string) {
			t.Helper()
			got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			out.Reset()
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("logged\n%s\nand not\n%s", strings.Join(got, "\n"), line)
				}
			}
		}
		const (
			looking = `level=WARN msg="growthgenius: no usable response to a create, looking for its record" method=POST route=/contacts error="connection reset"`
			read    = `level=DEBUG msg="growthgenius: read the list to find creates" method=GET route=/contacts creates=1 rows=0`
		)
		c := d.creation()
		c.MayRepeat = func(sent int) bool { return sent < 2 }
		_, err := d.Create(t.Context(), c)
		e := unknown(t, err)
		logged(looking, read,
			`level=WARN msg="growthgenius: a complete list does not have the record, creating it again" method=POST route=/contacts error="connection reset"`,
			`level=WARN msg="growthgenius: outcome unknown" method=POST route=/contacts reason="connection reset" lists="the list does not have it yet" duration=some`)
		if _, err := d.Resolve(t.Context(), e.Token, c.List); !errors.Is(err, readback.ErrAbsent) {
			t.Errorf("%v", err)
		}
		logged(read, `level=INFO msg="growthgenius: the create did not happen" method=POST route=/contacts duration=some`)
		c = d.creation()
		c.Send = d.carriedOut(t, "7")
		if _, err := d.Create(t.Context(), c); err != nil {
			t.Errorf("%v", err)
		}
		logged(looking, `level=INFO msg="growthgenius: found the record of a create" method=POST route=/contacts error="connection reset" duration=some`)
		c = d.creation()
		c.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
			if _, err := d.Resolve(t.Context(), c.Token, c.List); err == nil { //nolint:contextcheck // another call's context
				t.Error("resolved while it is sent")
			}
			return readback.Answer{Err: errRefused, Sent: sent + 1}
		}
		_, _ = d.Create(t.Context(), c)
		logged(`level=WARN msg="growthgenius: outcome unknown" method=POST route=/contacts reason="the call that creates it has not returned yet: wait for that call"`)
	})
}
