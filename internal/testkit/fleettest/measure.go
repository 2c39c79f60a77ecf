package fleettest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// latency is how long the server takes to respond.
const latency = 20 * time.Millisecond

// Measure measures processes that share a budget: while all send, while one is told to
// pause, and while lose makes the store lose its memory, if it is not nil. command returns
// the command that calls [Process], with more variables of the environment.
//
// A machine that is busy with other things delays requests and processes, so what is asserted
// leaves room for that. The tests of package fleet assert the figures in fake time.
func Measure(t *testing.T, command func(env ...string) *exec.Cmd, lose func()) {
	t.Helper()
	f := start(t, command)
	time.Sleep(time.Second)
	from := time.Now()
	time.Sleep(*long)
	steady := f.between(from, time.Now())
	told := f.pause(time.Second)
	time.Sleep(2 * time.Second)
	paused := f.between(told, told.Add(time.Second))
	var spread time.Duration
	if n := len(paused); n > 0 {
		spread = paused[n-1].at.Sub(told)
	}
	if lose != nil {
		lose()
	}
	time.Sleep(time.Second)
	from = time.Now()
	time.Sleep(*long)
	last := f.between(from, time.Now())
	all := f.stop(t)

	use := func(arrivals []arrival) float64 { return float64(len(arrivals)) / (perSecond * long.Seconds()) }
	perRequest := float64(f.stats.Calls) / float64(len(all))
	t.Logf("%d processes, %d goroutines each, %d/s, burst %d: %d requests, at most %d in a second; %.1f%% of the budget used, %.1f%% at the end; "+
		"fairness %.2f; %.3f calls of the store a request; the last request %s after the pause was told; %d calls failed",
		processes, goroutines, perSecond, burst, len(all), most(all), 100*use(steady), 100*use(last),
		fairness(steady), perRequest, spread.Round(time.Millisecond), f.stats.Errors)
	if n := most(all); n > perSecond+perSecond/2 {
		t.Errorf("%d requests in a second", n)
	}
	if use(steady) < .6 || use(last) < .6 {
		t.Error("less than 60% of the budget was used")
	}
	if fairness(steady) < .3 {
		t.Errorf("fairness %.2f", fairness(steady))
	}
	if perRequest > 1.5 {
		t.Errorf("%.2f calls of the store a request", perRequest)
	}
	if spread > 500*time.Millisecond {
		t.Errorf("a request was sent %s after the pause was told", spread)
	}
}

// arrival is a request at the server.
type arrival struct {
	at      time.Time
	process int
}

// load is a number of processes that send requests to one server.
type load struct {
	cmds   []*exec.Cmd
	stdins []io.Closer
	outs   []io.Reader
	stats  stats

	mu       sync.Mutex // guards all fields below
	arrivals []arrival
	refuse   time.Duration // the Retry-After of the next response; 0 for none
	refused  time.Time     // when it was sent
}

// start starts the processes, and waits until all have sent a request.
func start(t *testing.T, command func(env ...string) *exec.Cmd) *load {
	t.Helper()
	f := &load{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	for n := range processes {
		cmd := command(urlEnv+"="+server.URL, numberEnv+"="+strconv.Itoa(n), rateEnv+"="+fmt.Sprint(perSecond))
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		f.cmds, f.stdins, f.outs = append(f.cmds, cmd), append(f.stdins, stdin), append(f.outs, stdout)
	}
	for begun := time.Now(); f.seen() < processes; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%d of %d processes have sent a request", f.seen(), processes)
		}
	}
	return f
}

// ServeHTTP notes a request.
func (f *load) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := arrival{at: time.Now()}
	product, _, _ := strings.Cut(r.UserAgent(), " ")
	a.process, _ = strconv.Atoi(strings.TrimPrefix(product, "process/"))
	time.Sleep(latency)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrivals = append(f.arrivals, a)
	status := http.StatusOK
	w.Header().Set("Content-Type", "application/json")
	if f.refuse > 0 {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", strconv.Itoa(int(f.refuse.Seconds())))
		f.refuse, f.refused = 0, time.Now()
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "{}")
}

// seen returns how many processes have sent a request.
func (f *load) seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[int]bool{}
	for _, a := range f.arrivals {
		seen[a.process] = true
	}
	return len(seen)
}

// pause responds to the next request with a 503 that asks for a wait, and returns when that
// response was sent.
func (f *load) pause(asked time.Duration) time.Time {
	f.mu.Lock()
	f.refuse, f.refused = asked, time.Time{}
	f.mu.Unlock()
	for {
		time.Sleep(time.Millisecond)
		f.mu.Lock()
		refused := f.refused
		f.mu.Unlock()
		if !refused.IsZero() {
			return refused
		}
	}
}

// between returns what arrived in a time.
func (f *load) between(from, to time.Time) []arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.arrivals), func(a arrival) bool { return a.at.Before(from) || !a.at.Before(to) })
}

// stop ends the processes, and returns what arrived, in order.
func (f *load) stop(t *testing.T) []arrival {
	t.Helper()
	for _, stdin := range f.stdins {
		_ = stdin.Close()
	}
	for i, cmd := range f.cmds {
		var s stats
		if err := json.NewDecoder(f.outs[i]).Decode(&s); err != nil {
			t.Errorf("process %d wrote no statistics: %v", i, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		f.stats.Calls += s.Calls
		f.stats.Errors += s.Errors
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortFunc(f.arrivals, func(a, b arrival) int { return a.at.Compare(b.at) })
	return f.arrivals
}

// most returns the most requests that arrived in any second.
func most(arrivals []arrival) int {
	n, first := 0, 0
	for i, a := range arrivals {
		for a.at.Sub(arrivals[first].at) > time.Second {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// fairness returns how many requests the process with the fewest sent, by those of the one
// with the most.
func fairness(arrivals []arrival) float64 {
	var sent [processes]int
	for _, a := range arrivals {
		sent[a.process]++
	}
	return float64(slices.Min(sent[:])) / float64(slices.Max(sent[:]))
}
