package lookup_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/lookup"
)

// deaf is how long a cache hangs that does not watch its context.
const deaf = time.Hour

// TestFailingCache: whatever is wrong with the cache, the call is made, in bounded time,
// and the failure is reported.
func TestFailingCache(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail  func(ctx context.Context) error
		delay time.Duration
		told  string
	}{
		"error":      {func(context.Context) error { return errors.New("connection refused") }, 0, "connection refused"},
		"panic":      {func(context.Context) error { panic("a bug") }, 0, "it panicked: a bug"},
		"Goexit":     {func(context.Context) error { runtime.Goexit(); return nil }, 0, "it ended its goroutine"},
		"hang":       {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 2 * time.Second, "context deadline exceeded"},
		"deaf hang":  {func(context.Context) error { time.Sleep(deaf); return nil }, 2 * time.Second, "context deadline exceeded"},
		"it is slow": {func(context.Context) error { time.Sleep(time.Second); return nil }, time.Second, ""},
	} {
		for _, in := range []string{"get", "set", "both"} {
			t.Run(name+"/"+in, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newRig(new(spy))
					var delay time.Duration
					var want []string
					fails := func(method *func(context.Context) error) {
						*method = tt.fail
						delay += tt.delay
						if tt.told != "" {
							want = append(want, "the question: "+tt.told)
						}
					}
					if in != "set" {
						fails(&r.cache.get)
					}
					if in != "get" {
						fails(&r.cache.set)
					}
					begun := time.Now()
					if text, err := r.ask(t.Context(), "key"); text != "text" || err != nil {
						t.Errorf("%q, %v", text, err)
					}
					if took := time.Since(begun); took != time.Second+delay {
						t.Errorf("it took %s, want %s", took, time.Second+delay)
					}
					if !slices.Equal(r.told(), want) {
						t.Errorf("reported %q, want %q", r.told(), want)
					}
					time.Sleep(2 * deaf) // a bubble ends when all in it has
				})
			})
		}
	}
}

// TestHangingCacheAndContext: a hang takes no more of a caller's time than its context has
// left, and after that it is not reported, as the call was canceled.
func TestHangingCacheAndContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(&spy{get: func(context.Context) error { time.Sleep(deaf); return nil }})
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := r.ask(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 500*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		synctest.Wait()
		if r.told() != nil {
			t.Errorf("reported %q", r.told())
		}
		time.Sleep(deaf)
	})
}

// TestMiss: neither a value nor an error is nothing to report.
func TestMiss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(new(spy))
		r.cache.put("other", stored(0, 200, "of another key"))
		if text, err := r.ask(t.Context(), "key"); text != "text" || err != nil || r.told() != nil {
			t.Errorf("%q, %v, reported %q", text, err, r.told())
		}
	})
}

