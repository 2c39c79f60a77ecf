package growthgenius_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// copied reads the changes of a resource until the end, and returns the ids, the last
// checkpoint and how many windows there were.
func copied[T any](t *testing.T, f feedOf[T], c *growthgenius.Client, o growthgenius.ChangeOptions) (ids map[growthgenius.ID]bool, checkpoint time.Time, windows int, err error) {
	t.Helper()
	ids = map[growthgenius.ID]bool{}
	for w, failure := range f.changes(c, o).Windows(t.Context()) {
		if err = failure; err != nil {
			break
		}
		windows++
		checkpoint = w.Checkpoint
		for _, item := range w.Items {
			id, _ := f.read(item)
			ids[id] = true
		}
	}
	return ids, checkpoint, windows, err
}

// TestChangesOfCappedLists: whatever the limit of the lists, and in whatever order they are
// cut, every record is delivered, or the feed ends before one that it cannot have.
func TestChangesOfCappedLists(t *testing.T) {
	t.Parallel()
	for _, by := range capOrders() {
		for _, most := range []int{5, 100, 137} {
			t.Run(fmt.Sprintf("%d of order %d", most, by), func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					const count = 250
					at := time.Now().Add(-10 * time.Hour)
					for i := range count { // created in another order than updated
						at := at.Add(time.Duration(i*97%count) * time.Minute)
						srv.AddContacts(growthgenius.Contact{UpdatedAt: at})
						time.Sleep(7 * time.Second)
						srv.AddMessages(growthgenius.Message{SentAt: []time.Time{{}, time.Now(), at}[i%3]})
					}
					time.Sleep(2 * time.Minute)
					srv.ResetRequests()
					found, _, _, err := copied(t, contactFeed, srv.NewClient(), growthgenius.ChangeOptions{})
					if len(found) != count || err != nil {
						t.Errorf("%d contacts, %v", len(found), err)
					}
					messages, _, _, err := copied(t, messageFeed, srv.NewClient(), growthgenius.ChangeOptions{})
					if len(messages) != count || err != nil {
						t.Errorf("%d messages, %v", len(messages), err)
					}
					if n := len(srv.Requests()); n > 1000 {
						t.Errorf("%d requests", n)
					}
				}, growthgeniustest.WithListCap(most, by))
			})
		}
	}
}

// TestChangesOfOneMoment: records of one moment cannot be told apart by time. If they are as
// many as a limit would leave, and no list shows more, the feed ends with an error.
func TestChangesOfOneMoment(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		count, others, most int
		whole               bool
	}{
		"cut, and nothing else": {250, 0, 100, false}, "cut, beside others": {250, 70, 100, false}, "cut at an odd number, beside others": {250, 70, 61, false},
		"whole": {250, 1, 0, true}, "an odd number": {251, 0, 0, true}, "one": {1, 0, 0, true}, "a few": {7, 0, 0, true}, "not more than others": {50, 60, 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				time.Sleep(time.Hour)
				for i := range tt.others {
					srv.AddContacts(growthgenius.Contact{UpdatedAt: time.Now().Add(-time.Duration(i+2) * 47 * time.Second)})
				}
				moment := time.Now().Add(-30 * time.Minute)
				for range tt.count {
					srv.AddContacts(growthgenius.Contact{UpdatedAt: moment})
				}
				found, checkpoint, _, err := copied(t, contactFeed, srv.NewClient(), growthgenius.ChangeOptions{})
				if tt.whole && (len(found) != tt.count+tt.others || err != nil) {
					t.Errorf("%d contacts, %v", len(found), err)
				}
				if !tt.whole && (!errors.Is(err, growthgenius.ErrPartialResults) || !checkpoint.Before(moment)) {
					t.Errorf("%d contacts, checkpoint %s, %v", len(found), checkpoint, err)
				}
			}, growthgeniustest.WithListCap(tt.most))
		})
	}
}

// TestChangesCost: on a server that does not cut lists, only the first windows with records
// are read again, and a window without any never is.
func TestChangesCost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		count    int
		window   time.Duration
		requests func(windows int) int
	}{
		"nothing":          {0, 0, func(int) int { return 1 }},
		"a few":            {3, 0, func(int) int { return 2 }},
		"many":             {251, 0, func(int) int { return 3 }},
		"a round number":   {100, 0, func(int) int { return 3 }},
		"in windows":       {1000, time.Hour, func(windows int) int { return 2 * windows }},
		"in short windows": {300, 10 * time.Minute, func(windows int) int { return 2 * windows }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				since := time.Now()
				time.Sleep(12 * time.Hour)
				for i := range tt.count {
					srv.AddContacts(growthgenius.Contact{UpdatedAt: since.Add(time.Duration(i*i%719) * time.Minute)})
				}
				c := srv.NewClient()
				found, _, windows, err := copied(t, contactFeed, c, growthgenius.ChangeOptions{Since: since, Window: tt.window})
				if n, most := len(srv.Requests()), tt.requests(windows); len(found) != tt.count || err != nil || n > most {
					t.Errorf("%d contacts in %d windows by %d requests of %d, %v", len(found), windows, n, most, err)
				}
				// A client that has seen a longer list need not look again.
				srv.ResetRequests()
				if _, _, windows, err := copied(t, contactFeed, c, growthgenius.ChangeOptions{Since: since.Add(6 * time.Hour)}); windows != 1 || err != nil || len(srv.Requests()) > 3 || tt.window == 0 && tt.count > 3 && len(srv.Requests()) != 1 {
					t.Errorf("%d windows by %d requests, %v", windows, len(srv.Requests()), err)
				}
			})
		})
	}
}

