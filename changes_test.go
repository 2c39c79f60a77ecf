package growthgenius_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// feedOf is the change feed of a resource, and how to write and read its records.
type feedOf[T any] struct {
	resource string
	changes  func(*growthgenius.Client, growthgenius.ChangeOptions) *growthgenius.ChangeFeed[T]
	read     func(*T) (id growthgenius.ID, text string)
	write    string // the JSON of an id, a text and, if it has one, a time
}

var (
	contactFeed = feedOf[growthgenius.Contact]{
		"contact",
		func(c *growthgenius.Client, o growthgenius.ChangeOptions) *growthgenius.ChangeFeed[growthgenius.Contact] {
			return c.Contacts.Changes(o)
		},
		func(c *growthgenius.Contact) (growthgenius.ID, string) { return c.ID, c.Title },
		`{"id":%[1]s,"title":%[2]q,"updated_at":%[3]q}`,
	}
	messageFeed = feedOf[growthgenius.Message]{
		"message",
		func(c *growthgenius.Client, o growthgenius.ChangeOptions) *growthgenius.ChangeFeed[growthgenius.Message] {
			return c.Messages.Changes(o)
		},
		func(m *growthgenius.Message) (growthgenius.ID, string) { return m.ID, m.RenderedCopy },
		`{"id":%[1]s,"rendered_copy":%[2]q}`,
	}
)

// record returns a record as the API lists it that was updated at a time.
func (f feedOf[T]) record(id growthgenius.ID, text string, at time.Time) string {
	return fmt.Sprintf(f.write, id, text, at.Format(time.RFC3339Nano))
}

// list returns a response with these records.
func (f feedOf[T]) list(records ...string) string {
	return `{"` + f.resource + `s":[` + strings.Join(records, ",") + `]}`
}

// bounds returns the period of a list request.
func bounds(r *http.Request) (from, to time.Time, err error) {
	q := r.URL.Query()
	from, err1 := time.Parse(time.RFC3339, q.Get("from"))
	to, err2 := time.Parse(time.RFC3339, q.Get("to"))
	return from, to, errors.Join(err1, err2)
}

// newYear is the beginning of fake time in a bubble.
var newYear = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// tape is a script whose responses depend on the window of the request. It keeps the windows,
// as "0s-8s" since its beginning, without the extra second at each end.
type tape struct {
	testkit.Script
	since time.Time
	asked []string
}

// beginning is 64 seconds before the end of what can be read in a new bubble if the clocks
// are right.
var beginning = newYear.Add(-125 * time.Second)

// newTape returns a tape that calls play for each response. If play returns neither a
// response nor an error, the request hangs.
func newTape(since time.Time, play func(from, to time.Duration) (*http.Response, error)) *tape {
	tp := &tape{since: since}
	tp.Respond = func(_ int, r *http.Request) (*http.Response, error) {
		from, to, err := bounds(r)
		if err != nil {
			return nil, err
		}
		a, b := from.Add(time.Second).Sub(since), to.Add(-time.Second).Sub(since)
		if tp.asked = append(tp.asked, span(a, b)); len(tp.asked) > mostRequests {
			return testkit.Reply(404, "this has no end"), nil
		}
		res, err := play(a, b)
		if res == nil && err == nil {
			<-r.Context().Done()
			err = r.Context().Err()
		}
		return res, err
	}
	return tp
}

func span(from, to time.Duration) string {
	return from.Round(100*time.Millisecond).String() + "-" + to.Round(100*time.Millisecond).String()
}

// follow reads a feed. It returns the windows in the notation of a tape, and the texts of the
// records of each.
func follow[T any](t *testing.T, f feedOf[T], tp *tape, seq iter.Seq2[*growthgenius.ChangeWindow[T], error]) (windows []string, texts [][]string, err error) {
	t.Helper()
	for w, failure := range seq {
		if err != nil {
			t.Errorf("the feed goes on after %v", err)
		}
		if err = failure; err != nil {
			if w != nil {
				t.Errorf("a window beside %v", err)
			}
			continue
		}
		windows = append(windows, span(w.From.Sub(tp.since), w.To.Sub(tp.since)))
		if !w.Checkpoint.Equal(w.To) {
			t.Errorf("%s: the checkpoint is %s", windows[len(windows)-1], w.Checkpoint)
		}
		var found []string
		for _, item := range w.Items {
			_, text := f.read(item)
			found = append(found, text)
		}
		texts = append(texts, found)
	}
	return windows, texts, err
}

const noContacts = `{"contacts":[]}`

