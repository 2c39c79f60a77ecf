package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// messages returns the program with env in place of the GROWTHGENIUS_ variables. It runs in a
// folder of its own.
func messages(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := program.Command(t, env, args...)
	cmd.Dir = dir
	return cmd
}

func finish(t *testing.T, cmd *exec.Cmd) (output string, code int) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// server returns a server with the contact ann@example.com, and the environment for it.
func server(t *testing.T) (*growthgeniustest.Server, []string) {
	t.Helper()
	srv := growthgeniustest.NewServer(t)
	srv.AddContacts(growthgenius.Contact{Email: "ann@example.com"})
	return srv, []string{"GROWTHGENIUS_API_KEY=" + srv.APIKey(), "GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL=" + srv.URL()}
}

// writeMbox writes a mailbox with n mails to an address.
func writeMbox(t *testing.T, path, to string, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "From dev@growthgenius.com Fri Jan 15 09:30:00 2021\nMessage-ID: <%d.%s>\nDate: Fri, 15 Jan 2021 09:%02d:00 +0000\n"+
			"From: dev@growthgenius.com\nTo: %s\nSubject: Mail %d\n\nHi\n\n", i, to, i%60, to, i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestInMemory: without arguments, the program shows what it is for.
func TestInMemory(t *testing.T) {
	t.Parallel()
	out, code := finish(t, messages(t, t.TempDir(), nil))
	const table = `addresses without a contact: 1
       1 × charles@example.org
`
	for _, want := range []string{
		"this is a server in memory, and a sample mailbox.\n\n" + table + "          logged  2\n  already logged  1\n         skipped  1\n      no contact  1\n           total  5\n",
		"once more:\n\n" + table + "  already logged  3\n", "    From here on, we meet in Zürich.\n    \n    Okay\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got\n%s\nwant\n%s", out, want)
		}
	}
	if code != 3 {
		t.Errorf("exit status %d", code)
	}
}

// TestStatus: the exit status says what there is to do.
func TestStatus(t *testing.T) {
	t.Parallel()
	lost := growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true}
	for name, tt := range map[string]struct {
		to     string
		args   []string
		faults []growthgeniustest.Fault
		code   int
		want   string
		logged int
	}{
		"all is well": {to: "ann@example.com", code: 0, want: "  logged  2\n   total  2\n", logged: 2},
		"dry run":     {to: "ann@example.com", args: []string{"-dry-run"}, code: 0, want: "  would be logged  2\n            total  2\n"},
		"no contact":  {to: "bob@example.com", code: 3, want: "2 × bob@example.com\n"},
		"rejected":    {to: "ann@example.com", faults: []growthgeniustest.Fault{{Method: "POST", Status: 422}}, code: 3, want: "Sent.mbox:1: rejected: ann@example.com: "},
		"failed":      {to: "ann@example.com", faults: []growthgeniustest.Fault{{Method: "POST", Status: 403}}, code: 1, want: "  failed  2\n"},
		"unknown": {
			to: "ann@example.com", faults: []growthgeniustest.Fault{lost, {Method: "GET", Route: growthgeniustest.RouteMessages, Status: 403}},
			code: 4, want: "  unknown  2\n", logged: 2,
		},
		"wrong key": {to: "ann@example.com", faults: []growthgeniustest.Fault{{Status: 401}}, code: 1, want: "messages: bulk.LogMessages: reading the users: "},
		"own":       {to: "ann@example.com", args: []string{"-own", "@growthgenius.com", "-own", "x@example.com"}, code: 0, want: "  logged  2\n", logged: 2},
		"no file":   {to: "ann@example.com", args: []string{"nowhere.mbox"}, code: 1, want: "nowhere.mbox", logged: 0},
		"bad flag":  {to: "ann@example.com", args: []string{"-nonsense"}, code: 2, want: "-nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			srv, env := server(t)
			srv.Inject(tt.faults...)
			writeMbox(t, filepath.Join(dir, "Sent.mbox"), tt.to, 2)
			out, code := finish(t, messages(t, dir, env, append(tt.args, "Sent.mbox")...))
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit status %d, want %d, and %q in\n%s", code, tt.code, tt.want, out)
			}
			if n := len(srv.Messages()); n != tt.logged {
				t.Errorf("%d messages, want %d", n, tt.logged)
			}
		})
	}
}

// TestArguments: a run that could not be meant is refused.
func TestArguments(t *testing.T) {
	t.Parallel()
	_, env := server(t)
	if out, code := finish(t, messages(t, t.TempDir(), nil, "Sent.mbox")); code != 1 || !strings.Contains(out, "GROWTHGENIUS_API_KEY is not set") {
		t.Errorf("a mailbox for a server in memory: exit status %d\n%s", code, out)
	}
	if out, code := finish(t, messages(t, t.TempDir(), env)); code != 2 || !strings.Contains(out, "-ledger") {
		t.Errorf("no mailbox: exit status %d\n%s", code, out)
	}
}

// TestInterrupted: Ctrl-C ends the program, which says how to go on, and the next run logs the
// rest.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted")
	}
	const mails = 12
	dir := t.TempDir()
	srv, env := server(t)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Delay: 50 * time.Millisecond})
	writeMbox(t, filepath.Join(dir, "Sent.mbox"), "ann@example.com", mails)
	cmd := messages(t, dir, env, "Sent.mbox", "Sent.mbox")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for len(srv.Messages()) < 2 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), "messages: interrupted: to go on, run the same command again (the ledger messages.ledger has what is logged)\n") ||
		!regexp.MustCompile(`\btotal +\d+\n`).MatchString(out.String()) {
		t.Errorf("exit status %d\n%s", code, out.String())
	}
	if n := len(srv.Messages()); n >= mails {
		t.Errorf("%d messages were logged before it ended", n)
	}
	if again, code := finish(t, messages(t, dir, env, "Sent.mbox", "Sent.mbox")); code != 0 || !strings.Contains(again, "total  24\n") {
		t.Errorf("exit status %d\n%s", code, again)
	}
	if n := len(srv.Messages()); n != mails {
		t.Errorf("%d messages of %d mails", n, mails)
	}
}
