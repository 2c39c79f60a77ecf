package readback_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
)

// TestReadTimes: when a list is read while it shows nothing.
func TestReadTimes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy readback.Policy
		want   []time.Duration
	}{
		"no time at all":     {readback.Policy{}, []time.Duration{0}},
		"a second":           {readback.Policy{Settle: sec}, []time.Duration{0, sec}},
		"five seconds":       {settle, []time.Duration{0, 750 * ms, 2250 * ms, 3750 * ms, 5 * sec}},
		"replay after eight": {readback.Policy{Settle: 5 * sec, ReplayAfter: 8 * sec}, []time.Duration{0, 750 * ms, 2250 * ms, 3750 * ms, 5250 * ms, 6750 * ms, 8 * sec, 8 * sec}}, // also before the window
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, test.policy, func(t *testing.T, d *desk) {
				c := d.creation()
				c.MayRepeat = func(int) bool { return false }
				_, err := d.Create(t.Context(), c)
				unknown(t, err)
				if got := d.lists.reads(); !slices.Equal(got, test.want) {
					t.Errorf("read at %v, want %v", got, test.want)
				}
			})
		})
	}
}

// TestBusyList: while many creates wait, a list is read less often.
func TestBusyList(t *testing.T) {
	t.Parallel()
	for creates, want := range map[int][]time.Duration{
		3: {0, 750 * ms, 1500 * ms},
		4: {0, 750 * ms, 2250 * ms},
	} {
		t.Run(strconv.Itoa(creates), func(t *testing.T) {
			t.Parallel()
			inBubble(t, settle, func(t *testing.T, d *desk) {
				d.warm(t, d.creation())
				var wg sync.WaitGroup
				for range creates {
					wg.Go(func() {
						_, err := d.Create(t.Context(), d.creation())
						unknown(t, err)
					})
				}
				wg.Wait()
				if got := d.lists.reads(); len(got) < 3 || !slices.Equal(got[:3], want) {
					t.Errorf("read at %v, want %v", got, want)
				}
			})
		})
	}
}

// warm reads the list of a create once, so that what asks next for it has to wait, and all
// that ask meanwhile share the read. It ends 100 ms after the read began.
func (d *desk) warm(t *testing.T, c readback.Creation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
	defer cancel()
	_, err := d.Create(ctx, c)
	unknown(t, err)
}

// TestExtraReads: when absence matters, and the list has a record that may be the one, it is
// read three times more than else.
func TestExtraReads(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		c := d.creation()
		_, err := d.Create(t.Context(), c)
		e := unknown(t, err)
		d.lists.showText(t, `{"id":1,"email":"ADA@example.com","created_at":"2000-01-01T00:00:00Z","updated_at":"NOW"}`)
		d.lists.showText(t, `{"id":2,"email":"ada@example.com","created_at":"2000-01-01T00:00:00Z","updated_at":"NOW"}`)
		time.Sleep(time.Minute)
		d.lists.began, d.lists.times = time.Now(), nil
		_, err = d.Resolve(t.Context(), e.Token, c.List)
		if e := unknown(t, err); e.Last.Error() != "the list has records that may be this one, or those of other creates" {
			t.Errorf("%v", e.Last)
		}
		rounds := slices.Compact(slices.Clone(d.lists.reads())) // those of a proof are at the same time
		if want := []time.Duration{0, 750 * ms, 1500 * ms, 2250 * ms}; !slices.Equal(rounds, want) {
			t.Errorf("read at %v, want %v", rounds, want)
		}
	})
}

// TestReasons: why Resolve cannot tell.
func TestReasons(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, d *desk)
		want    string
		reads   int // at most
	}{
		"near": {
			func(t *testing.T, d *desk) {
				d.lists.showText(t, `{"id":1,"email":"ada@example.com","created_at":null}`)
			},
			"the list has records that may be this one, or those of other creates", 100,
		},
		"undated": {
			func(_ *testing.T, d *desk) { d.lists.undated = true },
			"the list has no Date header, so it cannot be compared with the time of the create", 1,
		},
		"refused": {
			func(_ *testing.T, d *desk) {
				d.lists.read = func(context.Context, int) error { return &readback.ReadError{Err: errRefused, Final: true} }
			}, "422", 1,
		},
		"fails": {
			func(_ *testing.T, d *desk) { d.lists.read = func(context.Context, int) error { return errFailed } }, "503", 9,
		},
		"broken": {
			func(_ *testing.T, d *desk) {
				d.lists.read = func(context.Context, int) error { return &readback.ReadError{Err: errLost, Again: true} }
			}, "connection reset", 27,
		},
		"lags": {
			func(t *testing.T, d *desk) { // it does not have what was created just now
				c := d.creation()
				c.Token.Content = json.RawMessage(`{"email":"bob@example.com"}`)
				c.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
					return readback.Answer{ID: "9", Row: rowOf(t, `{"id":9,"email":"bob@example.com"}`), Sent: sent + 1}
				}
				if _, err := d.Create(t.Context(), c); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
			}, "the list may be incomplete, or late", 100,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(readback.Policy{Settle: 5 * sec, Disabled: true}, nil)
				c := d.creation()
				_, err := d.Create(t.Context(), c)
				e := unknown(t, err)
				test.prepare(t, d)
				_, err = d.Resolve(t.Context(), e.Token, c.List)
				if e := unknown(t, err); e.Last.Error() != test.want {
					t.Errorf("%v, want %s", e.Last, test.want)
				}
				if n := len(d.lists.reads()); n > test.reads {
					t.Errorf("the list was read %d times", n)
				}
			})
		})
	}
}