// TestChangesWindows: which windows a feed requests, how it splits them, and how they grow
// again.
func TestChangesWindows(t *testing.T) {
	t.Parallel()
	type play func(from, to time.Duration) (*http.Response, error)
	fine := func(time.Duration, time.Duration) (*http.Response, error) { return testkit.Reply(200, noContacts), nil }
	// One KiB for each second, up to a time.
	dense := func(most time.Duration) play {
		return func(from, to time.Duration) (*http.Response, error) {
			length := min(most, to+time.Second) - max(0, from-time.Second)
			return testkit.Reply(200, noContacts+strings.Repeat(" ", int(max(0, length.Seconds())*1024))), nil
		}
	}
	// The first responses, and those to windows over a length, have another status, or never
	// come.
	failing := func(first int, longest time.Duration, status int) play {
		return func(from, to time.Duration) (*http.Response, error) {
			first--
			if first < 0 && to-from <= longest {
				return testkit.Reply(200, noContacts), nil
			}
			if status == 0 {
				return nil, nil
			}
			return testkit.Reply(status, "<html>"), nil
		}
	}
	at := func(seconds float64) time.Time { return beginning.Add(time.Duration(seconds * float64(time.Second))) }
	const (
		floor   = "; the window from 1999-12-31T23:57:55Z to 1999-12-31T23:57:56Z cannot be split any further: see WithAttemptTimeout and WithMaxResponseBytes"
		tooSlow = "0s-1m4s 0s-2s 2s-6s 6s-14s 14s-30s 14s-15s 15s-16s 16s-18s 18s-22s 22s-30s 30s-39.3s 39.3s-49s 49s-58.9s 58.9s-1m4s"
	)
	for name, tt := range map[string]struct {
		opts   growthgenius.ChangeOptions
		play   play
		most   int64 // bytes of a response
		asked  string
		ends   string        // the last window, if less of it is delivered
		waited time.Duration // for responses
		err    error
		words  string // in the error
	}{
		"all at once":       {play: fine, asked: "0s-1m4s"},
		"to the lag":        {play: fine, opts: growthgenius.ChangeOptions{Lag: 10 * time.Second}, asked: "0s-1m54s"},
		"to a time":         {play: fine, opts: growthgenius.ChangeOptions{Until: at(10)}, asked: "0s-10s"},
		"to a time to come": {play: fine, opts: growthgenius.ChangeOptions{Until: at(86400)}, asked: "0s-1m4s"},
		"by a window":       {play: fine, opts: growthgenius.ChangeOptions{Window: 20 * time.Second}, asked: "0s-20s 20s-40s 40s-1m0s 1m0s-1m4s"},
		"slower than time": {
			play: func(time.Duration, time.Duration) (*http.Response, error) {
				time.Sleep(25 * time.Second)
				return testkit.Reply(200, noContacts), nil
			}, opts: growthgenius.ChangeOptions{Window: 20 * time.Second},
			asked: "0s-20s 20s-40s 40s-1m0s 1m0s-1m4s", waited: 4 * 25 * time.Second,
		},
		"by a long window": {play: fine, opts: growthgenius.ChangeOptions{Window: time.Hour}, asked: "0s-1m4s"},
		"a little left":    {play: fine, opts: growthgenius.ChangeOptions{Window: 9 * time.Second, Until: at(9.5)}, asked: "0s-9s 9s-10s", ends: "9s-9.5s"},
		"unavailable once": {play: failing(1, 64*time.Second, 503), asked: "0s-1m4s 0s-1m4s"},
		"unavailable":      {play: failing(0, 0, 503), asked: "0s-1m4s 0s-1m4s 0s-1m4s 0s-1m4s", err: growthgenius.ErrServer, words: "503"},
		"refused":          {play: failing(0, 0, 403), asked: "0s-1m4s", err: growthgenius.ErrForbidden, words: "403"},
		"large":            {play: dense(24 * time.Second), most: 16 << 10, asked: "0s-1m4s 0s-32s 0s-16s 0s-8s 8s-16s 16s-24s 24s-32s 32s-48s 48s-1m4s"},
		"always too large": {
			play: dense(64 * time.Second), most: 1 << 10, asked: "0s-1m4s 0s-32s 0s-16s 0s-8s 0s-4s 0s-2s 0s-1s",
			err: growthgenius.ErrResponseTooLarge, words: "GET /contacts: response too large: the envelope is over 1024 bytes; see WithMaxResponseBytes" + floor,
		},
		"over 8 MiB": { // the smallest may have 64
			play: func(time.Duration, time.Duration) (*http.Response, error) {
				res := testkit.Reply(200, noContacts)
				res.ContentLength = 8<<20 + 1
				return res, nil
			}, opts: growthgenius.ChangeOptions{Until: at(2)}, asked: "0s-2s 0s-1s 1s-2s",
		},
		"slow":     {play: failing(0, 10*time.Second, 0), opts: growthgenius.ChangeOptions{Until: at(64)}, asked: tooSlow, waited: 2 * 30 * time.Second},
		"given up": {play: failing(0, 10*time.Second, 504), asked: tooSlow},
		"told so":  {play: failing(0, 10*time.Second, 408), asked: tooSlow},
		"slow once": {
			play: failing(1, 64*time.Second, 504), opts: growthgenius.ChangeOptions{Window: 32 * time.Second},
			asked: "0s-32s 0s-1s 1s-3s 3s-7s 7s-15s 15s-31s 31s-49.7s 49.7s-1m4s",
		},
		"always slow": {
			play: failing(0, 0, 0), asked: "0s-1m4s 0s-2s 0s-1s 0s-1s 0s-1s 0s-1s", waited: 6 * 30 * time.Second,
			words: "GET /contacts: no complete response within 30s; see WithAttemptTimeout (4 attempts in 2m0s)" + floor,
		},
		"always given up": {
			play: failing(0, 0, 504), asked: "0s-1m4s 0s-2s 0s-1s 0s-1s 0s-1s 0s-1s",
			err: growthgenius.ErrServer, words: "s)" + floor,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tp := newTape(beginning, tt.play)
				opts := []growthgenius.Option{growthgenius.WithRetry(testkit.Quick)}
				if tt.most > 0 {
					opts = append(opts, growthgenius.WithMaxResponseBytes(tt.most))
				}
				tt.opts.Since = beginning
				begun := time.Now()
				windows, _, err := follow(t, contactFeed, tp, testkit.Scripted(t, &tp.Script, opts...).Contacts.Changes(tt.opts).Windows(t.Context()))
				if asked := strings.Join(tp.asked, " "); asked != tt.asked {
					t.Errorf("asked for\n%s, want\n%s", asked, tt.asked)
				}
				var want []string // of the windows with the same start, the last that was requested
				for _, w := range strings.Fields(tt.asked) {
					begins, _, _ := strings.Cut(w, "-")
					if n := len(want); n > 0 && strings.HasPrefix(want[n-1], begins+"-") {
						want = want[:n-1]
					}
					want = append(want, w)
				}
				if tt.ends != "" {
					want[len(want)-1] = tt.ends
				}
				if tt.words != "" {
					want = want[:len(want)-1]
				}
				if !slices.Equal(windows, want) {
					t.Errorf("windows %q, want %q", windows, want)
				}
				if !errors.Is(err, tt.err) && tt.err != nil || (err != nil) != (tt.words != "") || err != nil && !strings.Contains(err.Error(), tt.words) {
					t.Errorf("%v, want %v and %q", err, tt.err, tt.words)
				}
				if waited := time.Since(begun).Round(time.Second); waited != tt.waited {
					t.Errorf("waited %s, want %s", waited, tt.waited)
				}
			})
		})
	}
}

