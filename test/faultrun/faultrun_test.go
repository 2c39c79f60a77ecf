package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func TestMain(m *testing.M) {
	if os.Getenv(importVariable) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestPromise runs every mode in a bubble, where time waits for the processor: what comes of
// it does not depend on the machine.
func TestPromise(t *testing.T) {
	t.Parallel()
	s := settings{Creates: 400, Seeds: 1, Parallel: 32, Rate: 0.3, Late: 5 * time.Second, Timeout: time.Second}
	for _, m := range modes {
		if m.killed { // a bubble has one process
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			var r result
			synctest.Test(t, func(t *testing.T) {
				var err error
				if r, err = run(t.Context(), m, s, 1, growthgeniustest.WithInMemoryNetwork()); err != nil {
					t.Fatal(err)
				}
			})
			t.Logf("%+v", r)
			for _, wrong := range append(broken(report{Settings: s, Results: []result{r}}), unexpected(m, r)...) {
				t.Error(wrong)
			}
		})
	}
}

// TestKilled: a process that creates under keys is killed again and again, and in the end each
// contact was created once.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := settings{Creates: 600, Seeds: 1, Parallel: 32, Rate: 0.3, Late: time.Second, Timeout: time.Second, Settle: time.Second}
	for _, m := range modes {
		if !m.killed {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			r, err := run(t.Context(), m, s, 1)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", r)
			if r.Creates != 300 || m.kills(s) != 3 || r.POSTs <= 300 || r.Reads == 0 || r.ReadBytes == 0 || r.MostPOSTs < 2 {
				t.Errorf("%d creates, %d kills: %+v", r.Creates, m.kills(s), r)
			}
			for _, wrong := range broken(report{Settings: s, Results: []result{r}}) {
				t.Error(wrong)
			}
		})
	}
}

// TestShortSettle: however short the window, Resolve waits until a list can prove absence.
func TestShortSettle(t *testing.T) {
	t.Parallel()
	s := settings{Creates: 20, Seeds: 1, Parallel: 32, Rate: 0.2, Timeout: time.Second, Settle: 100 * time.Millisecond}
	unknown := 0
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			r, err := run(t.Context(), modes[0], s, seed+1, growthgeniustest.WithInMemoryNetwork())
			if err != nil {
				t.Fatal(err)
			}
			unknown += r.Unknown
			for _, wrong := range append(broken(report{Settings: s, Results: []result{r}}), unexpected(modes[0], r)...) {
				t.Error(wrong)
			}
		})
	}
	if unknown < 20 {
		t.Errorf("only %d unknown outcomes: the test tests nothing", unknown)
	}
}

// unexpected is what else is not as it should be: of the clients that the SDK is compared
// with too, since faults that do nobody harm prove nothing.
func unexpected(m mode, r result) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	switch {
	case m.name == "once":
		if r.Duplicates > 0 || r.ToldFailed == 0 {
			say("one POST each made %d duplicates and %d told failed, yet committed; want none and some", r.Duplicates, r.ToldFailed)
		}
	case m.naive && r.Duplicates == 0:
		say("no duplicates: these faults prove nothing")
	case m.late == 2 && r.UnknownYes == 0:
		say("no unknown outcome was committed: the commits were not late")
	case !m.naive && !m.odd && r.Resolved != 3*r.Unknown:
		say("%d of %d answers of Resolve are right", r.Resolved, 3*r.Unknown)
	}
	return wrong
}

// The test must be able to fail: each of these breaks a promise.
func TestBroken(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]result{
		"duplicate":      {Mode: "default", Duplicates: 1},
		"told failed":    {Mode: "late", ToldFailed: 1},
		"lost":           {Mode: "marker", Lost: 1},
		"wrong record":   {Mode: "default", Wrong: 1},
		"unknown":        {Mode: "replay", Unknown: 1},
		"resolved wrong": {Mode: "default", ResolvedWrong: 1},
		"unsettled":      {Mode: "default", Unsettled: 1},
		"reads":          {Mode: "default", Creates: 2000, Reads: 61},
		"missing":        {Mode: "killed", Creates: 2, Rows: 1},
	} {
		if len(broken(report{Results: []result{r}})) != 1 {
			t.Errorf("%s: not noticed", name)
		}
	}
	fine := []result{{Mode: "default", Unknown: 5, Creates: 2000, Reads: 60}, {Mode: "loop", Duplicates: 9, ToldFailed: 9}}
	if found := broken(report{Results: fine}); len(found) != 0 {
		t.Errorf("broken: %v", found)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	results, picture := filepath.Join(dir, "results.json"), filepath.Join(dir, "chart.svg")
	var first, again strings.Builder
	args := []string{"-creates", "20", "-seeds", "2", "-modes", "once,default", "-settle", "100ms", "-rate", "0.2", "-retry-after", "0s", "-json", results}
	synctest.Test(t, func(t *testing.T) {
		if err := command(t.Context(), args, &first, growthgeniustest.WithInMemoryNetwork()); err != nil {
			t.Fatal(err)
		}
	})
	if err := command(t.Context(), []string{"-from", results, "-svg", picture}, &again); err != nil {
		t.Fatal(err)
	}
	if first.String() != again.String() {
		t.Errorf("the table changed on the way through JSON:\n%s\n%s", first.String(), again.String())
	}
	if n := strings.Count(first.String(), "\n"); n != 9 {
		t.Errorf("the tables have %d lines, want 9:\n%s", n, first.String())
	}
	var rep report
	text, err := os.ReadFile(results)
	if err == nil {
		err = json.Unmarshal(text, &rep)
	}
	if err != nil || len(rep.Results) != 4 || rep.Settings.Creates != 20 {
		t.Errorf("results %s, error %v", text, err)
	}
	svg, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
	}
	if !strings.Contains(string(svg), "net/http, no retry") {
		t.Error("the chart does not name its clients")
	}
	if err := command(t.Context(), []string{"-modes", "nonsense"}, io.Discard); err == nil {
		t.Error("an unknown mode was taken")
	}
}

// What the documentation shows is what the results beside it say.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	var rep report
	if err := json.Unmarshal([]byte(read(docs, "reliability.json")), &rep); err != nil {
		t.Fatal(err)
	}
	if found := broken(rep); len(found) > 0 {
		t.Errorf("published results break a promise: %v", found)
	}
	page := read(docs, "reliability.md")
	if !strings.Contains(page, tables(rep)) {
		t.Errorf("docs/reliability.md does not have the tables of the results:\n%s", tables(rep))
	}
	if read(docs, "reliability.svg") != chart(rep) {
		t.Error("docs/reliability.svg is not the chart of the results: draw it with -from docs/reliability.json -svg docs/reliability.svg")
	}
	// Its example is the one that is run and checked.
	_, after, _ := strings.Cut(page, "```go\n")
	code, _, ok := strings.Cut(after, "```")
	if !ok {
		t.Fatal("docs/reliability.md has no code")
	}
	example := read("..", "..", "token_example_test.go")
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); !strings.Contains(example, line) {
			t.Errorf("not in the checked example: %s", line)
		}
	}
}
