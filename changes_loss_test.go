package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// version is a state of a record.
type version struct {
	at    time.Time // by the server's clock
	shows [2]time.Time
	text  string
}

// history is a server whose records change while they are read. Its lists come from two
// hosts, and each of them shows an update some time later, at most lag.
type history[T any] struct {
	feedOf[T]
	skew, lag time.Duration
	unit      time.Duration // update times are truncated to it
	openFrom  bool          // from is exclusive
	openTo    bool          // to is exclusive
	coarse    bool          // bounds are truncated to seconds
	heavy     int           // a list of more records fails, unless the window is the smallest
	how       string        // the way in which it fails
	mishaps   []mishap      // what happens to each request, in order
	records   map[growthgenius.ID][]version

	asked int
	at    time.Time          // when records were last read, by the server's clock
	die   context.CancelFunc // ends the program that reads
}

// mishap is what happens to a request.
type mishap struct {
	kind          string
	before, after time.Duration // until the records are read, and from then to the response
	host          int
	touch         growthgenius.ID // is updated before the response
	late          bool            // the update comes after the records are read
}

const mostRequests = 3000 // of a test case; the largest one that ends has a few hundred

func (h *history[T]) now() time.Time { return time.Now().Add(h.skew) }

// update gives a record a new version. The hosts show it after these fractions of the lag.
func (h *history[T]) update(id growthgenius.ID, at time.Time, text string, late [2]float64) {
	v := version{at: at, text: text}
	for host, part := range late {
		v.shows[host] = at.Add(time.Duration(part * float64(h.lag)))
	}
	h.records[id] = append(h.records[id], v)
	slices.SortStableFunc(h.records[id], func(a, b version) int { return a.at.Compare(b.at) })
}

// newest returns the last of the versions that pass.
func newest(versions []version, pass func(version) bool) (version, bool) {
	for _, v := range slices.Backward(versions) {
		if pass(v) {
			return v, true
		}
	}
	return version{}, false
}

// between returns the records that a host lists at this time.
func (h *history[T]) between(from, to time.Time, host int) []string {
	if h.coarse {
		from, to = from.Truncate(time.Second), to.Truncate(time.Second)
	}
	var found []string
	for id, versions := range h.records {
		v, ok := newest(versions, func(v version) bool { return !v.shows[host].After(h.now()) })
		at := v.at.Truncate(h.unit)
		if ok && !at.Before(from) && !at.After(to) && !(h.openFrom && at.Equal(from)) && !(h.openTo && at.Equal(to)) {
			found = append(found, h.record(id, v.text, at))
		}
	}
	slices.Sort(found)
	return found
}

func (h *history[T]) answer(_ int, r *http.Request) (*http.Response, error) {
	from, to, err := bounds(r)
	if err != nil {
		return nil, err
	}
	wide := to.Sub(from) > 3010*time.Millisecond
	m := mishap{host: h.asked % 2}
	if h.asked < len(h.mishaps) {
		m = h.mishaps[h.asked]
	}
	h.asked++
	if h.asked > mostRequests {
		return nil, errors.New("too many requests")
	}
	touch := func(late bool) {
		if m.touch != "" && m.late == late {
			h.update(m.touch, h.now(), fmt.Sprintf("touched by %d", h.asked), [2]float64{0, 1})
		}
	}
	time.Sleep(m.before)
	touch(false)
	found := h.between(from, to, m.host)
	h.at = h.now()
	touch(true)
	time.Sleep(m.after)
	if wide && len(found) > h.heavy && m.kind == "" {
		m.kind = h.how
	}
	res := testkit.Reply(200, h.list(found...), "Date", h.now().UTC().Format(http.TimeFormat))
	switch m.kind {
	case "503", "504", "408": // from a proxy, whose clock is right
		return testkit.Reply(int(m.kind[0]-'0')*100+int(m.kind[2]-'0'), "try again"), nil
	case "hang":
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "die":
		h.die()
		return nil, r.Context().Err()
	case "reset":
		return nil, io.ErrUnexpectedEOF
	case "too large":
		if wide {
			res.ContentLength = 9 << 20
		}
	case "undated":
		res.Header.Del("Date")
	}
	return res, nil
}