// TestChangesRecover: after a short outage of the server, windows grow long again.
func TestChangesRecover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := 6
		tp := newTape(time.Unix(0, 0), func(time.Duration, time.Duration) (*http.Response, error) {
			down--
			if down >= 0 {
				return testkit.Reply(504, ""), nil
			}
			return testkit.Reply(200, noContacts), nil
		})
		windows, _, err := follow(t, contactFeed, tp, testkit.Scripted(t, &tp.Script).Contacts.Changes(growthgenius.ChangeOptions{}).Windows(t.Context()))
		if err != nil || len(windows) > 600 || !strings.HasSuffix(windows[len(windows)-1], "-"+newYear.Add(-61*time.Second).Sub(tp.since).String()) {
			t.Errorf("%d windows, %v", len(windows), err)
		}
	})
}

// TestChangesClocks: only the server's clock determines what may be read.
func TestChangesClocks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		skew           time.Duration
		since          time.Time
		asked, windows string
	}{
		"10 minutes ahead":  {10 * time.Minute, beginning, "0s-1m4s 11m5s-11m3s 1m4s-11m4s", "0s-1m4s 1m4s-11m4s"},
		"10 minutes behind": {-10 * time.Minute, beginning.Add(-10 * time.Minute), "0s-11m4s", "0s-1m4s"},
		"a year behind":     {-8760 * time.Hour, time.Unix(0, 0), "0s-262967h58m59s", "0s-254207h58m59s"},
		"caught up":         {0, beginning.Add(64 * time.Second), "0s-1s", ""},
		"later than that":   {0, newYear, "0s-1s", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tp := newTape(tt.since, func(time.Duration, time.Duration) (*http.Response, error) {
					return testkit.Reply(200, noContacts, "Date", time.Now().Add(tt.skew).UTC().Format(http.TimeFormat)), nil
				})
				feed := testkit.Scripted(t, &tp.Script).Contacts.Changes(growthgenius.ChangeOptions{Since: tt.since})
				windows, _, err := follow(t, contactFeed, tp, feed.Windows(t.Context()))
				if err != nil || strings.Join(tp.asked, " ") != tt.asked || strings.Join(windows, " ") != tt.windows {
					t.Errorf("asked for %q and got %q, %v", tp.asked, windows, err)
				}
			})
		})
	}
}

