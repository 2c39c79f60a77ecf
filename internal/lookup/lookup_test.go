package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/lookup"
)

// TestOneCallForAll: all who ask the same at a time share a call and its very result, and
// who asks later gets it from the cache.
func TestOneCallForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(new(spy))
		results := make([]*result, 1000)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				var err error
				if results[i], err = r.Do(t.Context(), r.question("key", slow("text", time.Second))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, got := range results {
			if got == nil || got != results[0] || got.text != "text" {
				t.Fatalf("got %v and %v", got, results[0])
			}
		}
		begun := time.Now()
		if text, err := r.ask(t.Context(), "key"); text != "text" || err != nil || time.Since(begun) != 0 {
			t.Errorf("%q, %v after %s", text, err, time.Since(begun))
		}
		if n := r.asked.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		r.cache.counts(t, 2, 1)
		if r.cache.ttl != ttl || r.told() != nil {
			t.Errorf("stored for %s, failures: %q", r.cache.ttl, r.told())
		}
	})
}

// TestKeysAreApart: questions with different keys share neither call nor value.
func TestKeysAreApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(new(spy))
		for range 2 {
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					key := fmt.Sprint("key ", i)
					got, err := r.Do(t.Context(), r.question(key, slow("of "+key, time.Second)))
					if err != nil || got.text != "of "+key {
						t.Errorf("%s: %v, %v", key, got, err)
					}
				})
			}
			wg.Wait()
		}
		if n := r.asked.Load(); n != 10 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestFailedCall: its result is for all who share the call, and is not stored unless Keep
// says so.
func TestFailedCall(t *testing.T) {
	t.Parallel()
	for text, calls := range map[string]int64{"refused": 3, "nobody": 1} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(new(spy))
				for range 3 {
					var wg sync.WaitGroup
					for range 10 {
						wg.Go(func() {
							got, err := r.Do(t.Context(), r.question("key", func(context.Context) *result {
								time.Sleep(time.Second)
								return &result{err: errors.New(text)}
							}))
							if err != nil || got.err.Error() != text {
								t.Errorf("%v, %v", got, err)
							}
						})
					}
					wg.Wait()
				}
				if n := r.asked.Load(); n != calls {
					t.Errorf("%d calls, want %d", n, calls)
				}
			})
		})
	}
}

// TestEndedContext: a caller whose context has ended begins no call and joins none.
func TestEndedContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(new(spy))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		refused := func() {
			t.Helper()
			if _, err := r.ask(ended, "key"); err != context.Canceled {
				t.Error(err)
			}
		}
		refused()
		r.cache.counts(t, 0, 0)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.ask(t.Context(), "key"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		refused()
		wg.Wait()
		refused()
		if n := r.asked.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

type contextKey struct{}

// TestContextOfACall: it has the values of the first caller's context, but not its end.
func TestContextOfACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(new(spy))
		var values []any
		note := func(ctx context.Context) { values = append(values, ctx.Value(contextKey{})) }
		r.cache.get = func(ctx context.Context) error { note(ctx); return nil }
		r.cache.set = func(ctx context.Context) error { note(ctx); return ctx.Err() }
		q := r.question("key", func(ctx context.Context) *result {
			note(ctx)
			if _, ok := ctx.Deadline(); ok {
				t.Error("the call has the deadline of a caller")
			}
			return slow("text", 10*time.Second)(ctx)
		})
		ask := func(value string, timeout time.Duration) error {
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey{}, value), timeout)
			defer cancel()
			got, err := r.Do(ctx, q)
			if err == nil && got.text != "text" {
				t.Errorf("got %v", got)
			}
			return err
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := ask("first", time.Second); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		synctest.Wait()
		if err := ask("second", time.Minute); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if !slices.Equal(values, []any{"first", "first", "first"}) {
			t.Errorf("the values of %v", values)
		}
	})
}

