package whole_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/whole"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// server has records, returns at most so many of a list, and counts the lists.
type server struct {
	times  []time.Time
	most   int
	newest bool // of a list that is cut, the newest remain
	deaf   bool // it ignores the bounds
	asked  int
}

func (s *server) list(from, to time.Time, _ int) ([]whole.Row, error) {
	s.asked++
	var rows []whole.Row
	for i, at := range s.times {
		if s.deaf || !at.Before(from) && !at.After(to) {
			rows = append(rows, whole.Row{ID: fmt.Sprint(i), At: at})
		}
	}
	slices.SortStableFunc(rows, func(a, b whole.Row) int { return a.At.Compare(b.At) })
	if s.most > 0 && len(rows) > s.most {
		if s.newest {
			return rows[len(rows)-s.most:], nil
		}
		return rows[:s.most], nil
	}
	return rows, nil
}

// read returns the list of a day.
func (s *server) read(timeless bool) whole.List {
	from, to := begin, begin.Add(24*time.Hour)
	rows, _ := s.list(from, to, 0)
	s.asked = 0
	known := map[string]bool{}
	l := whole.List{From: from, To: to, Count: len(rows), Known: func(id string) bool { return known[id] }}
	for _, row := range rows {
		known[row.ID] = true
		if !timeless {
			l.Times = append(l.Times, row.At)
		}
	}
	return l
}

// every returns n times with so much between them.
func every(n int, gap time.Duration) (times []time.Time) {
	for i := range n {
		times = append(times, begin.Add(20*time.Hour+time.Duration(i)*gap))
	}
	return times
}

// TestCheck: what reading a list again, in parts, shows, and by how many requests.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		server   server
		timeless bool
		want     whole.Verdict
		asked    int // at most
	}{
		{"whole", server{times: every(50, time.Minute)}, false, whole.Shown, 2},
		{"whole and dense", server{times: every(50, 10*time.Millisecond)}, false, whole.Shown, 2},
		{"whole, a millisecond apart", server{times: every(100, time.Millisecond)}, false, whole.Shown, 2},
		{"cut, a millisecond apart", server{times: every(250, time.Millisecond), most: 100}, false, whole.Cut, 2},
		{"cut to the newest, a millisecond apart", server{times: every(250, time.Millisecond), most: 100, newest: true}, false, whole.Cut, 2},
		{"within a few milliseconds", server{times: every(8, time.Millisecond)}, false, whole.Open, 2},
		{"whole, without times", server{times: every(50, time.Minute)}, true, whole.Shown, 9},
		{"cut to the oldest", server{times: every(50, time.Minute), most: 37}, false, whole.Cut, 2},
		{"cut to the newest", server{times: every(50, time.Minute), most: 37, newest: true}, false, whole.Cut, 2},
		{"cut, without times", server{times: every(50, time.Minute), most: 37}, true, whole.Cut, 9},
		{"one moment", server{times: every(50, 0)}, false, whole.Open, 2},
		{"one moment, and cut before the last", server{times: append(every(50, 0), begin.Add(23*time.Hour)), most: 50}, false, whole.Cut, 1},
		{"one moment, and cut behind the first", server{times: append(every(50, 0), begin), most: 50, newest: true}, false, whole.Cut, 2},
		{"one moment, cut to a usual limit", server{times: every(150, 0), most: 100}, false, whole.Doubtful, 3},
		{"one moment, cut to the limit of searches", server{times: every(10_001, 0), most: 10_000}, false, whole.Doubtful, 3},
		{"one moment, as many as a usual limit", server{times: append(every(100, 0), begin.Add(-time.Hour))}, false, whole.Shown, 3},
		{"one moment, without times", server{times: every(50, 0)}, true, whole.Open, 18},
		{"bounds without effect", server{times: every(50, time.Minute), deaf: true}, false, whole.Open, 2},
		{"bounds without effect, without times", server{times: every(50, time.Minute), deaf: true}, true, whole.Open, 2},
	} {
		s := tt.server
		got, err := whole.Check(s.read(tt.timeless), s.list)
		if got != tt.want || err != nil || s.asked > tt.asked {
			t.Errorf("%s: %d by %d requests, %v", tt.name, got, s.asked, err)
		}
	}
	broken := errors.New("broken")
	s := server{times: every(50, time.Minute)}
	if _, err := whole.Check(s.read(false), func(time.Time, time.Time, int) ([]whole.Row, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// TestGlance: a look behind the first record shows that a list was cut, unless only the newest
// remain.
func TestGlance(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server server
		want   whole.Verdict
		asked  int
	}{
		"whole": {server{times: every(7, time.Minute)}, whole.Open, 1}, "cut": {server{times: every(9, time.Minute), most: 7}, whole.Cut, 1},
		"one": {server{times: every(1, 0)}, whole.Open, 1}, "cut to one": {server{times: every(2, time.Minute), most: 1}, whole.Cut, 1},
		"nothing": {server{}, whole.Open, 0},
	} {
		if got, err := whole.Glance(tt.server.read(false), tt.server.list); got != tt.want || err != nil || tt.server.asked != tt.asked {
			t.Errorf("%s: %d by %d requests, %v", name, got, tt.server.asked, err)
		}
	}
}

// TestRound: which numbers of records are suspicious.
func TestRound(t *testing.T) {
	t.Parallel()
	var round []string
	for n := range 130 {
		if whole.Round(n) {
			round = append(round, fmt.Sprint(n))
		}
	}
	if got, want := strings.Join(round, " "), "5 10 20 25 30 32 40 50 60 64 70 75 80 90 100 125 128"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for n, want := range map[int]bool{250: true, 1000: true, 1500: true, 2500: true, 12000: true, 1250: false, 1234: false, 1024: true, 60_000: true} {
		if whole.Round(n) != want {
			t.Errorf("%d is round: %v", n, !want)
		}
	}
	for n, want := range map[int]bool{0: false, 1: false, 4: false, 5: true, 7: false, 10: true, 19: false, 20: true, 37: true} {
		if whole.Suspicious(n) != want {
			t.Errorf("%d is suspicious: %v", n, !want)
		}
	}
}

// TestCheckWithoutBounds: a list of everything that has as many records as a usual limit, all of
// one moment, is doubted only if the server heeds the bounds.
func TestCheckWithoutBounds(t *testing.T) {
	t.Parallel()
	for deaf, want := range map[bool]whole.Verdict{true: whole.Open, false: whole.Doubtful} {
		s := server{times: every(150, 0), most: 100, deaf: deaf}
		l := s.read(false)
		l.From = time.Unix(0, 0)
		verdict, err := whole.Check(l, s.list)
		if asked := map[bool]int{true: 1, false: 4}[deaf]; verdict != want || err != nil || s.asked > asked {
			t.Errorf("deaf %v: got %v, %v by %d requests, want %v by %d", deaf, verdict, err, s.asked, want, asked)
		}
	}
}