// TestChangesOtherClock: neither a response of a proxy with another clock nor a response that
// took long makes a checkpoint later than it may be.
func TestChangesOtherClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := true
		tp := newTape(beginning, func(time.Duration, time.Duration) (*http.Response, error) {
			if first {
				first = false
				return testkit.Reply(503, "", "Date", newYear.Add(4*time.Second).Format(http.TimeFormat)), nil
			}
			time.Sleep(6 * time.Second)
			return testkit.Reply(200, noContacts), nil
		})
		feed := testkit.Scripted(t, &tp.Script, growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 1, MaxBackoff: 1})).Contacts.Changes(growthgenius.ChangeOptions{Since: beginning})
		windows, _, err := follow(t, contactFeed, tp, feed.Windows(t.Context()))
		if err != nil || !slices.Equal(windows, []string{"0s-1m4s"}) {
			t.Errorf("%q, %v", windows, err)
		}
	})
}

// TestChangesRefused: what cannot work is an error with the reason, mostly before anything is
// sent.
func TestChangesRefused(t *testing.T) {
	t.Parallel()
	undated := func() *http.Response {
		res := testkit.Reply(200, noContacts)
		res.Header.Del("Date")
		return res
	}
	for name, tt := range map[string]struct {
		opts   growthgenius.ChangeOptions
		client func(*growthgenius.Client) *growthgenius.Client
		answer *http.Response
		words  string // "" for none
	}{
		"negative lag":    {opts: growthgenius.ChangeOptions{Lag: -1}, words: "Lag must not be negative and Window must be at least 1s; got -1ns and 0s"},
		"negative window": {opts: growthgenius.ChangeOptions{Window: -time.Second}, words: "Window must be at least 1s; got 0s and -1s"},
		"short window":    {opts: growthgenius.ChangeOptions{Window: 999 * time.Millisecond}, words: "Window must be at least 1s; got 0s and 999ms"},
		"until before since": {
			opts:  growthgenius.ChangeOptions{Since: newYear, Until: newYear.Add(-1)},
			words: "Until (1999-12-31T23:59:59Z) is before Since (2000-01-01T00:00:00Z)",
		},
		"until before the epoch": {opts: growthgenius.ChangeOptions{Until: time.Unix(-1, 0)}, words: "Until (1969-12-31T23:59:59Z) is before Since (1970-01-01T00:00:00Z)"},
		"no user":                {client: func(c *growthgenius.Client) *growthgenius.Client { return c.ForUser("") }, words: "no acting user"},
		"a time to come": {
			opts: growthgenius.ChangeOptions{Since: newYear.Add(2 * time.Second)}, answer: testkit.Reply(200, noContacts, "Date", newYear.Format(http.TimeFormat)),
			words: "Since (2000-01-01T00:00:02Z) is in the future: the API's clock shows 2000-01-01T00:00:00Z",
		},
		"no date":              {answer: undated(), words: "the response has no Date header, so the end of the last window cannot be determined: set ChangeOptions.Until"},
		"no date, but an end":  {opts: growthgenius.ChangeOptions{Until: beginning}, answer: undated()},
		"the longest lag":      {opts: growthgenius.ChangeOptions{Lag: 1<<63 - 1}, answer: testkit.Reply(200, noContacts)},
		"an answer of no list": {answer: testkit.Reply(200, `{"error":"maintenance"}`), words: "unexpected response"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return tt.answer, nil }}
				c := testkit.Scripted(t, s)
				if tt.client != nil {
					c = tt.client(c)
				}
				turns := 0
				var failure error
				for w, err := range c.Contacts.Changes(tt.opts).Windows(t.Context()) {
					turns++
					failure = err
					if (w == nil) != (err != nil) {
						t.Errorf("%+v and %v", w, err)
					}
				}
				if sent := s.Sent.Load(); sent > 1 || (sent == 1) != (tt.answer != nil) {
					t.Errorf("%d requests", sent)
				}
				if tt.words == "" && failure != nil || tt.words != "" && (turns != 1 || failure == nil || !strings.Contains(failure.Error(), tt.words)) {
					t.Errorf("%d turns, %v", turns, failure)
				}
				invalid := tt.words != "" && (tt.answer == nil || !tt.opts.Since.IsZero())
				if errors.Is(failure, growthgenius.ErrInvalidInput) != invalid || failure != nil && !strings.HasPrefix(failure.Error(), "growthgenius: GET /contacts: ") {
					t.Errorf("%v", failure)
				}
			})
		})
	}
}

