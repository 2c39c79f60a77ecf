//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(workerEnv); what != "" {
		if err := workStep(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if err := pgtest.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// TestFleet is a short run: two processes are killed, and Postgres crashes.
func TestFleet(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts Postgres and Redis")
	}
	program, remove, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	r, err := run(t.Context(), program, settings{
		Name: "short", Jobs: 150, Processes: 3, Rate: 100, Burst: 20, Faults: .3, Kill: 2 * time.Second, MaxKills: 2, Restart: true, Redis: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f s, %d requests, at most %d in a second, %.1f%% of the rate used, %.3f attempts a job",
		r.Seconds, r.Requests, r.Most, 100*r.Used, r.Attempts)
	for _, problem := range r.broken() {
		t.Error(problem)
	}
	if r.Kills != 2 || r.Faulty == 0 {
		t.Errorf("%d kills, %d faults", r.Kills, r.Faulty)
	}
}

// TestSweep: a step counts what its processes do.
func TestSweep(t *testing.T) { //nolint:paralleltest // TestFleet crashes the Postgres that both use
	if testing.Short() {
		t.Skip("it starts Postgres and Redis")
	}
	steps, err := sweep(t.Context(), []int{2}, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if s := steps[0]; s.Processes != 2 || s.Requests < 10 || s.RedisRequests < 10 || s.Creates < 10 || s.PerRequest <= 0 || s.PerCreate < 1 {
		t.Errorf("got %+v", s)
	}
}

// TestBroken: each promise that a run breaks is named.
func TestBroken(t *testing.T) {
	t.Parallel()
	good := result{settings: settings{Jobs: 10, Rate: 10, Burst: 2}, Done: 10, Lookups: 5, Again: 2, Unusable: 2, Most: 12}
	if got := good.broken(); got != nil {
		t.Errorf("a run without a fault: %q", got)
	}
	for want, change := range map[string]func(*result){
		"9 jobs are done":                                        func(r *result) { r.Done = 9 },
		"1 effects happened twice":                               func(r *result) { r.Twice = 1 },
		"2 effects are missing":                                  func(r *result) { r.Lost = 2 },
		"6 lookups were paid":                                    func(r *result) { r.Lookups = 6 },
		"13 requests in a second":                                func(r *result) { r.Most = 13 },
		"3 lookups were sent again":                              func(r *result) { r.Again, r.Unusable = 3, 2 },
		fmt.Sprintf("%d lookups were sent again", concurrency+3): func(r *result) { r.Again, r.Kills = concurrency+3, 1 },
		fmt.Sprintf("%d lookups were sent again", 3*concurrency+3): func(r *result) {
			r.Again, r.Restart, r.Restarted, r.Processes = 3*concurrency+3, true, true, 3
		},
		"Postgres was not restarted": func(r *result) { r.Restart = true },
	} {
		r := good
		change(&r)
		if got := r.broken(); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestLookups: those that the server carried out count, whatever became of the response.
func TestLookups(t *testing.T) {
	t.Parallel()
	lookup := func(address string, status int, f *growthgeniustest.Fault) growthgeniustest.Request {
		return growthgeniustest.Request{Route: growthgeniustest.RoutePerson, Query: "email=" + address, Status: status, Fault: f}
	}
	first, again, unusable := lookups([]growthgeniustest.Request{
		lookup("a", 429, nil),
		lookup("a", 500, &growthgeniustest.Fault{Status: 500}),
		lookup("a", 0, &growthgeniustest.Fault{Effect: growthgeniustest.Reset, Commit: true}),
		lookup("a", 200, nil),
		lookup("b", 200, nil),
		{Route: growthgeniustest.RouteContact, Status: 200},
	})
	if first != 2 || again != 1 || unusable != 1 {
		t.Errorf("%d lookups, %d again, %d unusable; want 2, 1, 1", first, again, unusable)
	}
}

// TestUnknownRun: a name that is not that of a run is an error.
func TestUnknownRun(t *testing.T) {
	t.Parallel()
	err := command(t.Context(), []string{"-runs", "steady,kiled", "-sweep", "0"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"kiled"`) {
		t.Errorf("got %v", err)
	}
}

// TestDocumentation: what the page shows is what the results beside it say.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var rep report
	if err := json.Unmarshal([]byte(read("fleet.json")), &rep); err != nil {
		t.Fatal(err)
	}
	if found := rep.broken(); len(found) > 0 {
		t.Errorf("published results break a promise: %v", found)
	}
	page := read("fleet.md")
	if again, err := rep.into(page); err != nil || again != page {
		t.Errorf("docs/fleet.md does not have the tables of docs/fleet.json (%v): see -page", err)
	}
	if read("fleet.svg") != rep.chart() {
		t.Error("docs/fleet.svg is not the chart of docs/fleet.json: see -svg")
	}
	var names []string
	for _, r := range rep.Runs {
		names = append(names, r.Name)
	}
	var want []string
	for _, s := range runs(1, 1, 1) {
		want = append(want, s.Name)
	}
	if !reflect.DeepEqual(names, want) || len(rep.Sweep) == 0 {
		t.Errorf("the results are of %q, want all runs and the sweep: %q", names, want)
	}
}
