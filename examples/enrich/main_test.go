package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// rig is a server with 20 companies, and a folder with a file of them.
type rig struct {
	*growthgeniustest.Server
	dir string
	env []string
}

func newRig(t *testing.T, lines ...string) *rig {
	t.Helper()
	r := &rig{Server: growthgeniustest.NewServer(t), dir: t.TempDir()}
	r.env = []string{"GROWTHGENIUS_API_KEY=" + r.APIKey(), "GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL=" + r.URL()}
	for i := range 20 {
		domain := fmt.Sprintf("company%d.com", i)
		r.AddCompany(domain, growthgenius.Company{ID: domain, Name: "=1+" + domain})
		if len(lines) < 20 {
			lines = append(lines, domain)
		}
	}
	r.write(t, "leads.txt", "\uFEFF"+strings.Join(lines, "\r\n")+"\n\n")
	return r
}

func (r *rig) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// command returns the program, in the folder of the rig.
func (r *rig) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := program.Command(t, r.env, args...)
	cmd.Dir = r.dir
	return cmd
}

func (r *rig) run(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut strings.Builder
	cmd := r.command(t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := (&rig{dir: t.TempDir()}).run(t, "")
	if code != 0 || strings.Count(stdout, "\n") != 8 || !strings.Contains(stdout, "babbage.example.com,found,,,Babbage & Co,,machinery,1-10,,\n") {
		t.Errorf("exit %d:\n%s", code, stdout)
	}
	for _, want := range []string{
		"run 1: 7 lookups: 4 to pay, 0 cached, 2 repeated, 1 not valid\n", "       4 paid\n4 requests\n",
		"run 2: 7 lookups: 0 to pay, 4 cached, 2 repeated, 1 not valid\n", "       0 paid\n0 requests\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in\n%s", want, stderr)
		}
	}
}

// TestFile reads a file, and writes another in both formats. The second run pays nothing.
func TestFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, stderr, code := r.run(t, "", "-yes", "-o", "found.csv", "leads.txt")
	if code != 0 || !strings.Contains(stderr, "20 lookups: 20 to pay") || !strings.Contains(stderr, "20 paid") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(r.read(t, "found.csv"))).ReadAll()
	if err != nil || len(rows) != 21 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if row[1] != "found" || row[4] != "'=1+"+row[0] {
			t.Errorf("%q", row)
		}
	}
	stdout, stderr, code := r.run(t, r.read(t, "leads.txt"), "-format", "jsonl")
	if code != 0 || !strings.Contains(stderr, "0 to pay, 20 cached") || len(r.Requests()) != 20 {
		t.Errorf("exit %d after %d requests: %s", code, len(r.Requests()), stderr)
	}
	for line := range strings.Lines(stdout) {
		var found record
		if err := json.Unmarshal([]byte(line), &found); err != nil || found.Company == nil || found.Company.Name != "=1+"+fmt.Sprint(found.Input) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestExitStatus: it shows whether all was looked up.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lines []string
		fault growthgeniustest.Fault
		args  []string
		code  int
		want  string
	}{
		"all":       {nil, growthgeniustest.Fault{Times: 1}, nil, 0, "20 found"},
		"unknown":   {[]string{"ada@example.com"}, growthgeniustest.Fault{Times: 1}, nil, 0, "1 not found"},
		"not valid": {[]string{"n/a"}, growthgeniustest.Fault{Times: 1}, nil, 3, "1 rejected"},
		"budget":    {nil, growthgeniustest.Fault{Times: 1}, []string{"-budget", "5"}, 3, "15 skipped"},
		"failed":    {nil, growthgeniustest.Fault{Status: 422, Times: 1}, nil, 1, "1 failed"},
		"wrong key": {nil, growthgeniustest.Fault{Status: 401}, nil, 1, "To go on, run the same command again"},
		"format":    {nil, growthgeniustest.Fault{Times: 1}, []string{"-format", "xml"}, 2, "-format"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tt.lines...)
			r.Inject(tt.fault)
			stdout, stderr, code := r.run(t, "", append(tt.args, "-yes", "leads.txt")...)
			if code != tt.code || !strings.Contains(stderr, tt.want) || strings.Contains(stdout+stderr, r.APIKey()) {
				t.Errorf("exit %d, want %d and %q: %s", code, tt.code, tt.want, stderr)
			}
		})
	}
}