// TestChangesStop: nothing is sent after the end of the loop or of the context, and each loop
// starts from the beginning.
func TestChangesStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		under := func() {}
		tp := newTape(beginning, func(time.Duration, time.Duration) (*http.Response, error) {
			under()
			return testkit.Reply(200, noContacts), nil
		})
		feed := testkit.Scripted(t, &tp.Script).Contacts.Changes(growthgenius.ChangeOptions{Since: beginning, Window: 20 * time.Second})
		for range 2 {
			turns := 0
			for w, err := range feed.Windows(t.Context()) {
				if err != nil || !w.From.Equal(beginning.Add(time.Duration(turns)*20*time.Second)) {
					t.Errorf("%+v, %v", w, err)
				}
				turns++
				if turns == 2 {
					break
				}
			}
		}
		if asked := strings.Join(tp.asked, " "); asked != "0s-20s 20s-40s 0s-20s 20s-40s" {
			t.Errorf("asked for %s", asked)
		}
		for name, want := range map[string]int{"before": 0, "between": 1, "under way": 2} {
			ctx, cancel := context.WithCancel(t.Context())
			tp.asked, under = nil, func() {}
			switch name {
			case "before":
				cancel()
			case "under way":
				under = func() {
					if len(tp.asked) == 2 {
						cancel()
						<-ctx.Done()
					}
				}
			}
			var failure error
			for _, err := range feed.Windows(ctx) {
				failure = err
				if name == "between" {
					cancel()
				}
			}
			cancel()
			if len(tp.asked) != want || name != "under way" && !errors.Is(failure, context.Canceled) {
				t.Errorf("%s: asked for %q, %v", name, tp.asked, failure)
			}
		}
	})
}

// TestChangesOverlap: a record that is in two windows is delivered once, unless it changed.
func TestChangesOverlap(t *testing.T) {
	t.Parallel()
	t.Run("contacts", func(t *testing.T) { t.Parallel(); overlaps(t, contactFeed) })
	t.Run("messages", func(t *testing.T) { t.Parallel(); overlaps(t, messageFeed) })
}

func overlaps[T any](t *testing.T, f feedOf[T]) {
	t.Helper()
	at := beginning.Add(19500 * time.Millisecond)
	rec := func(id growthgenius.ID, text string) string { return f.record(id, text, at) }
	for name, tt := range map[string]struct{ shown, want [4][]string }{
		"unchanged":          {[4][]string{{rec("1", "a"), rec("2", "b")}, {rec("2", "b"), rec("1", "a")}}, [4][]string{{"a", "b"}}},
		"shown three times":  {[4][]string{{rec("1", "a")}, {rec("1", "a")}, {rec("1", "a")}}, [4][]string{{"a"}}},
		"changed":            {[4][]string{{rec("1", "a"), rec("2", "b")}, {rec("1", "A"), rec("2", "b")}}, [4][]string{{"a", "b"}, {"A"}}},
		"changed and back":   {[4][]string{{rec("1", "a")}, {rec("1", "A")}, {rec("1", "a")}}, [4][]string{{"a"}, {"A"}, {"a"}}},
		"the same of others": {[4][]string{{rec("1", "a")}, {rec("2", "a")}}, [4][]string{{"a"}, {"a"}}},
		"gone between":       {[4][]string{{rec("1", "a")}, {}, {rec("1", "a")}}, [4][]string{{"a"}, {}, {"a"}}},
		"old and new":        {[4][]string{{rec("1", "new")}, {rec("1", "old"), rec("1", "new")}}, [4][]string{{"new"}, {"old", "new"}}},
		"old and new again": {
			[4][]string{{rec("1", "old"), rec("1", "new")}, {rec("1", "new")}, {rec("1", "old")}},
			[4][]string{{"old", "new"}, {}, {"old"}},
		},
		"number 0": {[4][]string{{rec("0", "a")}, {rec("0", "a")}}, [4][]string{{"a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := -1
				tp := newTape(beginning, func(from, _ time.Duration) (*http.Response, error) {
					if from%(20*time.Second) == 0 { // a window, and not a look at a part of one
						n++
					}
					return testkit.Reply(200, f.list(tt.shown[n]...)), nil
				})
				feed := f.changes(testkit.Scripted(t, &tp.Script), growthgenius.ChangeOptions{Since: beginning, Window: 20 * time.Second})
				windows, texts, err := follow(t, f, tp, feed.Windows(t.Context()))
				if err != nil || len(windows) != 4 { // those without records too
					t.Fatalf("%q, %v", windows, err)
				}
				for i, want := range tt.want {
					if !slices.Equal(texts[i], want) {
						t.Errorf("window %s: %q, want %q", windows[i], texts[i], want)
					}
				}
			})
		})
	}
}