// TestStoredValues: one that is fresh and readable is used. One that is not is replaced,
// and reported unless it is just old.
func TestStoredValues(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name           string
		value          func() string
		used, reported bool
	}{
		{"new", func() string { return stored(0, 200, "text") }, true, false},
		{"29 days old", func() string { return stored(29*day, 200, "text") }, true, false},
		{"30 days old", func() string { return stored(30*day, 200, "text") }, false, false},
		{"30 days less a second old", func() string { return stored(30*day-time.Second, 200, "text") }, true, false},
		{"years old", func() string { return stored(5000*day, 200, "text") }, false, false},
		{"from the near future", func() string { return stored(-30*time.Minute, 200, "text") }, true, false},
		{"an hour ahead", func() string { return stored(-time.Hour, 200, "text") }, true, false},
		{"over an hour ahead", func() string { return stored(-time.Hour-time.Second, 200, "text") }, false, false},
		{"nobody found", func() string { return stored(0, 404, "nobody") }, true, false},
		{"nobody found a day ago", func() string { return stored(day, 404, "nobody") }, false, false},
		{"nobody found almost a day ago", func() string { return stored(day-time.Second, 404, "nobody") }, true, false},
		{"several lines", func() string { return stored(0, 200, "a\nb\n") }, true, false},
		{"refused by Recall", func() string { return stored(0, 200, "") }, false, true},
		{"empty", func() string { return "" }, false, true},
		{"a line feed", func() string { return "\n" }, false, true},
		{"a body alone", func() string { return `{"id":1}` }, false, true},
		{"no line feed", func() string { return strings.TrimSuffix(stored(0, 200, ""), "\n") }, false, true},
		{"an older version", func() string { return "growthgenius/0" + stored(0, 200, "text")[14:] }, false, true},
		{"a newer version", func() string { return "growthgenius/2" + stored(0, 200, "text")[14:] }, false, true},
		{"another status", func() string { return stored(0, 202, "text") }, false, true},
		{"an error's status", func() string { return stored(0, 500, "text") }, false, true},
		{"two blanks", func() string { return strings.Replace(stored(0, 200, "text"), " ", "  ", 1) }, false, true},
		{"a word more", func() string { return strings.Replace(stored(0, 200, "text"), "\n", " 1\n", 1) }, false, true},
		{"no time", func() string { return "growthgenius/1 200 now\ntext" }, false, true},
		{"a huge time", func() string { return "growthgenius/1 200 99999999999999999999\ntext" }, false, true},
		{"upper case", func() string { return strings.ToUpper(stored(0, 200, "text")) }, false, true},
		{"garbage", func() string { return "\xff\xfe\x00" }, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(new(spy))
				time.Sleep(12345 * time.Hour) // so that no time is a round one
				value := tt.value()
				r.cache.put("key", value)
				got, err := r.Do(t.Context(), r.question("key", slow("fresh", time.Second)))
				if err != nil {
					t.Fatal(err)
				}
				now := r.cache.at("key")
				if tt.used {
					_, body, _ := strings.Cut(value, "\n")
					notFound := strings.HasPrefix(value, "growthgenius/1 404")
					if !notFound && got.text != body || notFound && (got.err == nil || got.err.Error() != body) || now != value || r.asked.Load() != 0 {
						t.Errorf("%q: got %v in %d calls, and the cache has %q", value, got, r.asked.Load(), now)
					}
				} else if got.text != "fresh" || now != stored(0, 200, "fresh") || r.asked.Load() != 1 {
					t.Errorf("%q: got %v in %d calls, and the cache has %q", value, got, r.asked.Load(), now)
				}
				want := []string{"the question: a value in it cannot be used"}
				if !tt.reported {
					want = nil
				}
				if !slices.Equal(r.told(), want) {
					t.Errorf("%q: reported %q", value, r.told())
				}
			})
		})
	}
}

// FuzzCachedValue: whatever a cache returns, it is used as what it says, or the call is
// made.
func FuzzCachedValue(f *testing.F) {
	for _, value := range []string{
		"growthgenius/1 200 946684800\n" + `{"id":"tesla"}`, "growthgenius/1 404 946684800\n{\"error\":\"nobody\"}",
		"growthgenius/1 404 946684800\n", "growthgenius/1 200 946684800\n{\"contact\":{\"company_name\":\"Tesla\"}}",
		"growthgenius/1 200 944092800\n{\"id\":\"old\"}", "growthgenius/1 200 946690000\n{\"id\":\"tomorrow's\"}",
		"growthgenius/2 200 946684800\n{}", "growthgenius/1 200 99999999999999999999\n{}", "growthgenius/1 200 -1\n{}",
		"", "\n", "{}",
	} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		synctest.Test(t, func(t *testing.T) { // the clock begins at 946684800
			r := newRig(new(spy))
			r.cache.put("key", string(value))
			q := r.question("key", slow("fresh", time.Second))
			var recalled []lookup.Value
			recall := q.Recall
			q.Recall = func(ctx context.Context, v lookup.Value) (*result, error) {
				recalled = append(recalled, v)
				return recall(ctx, v)
			}
			begun := time.Now()
			got, err := r.Do(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case len(recalled) == 0 || len(recalled[0].Body) == 0:
				if got.text != "fresh" || r.cache.at("key") != "growthgenius/1 200 946684801\nfresh" {
					t.Errorf("%q: got %v, and the cache has %q", value, got, r.cache.at("key"))
				}
			case r.asked.Load() != 0 || r.cache.at("key") != string(value) || !time.Now().Equal(begun):
				t.Errorf("%q: used, and the call is made too", value)
			case !sameValue(recalled[0], got, string(value)):
				t.Errorf("%q: recalled as %+v, got %v", value, recalled, got)
			}
		})
	})
}

// sameValue reports whether a value is what the cache says, and the result is the value.
func sameValue(v lookup.Value, got *result, stored string) bool {
	status := "404"
	if v.Found {
		status = "200"
	}
	line, body, _ := strings.Cut(stored, "\n")
	if !strings.HasPrefix(line, "growthgenius/1 "+status+" ") || body != string(v.Body) {
		return false
	}
	return v.Found && got.text == body || !v.Found && got.err != nil && got.err.Error() == body
}