// TestContextEnds: the wait for a list ends with the context, and so does its read.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"while it waits": 300 * ms, "while it reads": 1750 * ms} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, settle, func(t *testing.T, d *desk) {
				canceled := false
				d.lists.read = func(ctx context.Context, n int) error {
					if n == 1 {
						return nil
					}
					<-ctx.Done() // the read belongs to all who wait, and ends with the last one
					canceled = true
					return ctx.Err()
				}
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				c := d.creation()
				_, err := d.Create(ctx, c)
				if e := unknown(t, err); e.Last != errLost || time.Since(d.lists.began) != after {
					t.Errorf("%v after %s", e.Last, time.Since(d.lists.began))
				}
				synctest.Wait()
				if canceled != (after > sec) {
					t.Errorf("the read was canceled: %t", canceled)
				}
				d.lists.read = nil
				ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				_, err = d.Resolve(ctx, c.Token, c.List)
				if e := unknown(t, err); !errors.Is(e.Last, context.DeadlineExceeded) {
					t.Errorf("Resolve: %v", e.Last)
				}
			})
		})
	}
}

// TestSharedReads: creates share the reads of one list, and no others.
func TestSharedReads(t *testing.T) {
	t.Parallel()
	inBubble(t, readback.Policy{Settle: sec}, func(t *testing.T, d *desk) {
		makes := make([]readback.Creation, 12)
		var wg sync.WaitGroup
		for i := range makes {
			makes[i] = d.creation()
			c := &makes[i]
			if i%2 == 0 {
				c.Token.UserID = "2"
			}
			if i >= 4 {
				c.List.Headers = "h"
			}
			if i >= 8 {
				c.Token.Resource = match.Message
			}
			if i < 2 || 4 <= i && i < 6 || 8 <= i && i < 10 {
				wg.Go(func() { d.warm(t, *c) })
			}
		}
		wg.Wait()
		for _, c := range makes {
			wg.Go(func() {
				_, err := d.Create(t.Context(), c)
				unknown(t, err)
			})
		}
		wg.Wait()
		got := map[readback.List]int{}
		for _, l := range d.lists.lists {
			got[l]++
		}
		for l, n := range got {
			if n != 3 {
				t.Errorf("%+v was read %d times", l, n)
			}
		}
		if len(got) != 6 {
			t.Errorf("read %v", got)
		}
	})
}

// TestLateWaiter: a create that asks while a list is read waits for the next read, at least
// three quarters of a second later.
func TestLateWaiter(t *testing.T) {
	t.Parallel()
	inBubble(t, readback.Policy{}, func(t *testing.T, d *desk) {
		d.lists.read = func(context.Context, int) error {
			time.Sleep(100 * ms)
			return nil
		}
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 50 * ms)
				_, err := d.Create(t.Context(), d.creation())
				unknown(t, err)
			})
		}
		wg.Wait()
		if want := []time.Duration{0, 750 * ms}; !slices.Equal(d.lists.reads(), want) {
			t.Errorf("read at %v, want %v", d.lists.reads(), want)
		}
	})
}

// TestLeave: a create that waits for a read no longer does not end it for the others.
func TestLeave(t *testing.T) {
	t.Parallel()
	inBubble(t, readback.Policy{}, func(t *testing.T, d *desk) {
		d.warm(t, d.creation())
		var ends []error
		d.lists.read = func(ctx context.Context, _ int) error {
			time.Sleep(sec)
			ends = append(ends, ctx.Err())
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), sec)
		defer cancel()
		var wg sync.WaitGroup
		for _, ctx := range []context.Context{ctx, t.Context()} {
			wg.Go(func() {
				c := d.creation()
				c.Send = d.carriedOut(t, "7")
				if ctx == t.Context() {
					c.Token.Content = json.RawMessage(`{"email":"bob@example.com"}`)
					c.Send = lost
				}
				_, err := d.Create(ctx, c)
				unknown(t, err)
			})
		}
		wg.Wait()
		if len(ends) != 1 || ends[0] != nil {
			t.Errorf("the reads ended with %v", ends)
		}
	})
}

// TestBrokenRead: a list whose response cannot be used is read again at once.
func TestBrokenRead(t *testing.T) {
	t.Parallel()
	inBubble(t, readback.Policy{}, func(t *testing.T, d *desk) {
		d.lists.read = func(_ context.Context, n int) error {
			if n <= 2 {
				return &readback.ReadError{Err: errLost, Again: true}
			}
			return nil
		}
		c := d.creation()
		c.Send = d.carriedOut(t, "7")
		if row, err := d.Create(t.Context(), c); err != nil || row.ID() != "7" {
			t.Errorf("%v, %v", row, err)
		}
		if want := []time.Duration{0, 0, 0}; !slices.Equal(d.lists.reads(), want) {
			t.Errorf("read at %v, want %v", d.lists.reads(), want)
		}
	})
}

// TestResolveAtOnce: all calls that resolve one token return the same record.
func TestResolveAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		c := d.creation()
		c.Send = func(ctx context.Context, sent int, _ func() error) readback.Answer {
			d.lists.show(t, "7")
			answer := lost(ctx, sent, nil)
			answer.Settled = true
			return answer
		}
		_, err := d.Create(t.Context(), c)
		e := unknown(t, err)
		other := d.creation()
		other.Token.Content = json.RawMessage(`{"email":"bob@example.com"}`)
		d.warm(t, other)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if row, err := d.Resolve(t.Context(), e.Token, c.List); err != nil || row.ID() != "7" {
					t.Errorf("%v, %v", row, err)
				}
			})
		}
		wg.Wait()
	})
}