// TestChangesOverlapByTime: only the records are remembered that the next window could show
// again, which is decided by the time of a contact.
func TestChangesOverlapByTime(t *testing.T) {
	t.Parallel()
	for age, again := range map[time.Duration]bool{0: false, 2 * time.Second: false, 2*time.Second + 1: true, time.Minute: true, -time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			tp := newTape(beginning, func(time.Duration, time.Duration) (*http.Response, error) {
				return testkit.Reply(200, contactFeed.list(contactFeed.record("1", "a", beginning.Add(20*time.Second-age)))), nil
			})
			feed := testkit.Scripted(t, &tp.Script).Contacts.Changes(growthgenius.ChangeOptions{Since: beginning, Until: beginning.Add(40 * time.Second), Window: 20 * time.Second})
			_, texts, err := follow(t, contactFeed, tp, feed.Windows(t.Context()))
			if err != nil || len(texts) != 2 || len(texts[0]) != 1 || (len(texts[1]) == 1) != again {
				t.Errorf("%s before the end: %q, %v", age, texts, err)
			}
		})
	}
}

// TestChangesWire: the requests are those of a list, on behalf of the client's user.
func TestChangesWire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			sent = append(sent, r.Method+" "+r.URL.RequestURI())
			return testkit.Reply(200, `{"`+r.URL.Path[len("/integrations/v1/"):]+`":[]}`), nil
		}}
		c := testkit.Scripted(t, s).ForUser("7")
		opts := growthgenius.ChangeOptions{Since: beginning.In(time.FixedZone("", 3600)), Until: beginning.Add(1500 * time.Microsecond)}
		for w, err := range c.Contacts.Changes(opts).Windows(t.Context()) {
			if err != nil || w.Items != nil || !w.Checkpoint.Equal(opts.Until) {
				t.Errorf("%+v, %v", w, err)
			}
		}
		opts = growthgenius.ChangeOptions{}
		for w, err := range c.Messages.Changes(opts).Windows(t.Context()) {
			if err != nil || !w.From.Equal(time.Unix(0, 0)) {
				t.Errorf("%+v, %v", w, err)
			}
		}
		want := []string{
			"GET /integrations/v1/contacts?from=1999-12-31T23%3A57%3A54.000Z&to=1999-12-31T23%3A57%3A57.000Z&user_id=7",
			"GET /integrations/v1/messages?from=1969-12-31T23%3A59%3A59.000Z&to=1999-12-31T23%3A59%3A00.000Z&user_id=7",
		}
		if !slices.Equal(sent, want) {
			t.Errorf("%q, want %q", sent, want)
		}
	})
}

// TestChangesBurst: twelve thousand records of one moment, too large for any window but the
// smallest, are each delivered once.
func TestChangesBurst(t *testing.T) {
	t.Parallel()
	t.Run("contacts", func(t *testing.T) { t.Parallel(); burst(t, contactFeed) })
	t.Run("messages", func(t *testing.T) { t.Parallel(); burst(t, messageFeed) })
}