// subscriber is a program that keeps a copy of the records of a history, and crashes.
type subscriber[T any] struct {
	history[T]
	opts    growthgenius.ChangeOptions
	crashes []string // at each window, in order
	windows int

	rows       map[growthgenius.ID]string
	checkpoint time.Time
}

var errCrash = errors.New("crashed")

// poll reads the changes. An error in broken is a defect of the feed.
func (s *subscriber[T]) poll(t *testing.T) (err, broken error) {
	var ctx context.Context
	ctx, s.die = context.WithCancel(t.Context())
	defer s.die()
	client := testkit.Scripted(t, &testkit.Script{Respond: s.answer}, growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 1, MaxBackoff: 1}))
	s.opts.Since = s.checkpoint
	next := s.checkpoint
	if next.IsZero() {
		next = time.Unix(0, 0)
	}
	var before map[string]bool // the records of the last window
	for w, err := range s.changes(client, s.opts).Windows(ctx) {
		if err != nil {
			return err, nil
		}
		if !w.From.Equal(next) || !w.To.After(w.From) || !w.Checkpoint.Equal(w.To) {
			return nil, fmt.Errorf("a window from %s to %s with checkpoint %s, after %s", w.From, w.To, w.Checkpoint, next)
		}
		if next = w.To; next.After(s.at.Add(-s.lag)) {
			return nil, fmt.Errorf("the checkpoint %s is too young for records read at %s", next, s.at)
		}
		had := map[string]bool{}
		for _, item := range w.Items {
			text, err := json.Marshal(item)
			if err != nil || before[string(text)] {
				return nil, fmt.Errorf("twice: %s %w", text, err)
			}
			had[string(text)] = true
		}
		before = had
		if err := s.keep(w); err != nil {
			return err, nil
		}
		if err := s.complete(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// keep stores a window, unless the program crashes.
func (s *subscriber[T]) keep(w *growthgenius.ChangeWindow[T]) error {
	crash := ""
	if s.windows < len(s.crashes) {
		crash = s.crashes[s.windows]
	}
	s.windows++
	if crash == "before" {
		return errCrash
	}
	for _, item := range w.Items {
		id, text := s.read(item)
		s.rows[id] = text
	}
	if crash == "between" { // the program does not use one transaction
		return errCrash
	}
	s.checkpoint = w.Checkpoint
	if crash == "after" {
		return errCrash
	}
	return nil
}

// complete returns an error if the copy of a record differs from the version that was there
// at the checkpoint.
func (s *subscriber[T]) complete() error {
	for id, versions := range s.records {
		v, ok := newest(versions, func(v version) bool { return !v.at.After(s.now()) })
		if ok && !v.at.After(s.checkpoint) && s.rows[id] != v.text {
			return fmt.Errorf("at the checkpoint %s record %s is %q, and since %s it is %q", s.checkpoint, id, s.rows[id], v.at, v.text)
		}
	}
	return nil
}

// run polls until all versions exist, and then once more.
func (s *subscriber[T]) run(t *testing.T, pauses []time.Duration) error {
	for _, pause := range pauses {
		time.Sleep(pause)
		if _, broken := s.poll(t); broken != nil {
			return broken
		}
	}
	s.mishaps, s.crashes = nil, nil
	last := s.now()
	for _, versions := range s.records {
		if v := versions[len(versions)-1]; v.at.After(last) {
			last = v.at
		}
	}
	time.Sleep(last.Sub(s.now()) + s.lag + 5*time.Second)
	if err, broken := s.poll(t); err != nil || broken != nil {
		return errors.Join(err, broken)
	}
	if s.checkpoint.Before(last) {
		return fmt.Errorf("it ends at %s, before %s", s.checkpoint, last)
	}
	return s.complete()
}

// drawSubscriber draws a server and a program that copies its records.
func drawSubscriber[T any](rt *rapid.T, f feedOf[T], how string) (s *subscriber[T], pauses []time.Duration) {
	seconds := func(name string, low, high int) time.Duration {
		unit := rapid.SampledFrom([]time.Duration{time.Second, time.Second, time.Millisecond}).Draw(rt, name+" in")
		return time.Duration(rapid.IntRange(low*int(time.Second/unit), high*int(time.Second/unit)).Draw(rt, name)) * unit
	}
	flag := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	parts := rapid.SampledFrom([]float64{0, 0, 0.25, 1})
	ids := rapid.SampledFrom([]growthgenius.ID{"1", "2", "3", "4", "5"})
	s = &subscriber[T]{rows: map[growthgenius.ID]string{}}
	s.history = history[T]{
		feedOf: f, records: map[growthgenius.ID][]version{},
		skew: seconds("skew", -600, 600), lag: rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Minute}).Draw(rt, "lag"),
		unit:     rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second}).Draw(rt, "unit"),
		openFrom: flag("from is left out"), openTo: flag("to is left out"), coarse: flag("bounds are cut"),
		heavy: rapid.IntRange(1, 5).Draw(rt, "heavy"), how: how,
	}
	s.opts.Lag = s.lag
	at := newYear.Add(s.skew - time.Minute).Truncate(time.Second)
	if flag("since") {
		s.checkpoint = at
		s.opts.Window = rapid.SampledFrom([]time.Duration{0, time.Second, 1500 * time.Millisecond, 7 * time.Second}).Draw(rt, "window")
	}
	gaps := rapid.SampledFrom([]time.Duration{0, 0, 1, time.Millisecond, 250 * time.Millisecond, 999 * time.Millisecond, time.Second, time.Second, 4 * time.Second})
	for i := range rapid.IntRange(0, 50).Draw(rt, "updates") {
		at = at.Add(gaps.Draw(rt, "gap"))
		text := rapid.SampledFrom([]string{"A", "B", fmt.Sprint(i)}).Draw(rt, "text")
		s.update(ids.Draw(rt, "id"), at, text, [2]float64{parts.Draw(rt, "late"), parts.Draw(rt, "late")})
	}
	kinds := rapid.SampledFrom([]string{"", "", "", "", "503", "504", "408", "hang", "reset", "too large", "undated", "die"})
	for range rapid.IntRange(0, 25).Draw(rt, "mishaps") {
		m := mishap{kind: kinds.Draw(rt, "kind"), host: rapid.IntRange(0, 1).Draw(rt, "host"), before: seconds("before", 0, 3), after: seconds("after", 0, 9)}
		if flag("touch") {
			m.touch, m.late = ids.Draw(rt, "touched"), flag("late")
		}
		s.mishaps = append(s.mishaps, m)
	}
	s.crashes = rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "before", "between", "after"}), 0, 12).Draw(rt, "crashes")
	for range rapid.IntRange(0, 6).Draw(rt, "polls") {
		pauses = append(pauses, seconds("pause", 0, 40))
	}
	return s, pauses
}

// TestChangesLoseNothing: whatever happens to the server, the requests and the program, the
// copy is equal to the records, up to the checkpoint.
func TestChangesLoseNothing(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]string{"light": "", "too slow": "hang", "too large": "too large"} {
		t.Run("contacts "+name, func(t *testing.T) { t.Parallel(); losesNothing(t, contactFeed, how) })
		t.Run("messages "+name, func(t *testing.T) { t.Parallel(); losesNothing(t, messageFeed, how) })
	}
}

func losesNothing[T any](t *testing.T, f feedOf[T], how string) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		var err error
		s, pauses := drawSubscriber(rt, f, how)
		synctest.Test(t, func(t *testing.T) { err = s.run(t, pauses) }) // rapid must not fail in the bubble
		if err != nil || s.asked > mostRequests {
			rt.Fatalf("after %d requests: %v", s.asked, err)
		}
	})
}