// TestNothingIsPaidUnasked, nor does a run that fails replace the file.
func TestNothingIsPaidUnasked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(t, "found.csv", "yesterday's")
	for name, args := range map[string][]string{
		"a file":           {"leads.txt"},
		"standard input":   {},
		"a file that is":   {"none.txt"},
		"not for a sample": {"-o", "found.csv"},
	} {
		if name == "not for a sample" {
			r.env = nil
		}
		if _, stderr, code := r.run(t, "company1.com", append([]string{"-o", "found.csv"}, args...)...); code != 1 || !strings.HasPrefix(stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:], "enrich: ") {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
	}
	if n := len(r.Requests()); n != 0 || r.read(t, "found.csv") != "yesterday's" {
		t.Errorf("%d requests, the file is %q", n, r.read(t, "found.csv"))
	}
}

// TestInterrupted: Ctrl-C ends the run, which says how to go on, and what was paid is there.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt another one")
	}
	r := newRig(t)
	r.Inject(growthgeniustest.Fault{Delay: 50 * time.Millisecond})
	var stderr strings.Builder
	cmd := r.command(t, "-yes", "-concurrency", "2", "-o", "found.csv", "leads.txt")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for len(r.Requests()) < 6 {
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !strings.Contains(stderr.String(), "context canceled\nTo go on, run the same command again: enrich.cache has what is paid") {
		t.Errorf("got %v, want status 1: %s", err, &stderr)
	}
	if _, stderr, code := r.run(t, "", "-yes", "-o", "found.csv", "leads.txt"); code != 0 || len(r.Requests()) != 20 {
		t.Errorf("exit %d after %d requests: %s", code, len(r.Requests()), stderr)
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil || len(entries) != 4 { // leads.txt, found.csv, enrich.cache and its lock
		t.Errorf("%v, %v", entries, err)
	}
}

// TestOnATerminal: the program asks before it pays, and shows a bar.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Inject(growthgeniustest.Fault{Delay: 30 * time.Millisecond})
	for _, answer := range []string{"n", "y"} {
		master, tty, err := pty.Open()
		if errors.Is(err, pty.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		screen := make(chan string)
		go func() {
			data, _ := io.ReadAll(master) // returns an error once the terminal is closed
			screen <- string(data)
		}()
		cmd := r.command(t, "-concurrency", "1", "-o", "found.csv", "leads.txt")
		cmd.Stdin, cmd.Stderr = tty, tty
		fmt.Fprintln(master, answer)
		err = cmd.Run()
		tty.Close()
		shown := <-screen
		master.Close()
		if !strings.Contains(shown, "Pay for 20 lookups? [y/N]") {
			t.Errorf("it does not ask: %q", shown)
		}
		if answer == "n" && (err == nil || len(r.Requests()) != 0 || !strings.Contains(shown, "nothing was looked up")) ||
			answer == "y" && (err != nil || len(r.Requests()) != 20 || !strings.Contains(shown, "/20")) {
			t.Errorf("%s: %v after %d requests, on the terminal: %q", answer, err, len(r.Requests()), shown)
		}
	}
}

// TestDamagedCache: what was dropped is said.
func TestDamagedCache(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, stderr, code := r.run(t, "", "-yes", "leads.txt"); code != 0 {
		t.Fatal(stderr)
	}
	r.write(t, "enrich.cache", strings.Replace(r.read(t, "enrich.cache"), "company:company7.com", "company:company8.com", 1))
	_, stderr, code := r.run(t, "", "-yes", "leads.txt")
	if code != 0 || !strings.Contains(stderr, "1 lines of enrich.cache were damaged") || len(r.Requests()) != 21 {
		t.Errorf("exit %d after %d requests: %s", code, len(r.Requests()), stderr)
	}
}

// TestProgressWithoutATerminal prints a line every 10 seconds.
func TestProgressWithoutATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var out strings.Builder
		end := showProgress(&out, false, func() bulk.Progress {
			done := int(time.Since(begun) / time.Second)
			return bulk.Progress{Done: done, Total: 60, Final: true, Left: time.Duration(60-done) * time.Second}
		})
		time.Sleep(25 * time.Second)
		end()
		if got, want := out.String(), "10 of 60 (16%); 50s left\n20 of 60 (33%); 40s left\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestInert(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"Tesla": "Tesla", "=1+1": "'=1+1", "a;=1": "a;'=1", ` "@x`: ` "'@x`, "a-b": "a-b", "＝1": "'＝1", "a, -1": "a, '-1",
	} {
		if got := inert(cell); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}