// TestChangesOfAMock: a server that ignores the bounds is not read for ever.
func TestChangesOfAMock(t *testing.T) {
	t.Parallel()
	for count, most := range map[int]int64{1: 2, 3: 2, 100: 3, 137: 3} {
		for _, resource := range []string{"contact", "message"} {
			synctest.Test(t, func(t *testing.T) {
				var rows []string
				for i := range count {
					rows = append(rows, fmt.Sprintf(`{"id":%d,"updated_at":"1999-10-%02dT10:00:00Z"}`, i+1, 1+i%30))
				}
				s := testkit.Text(`{"` + resource + `s":[` + strings.Join(rows, ",") + `]}`)
				c := testkit.Scripted(t, s)
				var n int
				var err error
				if resource == "contact" {
					found, _, _, failure := copied(t, contactFeed, c, growthgenius.ChangeOptions{})
					n, err = len(found), failure
				} else {
					found, _, _, failure := copied(t, messageFeed, c, growthgenius.ChangeOptions{})
					n, err = len(found), failure
				}
				if n != count || err != nil || s.Sent.Load() > most {
					t.Errorf("%d %ss of %d by %d requests, %v", n, resource, count, s.Sent.Load(), err)
				}
			})
		}
	}
}

// TestChangesLeastClock: a Date that is ahead is not believed if another response, even of a
// look at a part of the window, has an earlier one. Those of cached responses are as old as
// they say.
func TestChangesLeastClock(t *testing.T) {
	t.Parallel()
	date := func(ahead time.Duration, more ...string) []string {
		return append([]string{"Date", newYear.Add(ahead).Format(http.TimeFormat)}, more...)
	}
	right := "0s-1m4s"
	for name, tt := range map[string]struct {
		heads   [][]string // of the responses; the last for all others
		windows string
	}{
		"right":                     {[][]string{date(0)}, right},
		"the first an hour ahead":   {[][]string{date(time.Hour), date(0)}, right},
		"one of two a minute ahead": {[][]string{date(time.Minute), date(0), date(time.Minute)}, right},
		"all an hour ahead":         {[][]string{date(time.Hour)}, "0s-1m4s 1m4s-1h1m4s"},
		"cached for half a minute":  {[][]string{date(0, "Age", "30")}, "0s-34s"},
		"cached for half an hour":   {[][]string{date(0, "Age", "1800")}, ""},
		"no age":                    {[][]string{date(0, "Age", "0")}, right},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tp *tape
				tp = newTape(beginning, func(time.Duration, time.Duration) (*http.Response, error) {
					return testkit.Reply(200, noContacts, tt.heads[min(len(tp.asked), len(tt.heads))-1]...), nil
				})
				feed := testkit.Scripted(t, &tp.Script).Contacts.Changes(growthgenius.ChangeOptions{Since: beginning})
				windows, _, err := follow(t, contactFeed, tp, feed.Windows(t.Context()))
				if err != nil || strings.Join(windows, " ") != tt.windows || len(tp.asked) > 3 {
					t.Errorf("%q of %q, %v", windows, tp.asked, err)
				}
			})
		})
	}
}

// TestChangesInParts: a second with more records than fit into memory is delivered in parts.
// Their checkpoint is where the second began, until the last. The test is not parallel: it
// measures the heap of the process.
func TestChangesInParts(t *testing.T) { //nolint:paralleltest // see above
	if testing.Short() {
		t.Skip("it counts memory")
	}
	const count = 60_000
	moment := time.Now().Add(-time.Hour).Truncate(time.Second)
	record := `{"id":%d,"updated_at":"` + moment.UTC().Format(time.RFC3339) + `","seo_description":"` + strings.Repeat("x", 1200) + `"},`
	s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		from, to, err := bounds(r)
		if err != nil || moment.Before(from) || moment.After(to) {
			return testkit.Reply(200, noContacts), err
		}
		res := testkit.Reply(200, "")
		if to.Sub(from) > 3*time.Second {
			res.ContentLength = 9 << 20
			return res, nil
		}
		body, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, `{"contacts":[`)
			for i := range count {
				if _, err := fmt.Fprintf(w, record, i+1); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, `{"id":0}]}`)
			_ = w.Close()
		}()
		res.Body = body
		return res, nil
	}}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, peak := heap(), uint64(0)
	found, parts := map[growthgenius.ID]bool{}, 0
	last := moment.Add(-30 * time.Second)
	for w, err := range testkit.Scripted(t, s).Contacts.Changes(growthgenius.ChangeOptions{Since: last, Until: moment.Add(30 * time.Second)}).Windows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !w.From.Equal(last) || !w.Checkpoint.Equal(w.From) && !w.Checkpoint.Equal(w.To) {
			t.Fatalf("a window from %s to %s after %s with the checkpoint %s", w.From, w.To, last, w.Checkpoint)
		}
		for _, item := range w.Items {
			found[item.ID] = true
		}
		if w.Checkpoint.Equal(w.From) {
			parts++
			if parts%16 == 0 {
				peak = max(peak, heap()-min(before, heap()))
			}
		} else if last = w.Checkpoint; len(found) > 0 && len(found) < count {
			t.Fatalf("the checkpoint %s after %d contacts", last, len(found))
		}
	}
	// All of them are 72 MB of JSON. The ids in this test and in the feed are in memory.
	if len(found) != count+1 || parts < 30 || peak > 24<<20 || !last.Equal(moment.Add(30*time.Second)) {
		t.Errorf("%d contacts in %d parts, with %d KiB in memory, until %s", len(found), parts, peak>>10, last)
	}
}