// TestCallersThatLeave: each returns at once, and alone. The call goes on until the last
// has left, no matter which began it.
func TestCallersThatLeave(t *testing.T) {
	t.Parallel()
	const takes = 10 * time.Second
	type caller struct{ comes, leaves time.Duration } // leaves 0: never
	ms := time.Millisecond
	for name, tt := range map[string]struct {
		callers []caller
		ended   []time.Duration // when the calls ended, from their beginnings
		sets    int
	}{
		"the first leaves":       {[]caller{{0, 100 * ms}, {50 * ms, 0}, {60 * ms, 0}}, []time.Duration{takes}, 1},
		"all but the last leave": {[]caller{{0, 100 * ms}, {50 * ms, 200 * ms}, {60 * ms, 0}}, []time.Duration{takes}, 1},
		"all leave":              {[]caller{{0, 100 * ms}, {50 * ms, 200 * ms}, {60 * ms, 150 * ms}}, []time.Duration{200 * ms}, 0},
		"one comes after all have left": {
			[]caller{{0, 100 * ms}, {50 * ms, 200 * ms}, {300 * ms, 0}, {400 * ms, 0}}, []time.Duration{200 * ms, takes}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(new(spy))
				var ended []time.Duration // written by one call at a time
				q := r.question("key", func(ctx context.Context) *result {
					begun := time.Now()
					defer func() { ended = append(ended, time.Since(begun)) }()
					return slow("text", takes)(ctx)
				})
				var wg sync.WaitGroup
				for _, c := range tt.callers {
					wg.Go(func() {
						time.Sleep(c.comes)
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						if c.leaves > 0 {
							time.AfterFunc(c.leaves-c.comes, cancel)
						}
						begun := time.Now()
						got, err := r.Do(ctx, q)
						if c.leaves == 0 {
							if err != nil || got.text != "text" {
								t.Error(got, err)
							}
						} else if took := time.Since(begun); took != c.leaves-c.comes || !errors.Is(err, context.Canceled) {
							t.Errorf("after %s: %v", took, err)
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				if !slices.Equal(ended, tt.ended) || r.asked.Load() != int64(len(tt.ended)) {
					t.Errorf("%d calls, which ended after %s", r.asked.Load(), ended)
				}
				r.cache.counts(t, len(tt.ended), tt.sets)
			})
		})
	}
}

// TestResultThatIsBeingStored: who asks meanwhile waits for it, who leaves meanwhile takes
// it along, and it is stored although no caller is left.
func TestResultThatIsBeingStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(&spy{set: func(ctx context.Context) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}})
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if text, err := r.ask(ctx, "key"); text != "text" || err != nil || time.Since(begun) != 1500*time.Millisecond {
			t.Errorf("%q, %v after %s", text, err, time.Since(begun))
		}
		if text, err := r.ask(t.Context(), "key"); text != "text" || err != nil || time.Since(begun) != 2*time.Second {
			t.Errorf("%q, %v after %s", text, err, time.Since(begun))
		}
		if n := r.asked.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		r.cache.counts(t, 1, 1)
	})
}

// TestResultAfterAllHaveLeft: it is stored, and does not become the result of the call
// that others have begun meanwhile.
func TestResultAfterAllHaveLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(&spy{set: func(ctx context.Context) error { return ctx.Err() }})
		q := r.question("key", func(context.Context) *result { // it does not watch its context
			text := fmt.Sprint("result ", r.asked.Load())
			time.Sleep(10 * time.Second)
			return &result{text: text}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := r.Do(ctx, q); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for _, wait := range []time.Duration{time.Second, 6 * time.Second} { // before that result, and after it
			wg.Go(func() {
				time.Sleep(wait)
				if got, err := r.Do(t.Context(), q); err != nil || got.text != "result 2" {
					t.Error(got, err)
				}
			})
		}
		time.Sleep(5500 * time.Millisecond)
		if want := stored(500*time.Millisecond, 200, "result 1"); r.cache.at("key") != want {
			t.Errorf("stored %q, want %q", r.cache.at("key"), want)
		}
		wg.Wait()
		if n := r.asked.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
		r.cache.counts(t, 2, 2)
		if r.told() != nil {
			t.Errorf("failures: %q", r.told())
		}
	})
}

// TestCallThatPanics: each caller gets the panic, as if it had made the call itself, and
// the next one makes another call.
func TestCallThatPanics(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"Ask", "Keep", "Recall"} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(new(spy))
				r.cache.put("key", stored(0, 200, "stored"))
				value := errors.New("the value of the panic")
				q := r.question("key", slow("text", time.Second))
				fail := func(at string) {
					time.Sleep(time.Second)
					if at == in {
						panic(value)
					}
				}
				q.Recall = func(context.Context, lookup.Value) (*result, error) { fail("Recall"); return nil, errors.New("no") }
				ask := q.Ask
				q.Ask = func(ctx context.Context) *result { fail("Ask"); return ask(ctx) }
				q.Keep = func(context.Context, *result) (lookup.Value, bool) { fail("Keep"); return lookup.Value{}, false }
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						defer func() {
							if p := recover(); p != value {
								t.Errorf("recovered %v", p)
							}
						}()
						got, err := r.Do(t.Context(), q)
						t.Errorf("no panic: %v, %v", got, err)
					})
				}
				wg.Wait()
				if text, err := r.ask(t.Context(), "key"); err != nil || text != "stored" {
					t.Errorf("the next call: %q, %v", text, err)
				}
			})
		})
	}
}

// TestCallThatEndsItsGoroutine: as t.FailNow does in a test. No caller is left waiting.
func TestCallThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(new(spy))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := r.Do(t.Context(), r.question("key", func(context.Context) *result {
					time.Sleep(time.Second)
					runtime.Goexit()
					return nil
				}))
				if err == nil || err.Error() != "the lookup ended without a response" {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if text, err := r.ask(t.Context(), "key"); err != nil || text != "text" {
			t.Errorf("the next call: %q, %v", text, err)
		}
	})
}

// TestKeepThatEndsItsGoroutine: the result is there, so the callers get it.
func TestKeepThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(new(spy))
		q := r.question("key", slow("text", time.Second))
		q.Keep = func(context.Context, *result) (lookup.Value, bool) {
			runtime.Goexit()
			return lookup.Value{}, true
		}
		if got, err := r.Do(t.Context(), q); err != nil || got.text != "text" {
			t.Errorf("%v, %v", got, err)
		}
		r.cache.counts(t, 1, 0)
	})
}