func burst[T any](t *testing.T, f feedOf[T]) {
	t.Helper()
	const count, moment = 12_000, 40 * time.Second
	all := make([]string, count)
	for i := range all {
		all[i] = f.record(growthgenius.IntID(int64(i+1)), "x", beginning.Add(moment))
	}
	body := f.list(all...)
	synctest.Test(t, func(t *testing.T) {
		tp := newTape(beginning, func(from, to time.Duration) (*http.Response, error) {
			if moment < from-time.Second || moment > to+time.Second {
				return testkit.Reply(200, f.list()), nil
			}
			res := testkit.Reply(200, body)
			if to-from > time.Second {
				res.ContentLength = 9 << 20
			}
			return res, nil
		})
		delivered := map[growthgenius.ID]int{}
		for w, err := range f.changes(testkit.Scripted(t, &tp.Script), growthgenius.ChangeOptions{Since: beginning}).Windows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range w.Items {
				id, _ := f.read(item)
				delivered[id]++
			}
		}
		for id, n := range delivered {
			if n != 1 {
				t.Fatalf("record %s was delivered %d times", id, n)
			}
		}
		if len(delivered) != count || len(tp.asked) > 30 {
			t.Errorf("%d records, %d requests: %q", len(delivered), len(tp.asked), tp.asked)
		}
	})
}

// TestListThatSaysItIsPartial: the reference documents these fields for searches only, but a
// list with them is not complete either. A feed requests a shorter period.
func TestListThatSaysItIsPartial(t *testing.T) {
	t.Parallel()
	for _, words := range []string{`"partial_results_only":true`, `"pagination":{"total_entries":2}`} {
		body := `{"contacts":[{"id":1}],` + words + `}`
		c := testkit.Scripted(t, testkit.Text(body))
		if _, err := c.Contacts.List(t.Context(), testkit.Everything); !errors.Is(err, growthgenius.ErrPartialResults) {
			t.Errorf("List: %s: %v", words, err)
		}
		if _, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything)); !errors.Is(err, growthgenius.ErrPartialResults) {
			t.Errorf("Stream: %s: %v", words, err)
		}
		if _, err := testkit.Scripted(t, testkit.Text(`{"contact":{"id":1},`+words+`}`)).Contacts.Get(t.Context(), "1"); err != nil {
			t.Errorf("Get: %s: %v", words, err)
		}
		if list, err := testkit.Scripted(t, testkit.Text(`{"contacts":[{"id":1},null],"pagination":{"total_entries":2}}`)).Contacts.List(t.Context(), testkit.Everything); err != nil || len(list) != 1 {
			t.Errorf("with a null: %v %v", list, err)
		}
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour)
			cut := func(_ int, r *http.Request) (*http.Response, error) {
				from, _ := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
				to, _ := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
				answer := `{"contacts":[{"id":1}]}`
				if to.Sub(from) > 10*time.Minute {
					answer = body
				}
				return testkit.Reply(200, answer, "Date", time.Now().UTC().Format(http.TimeFormat)), nil
			}
			windows := 0
			for _, err := range testkit.Scripted(t, &testkit.Script{Respond: cut}).Contacts.Changes(growthgenius.ChangeOptions{Since: time.Now().Add(-time.Hour)}).Windows(t.Context()) {
				if err != nil {
					t.Fatalf("Changes: %s: %v", words, err)
				}
				windows++
			}
			if windows < 6 {
				t.Errorf("%d windows of an hour", windows)
			}
		})
	}
}

func TestChangesMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it counts memory")
	}
	const (
		count  = 100_000
		gap    = 64 * time.Millisecond
		record = `{"id":%7d,"email":"somebody@example.com","first_name":"Steve","last_name":"Jobs","title":"CEO","company_name":"Apple","updated_at":"%s"},`
		limit  = 1 << 20
	)
	since := time.Now().Add(-3 * time.Hour).Truncate(time.Second)
	size := len(fmt.Sprintf(record, 1, since.UTC().Format("2006-01-02T15:04:05.000Z")))
	tp := newTape(since, func(from, to time.Duration) (*http.Response, error) {
		first, end := max(0, int((from-time.Second)/gap)), min(count, int((to+time.Second)/gap)+1)
		if (end-first)*size > limit {
			res := testkit.Reply(200, "")
			res.ContentLength = limit + 1
			return res, nil
		}
		var b strings.Builder
		b.WriteString(`{"contacts":[`)
		for i := first; i < end; i++ {
			fmt.Fprintf(&b, record, i, since.Add(time.Duration(i)*gap).UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		return testkit.Reply(200, strings.TrimSuffix(b.String(), ",")+"]}"), nil
	})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	feed := testkit.Scripted(t, &tp.Script, growthgenius.WithMaxResponseBytes(limit)).Contacts.Changes(growthgenius.ChangeOptions{Since: since})
	delivered, windows, most := 0, 0, int64(0)
	for w, err := range feed.Windows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		delivered += len(w.Items)
		windows++
		if windows%4 == 0 {
			most = max(most, heap()-before)
		}
	}
	if delivered != count || windows < 16 || most > 32<<20 {
		t.Errorf("%d contacts in %d windows, with %d bytes in memory", delivered, windows, most)
	}
}

// TestChangesOfAServer: two programs in turn copy what is created, updated and deleted, from
// a server whose lists lag and whose clock is wrong.
func TestChangesOfAServer(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]growthgeniustest.ServerOption{
		"as documented":     nil,
		"exclusive bounds":  {growthgeniustest.WithExclusiveBounds()},
		"late lists":        {growthgeniustest.WithListLag(50 * time.Second)},
		"10 minutes ahead":  {growthgeniustest.WithClockSkew(10 * time.Minute)},
		"10 minutes behind": {growthgeniustest.WithClockSkew(-10 * time.Minute), growthgeniustest.WithListLag(50 * time.Second)},
		"other shapes":      {growthgeniustest.WithWrappedListItems(), growthgeniustest.WithTextIDs(), growthgeniustest.WithSingularEnvelopes()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				c := srv.NewClient()
				contacts, messages := map[string]string{}, map[string]string{}
				var since, messagesSince time.Time
				// poll copies the changes, and returns their texts.
				poll := func() string {
					t.Helper()
					time.Sleep(2 * time.Minute)
					var texts []string
					for w, err := range srv.NewClient().Contacts.Changes(growthgenius.ChangeOptions{Since: since}).Windows(t.Context()) {
						if err != nil {
							t.Fatal(err)
						}
						for _, contact := range w.Items {
							contacts[string(contact.ID)] = contact.Title
							texts = append(texts, contact.Title)
						}
						since = w.Checkpoint
					}
					for w, err := range srv.NewClient().Messages.Changes(growthgenius.ChangeOptions{Since: messagesSince}).Windows(t.Context()) {
						if err != nil {
							t.Fatal(err)
						}
						for _, message := range w.Items {
							messages[string(message.ID)] = message.RenderedCopy
							texts = append(texts, message.RenderedCopy)
						}
						messagesSince = w.Checkpoint
					}
					slices.Sort(texts)
					return strings.Join(texts, " ")
				}
				contact := func(title string) growthgenius.ContactInput {
					return growthgenius.ContactInput{Title: growthgenius.Set(title)}
				}
				message := func(text string) growthgenius.MessageInput {
					return growthgenius.MessageInput{RenderedCopy: growthgenius.Set(text)}
				}
				must := func(id growthgenius.ID, err error) growthgenius.ID {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
					return id
				}
				var ids []growthgenius.ID
				for i := range 3 {
					made, err := c.Contacts.Create(t.Context(), contact(fmt.Sprintf("c%d", i)))
					ids = append(ids, must(made.ID, err))
				}
				sent, err := c.Messages.Create(t.Context(), message("m0"))
				must("", err)
				if got := poll(); got != "c0 c1 c2 m0" {
					t.Errorf("at first: %q", got)
				}
				if got := poll(); got != "" {
					t.Errorf("unchanged: %q", got)
				}
				_, err = c.Contacts.Update(t.Context(), ids[1], contact("c1 v2"))
				must("", err)
				_, err = c.Contacts.Update(t.Context(), ids[1], contact("c1-v3"))
				must("", err)
				must("", c.Contacts.Delete(t.Context(), ids[0]))
				_, err = c.Contacts.Create(t.Context(), contact("c3"))
				must("", err)
				_, err = c.Messages.Update(t.Context(), sent.ID, message("m0-v2"))
				must("", err)
				if got := poll(); got != "c1-v3 c3 m0-v2" {
					t.Errorf("after updates: %q", got)
				}
				if got := poll(); got != "" {
					t.Errorf("unchanged again: %q", got)
				}
				delete(contacts, string(ids[0])) // deletions cannot be seen, as documented
				for _, contact := range srv.Contacts() {
					if contacts[string(contact.ID)] != contact.Title {
						t.Errorf("contact %s is %q", contact.ID, contacts[string(contact.ID)])
					}
				}
				if len(contacts) != len(srv.Contacts()) || len(messages) != 1 {
					t.Errorf("%v, %v", contacts, messages)
				}
			}, opts...)
		})
	}
}
