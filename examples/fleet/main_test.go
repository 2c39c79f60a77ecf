//go:build unix

package main

import (
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

func TestMain(m *testing.M) { program.Main(m, pgtest.Stop) }

// process is a run of the program.
type process struct {
	*exec.Cmd
	stdout, stderr strings.Builder
}

// start starts the program with env in place of the GROWTHGENIUS_ variables.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: program.Command(t, env, args...)}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ends waits for the program, and compares its exit status.
func (p *process) ends(t *testing.T, status int) *process {
	t.Helper()
	if _ = p.Wait(); p.ProcessState.ExitCode() != status {
		t.Fatalf("status %d, want %d: %d bytes of output, %d of errors", p.ProcessState.ExitCode(), status, p.stdout.Len(), p.stderr.Len())
	}
	return p
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// served is a server with people to look up.
type served struct {
	*growthgeniustest.Server
	env []string
}

// newServer starts a server with contacts, and people for them and the rows of a file.
func newServer(t *testing.T, contacts, rows int) served {
	t.Helper()
	srv := growthgeniustest.NewServer(t)
	for i := range contacts + rows {
		email := fmt.Sprintf("person%d@example.com", i)
		srv.AddPeople(growthgenius.Person{FullName: fmt.Sprint("Person ", i), WorkEmail: email, JobTitle: "Engineer", JobCompanyName: "Example Ltd"})
		if i < contacts {
			srv.AddContacts(growthgenius.Contact{LastName: fmt.Sprint(i), Email: email})
		}
	}
	return served{srv, []string{"GROWTHGENIUS_API_KEY=" + srv.APIKey(), "GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL=" + srv.URL()}}
}

// brisk are the flags that keep waits short.
func brisk(args ...string) []string {
	return append([]string{"-timeout", "1s", "-settle", "500ms", "-every", "300ms", "-lag", "100ms", "-since", "2000-01-01T00:00:00Z"}, args...)
}

// files writes a CSV file with rows of new people, and an mbox file with mails to contacts.
func files(t *testing.T, contacts, rows int) []string {
	t.Helper()
	var csv, mbox strings.Builder
	csv.WriteString("Last Name,Email\n")
	for i := range rows {
		fmt.Fprintf(&csv, "%d,person%d@example.com\n", contacts+i, contacts+i)
	}
	for i := range contacts {
		fmt.Fprintf(&mbox, "From team@example.com Mon Jan  5 10:00:00 2026\nFrom: team@example.com\nTo: person%d@example.com\n"+
			"Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <mail%d@example.com>\nSubject: Hello\n\nHello, number %d.\n\n", i, i, i)
	}
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "leads.csv"), filepath.Join(dir, "Sent.mbox")}
	for i, text := range []string{csv.String(), mbox.String()} {
		if err := os.WriteFile(names[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"-import", names[0], "-mails", names[1]}
}

// expectEachOnce compares what the server did with what there was to do.
func (srv served) expectEachOnce(t *testing.T, contacts, rows int) {
	t.Helper()
	created := map[string]int{}
	for _, e := range srv.Ledger() {
		created[e.Resource]++
	}
	if created["contact"] != rows || created["message"] != contacts {
		t.Errorf("created were %v, want %d contacts and %d messages", created, rows, contacts)
	}
	if all := srv.Contacts(); len(all) != contacts+rows {
		t.Errorf("%d contacts, want %d", len(all), contacts+rows)
	}
	for _, c := range srv.Contacts() {
		if c.Title != "Engineer" || c.CompanyName != "Example Ltd" {
			t.Errorf("contact %s has the title %q and the company %q", c.ID, c.Title, c.CompanyName)
		}
	}
}

func connect(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// query returns a number of the database.
func query(t *testing.T, db *sql.DB, text string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), text).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	expectDemo(t, start(t, nil).ends(t, 0))
}

// TestDemoOnPostgres: the demonstration leaves nothing behind.
func TestDemoOnPostgres(t *testing.T) {
	t.Parallel()
	dsn := pgtest.NewSchema(t)
	expectDemo(t, start(t, nil, "-dsn", dsn, "-workers", "5").ends(t, 0))
	db := connect(t, dsn)
	if n := query(t, db, `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'fleet%'`); n != 0 {
		t.Errorf("%d schemas are left", n)
	}
	if n := query(t, db, `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()`); n != 0 {
		t.Errorf("%d tables are left", n)
	}
}

func expectDemo(t *testing.T, p *process) {
	t.Helper()
	for _, want := range []string{
		`GROWTHGENIUS_API_KEY is not set: `, `responded to \d+ requests: [1-9]\d* were over its limit \(429\), and [1-9]\d* failed`,
		`created 30 contacts for 30 rows and 30 messages for 30 mails, and filled the blanks of 60 contacts from 60 lookups`,
	} {
		if !regexp.MustCompile(want).MatchString(p.stdout.String()) {
			t.Errorf("%d bytes of output do not match %q", p.stdout.Len(), want)
		}
	}
}

// TestProcesses runs three processes on one Postgres, with faults, and kills one of them.
func TestProcesses(t *testing.T) {
	t.Parallel()
	const contacts, rows = 25, 25
	srv, dsn := newServer(t, contacts, rows), pgtest.NewSchema(t)
	srv.Inject(growthgeniustest.FaultMix(0.2, time.Second)...)
	args := brisk("-dsn", dsn, "-rate", "100", "-burst", "5")
	names := files(t, contacts, rows)
	killed := start(t, srv.env, append(args, append(names, "-name", "killed")...)...)
	for len(srv.Ledger()) < rows/2 {
		time.Sleep(5 * time.Millisecond)
	}
	killed.signal(t, syscall.SIGKILL)
	// The files are inserted again, which inserts nothing, and all jobs are done.
	first := start(t, srv.env, append(args, append(names, "-drain", "-name", "killed")...)...)
	second := start(t, srv.env, append(args, "-drain")...)
	first.ends(t, 0)
	second.ends(t, 0)
	srv.expectEachOnce(t, contacts, rows)
	db := connect(t, dsn)
	if n := query(t, db, `SELECT count(*) FROM river_job WHERE kind <> 'enrich_contact'`); n != contacts+rows {
		t.Errorf("%d jobs of rows and mails, want %d", n, contacts+rows)
	}
	if n := query(t, db, `SELECT count(*) FROM river_job WHERE kind = 'enrich_contact'`); n != contacts+rows {
		t.Errorf("%d jobs of changes, want %d", n, contacts+rows)
	}
}

// TestShutdown: the first signal lets jobs end, and the second ends the program at once.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, twice := range []bool{false, true} {
		srv, dsn := newServer(t, 4, 0), filepath.Join(t.TempDir(), "fleet.db")
		delay := 3 * time.Second // within which the test must have seen that the jobs run
		if twice {
			delay = time.Minute // the process must not end before the second signal
		}
		srv.Inject(growthgeniustest.Fault{Method: http.MethodGet, Route: growthgeniustest.RoutePerson, Delay: delay, Times: 4})
		listen := freeAddress(t)
		p := start(t, srv.env, brisk("-dsn", dsn, "-timeout", "10s", "-listen", listen)...)
		running := func() bool { return strings.Contains(get(listen, "/healthz"), "ok") && lookups(srv) == 4 }
		for begun := time.Now(); !running(); time.Sleep(5 * time.Millisecond) {
			if time.Since(begun) > 20*time.Second {
				t.Fatalf("%d lookups have begun", lookups(srv))
			}
		}
		text := get(listen, "/metrics")
		for _, want := range []string{
			`fleet_jobs_left 4`, `fleet_jobs_running{kind="enrich_contact"} 4`,
			`http_client_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",`,
			`growthgenius_lookups_total{growthgenius_result="sent",`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the metrics do not have %s:\n%s", want, text)
			}
		}
		p.signal(t, syscall.SIGTERM)
		if twice {
			for !strings.Contains(get(listen, "/healthz"), "ending") {
				time.Sleep(time.Millisecond)
			}
			p.signal(t, syscall.SIGTERM)
			p.ends(t, -1)
			continue
		}
		p.ends(t, 0)
		for _, c := range srv.Contacts() {
			if c.Title == "" {
				t.Errorf("the job of contact %s was interrupted", c.ID)
			}
		}
	}
}

func lookups(srv served) (n int) {
	for _, r := range srv.Requests() {
		if r.Route == growthgeniustest.RoutePerson {
			n++
		}
	}
	return n
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func get(address, path string) string {
	res, err := http.Get("http://" + address + path)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}

// TestFailures have the exit status 1, 2 for flags, and 3 for jobs that were given up.
func TestFailures(t *testing.T) {
	t.Parallel()
	srv := newServer(t, 0, 0)
	dir := t.TempDir()
	refused := newServer(t, 0, 0)
	refused.Inject(growthgeniustest.Fault{Method: http.MethodPost, Route: growthgeniustest.RouteContacts, Status: http.StatusUnprocessableEntity})
	for want, tt := range map[string]struct {
		status int
		env    []string
		args   []string
	}{
		"GROWTHGENIUS_API_KEY is not set": {1, nil, []string{"-import", "leads.csv"}},
		"no such file":                    {1, srv.env, []string{"-dsn", filepath.Join(dir, "a.db"), "-import", filepath.Join(dir, "not")}},
		"-concurrency":                    {2, srv.env, []string{"-concurrency", "0"}},
		"fleet: ":                         {1, srv.env, []string{"-dsn", "postgres://nobody@127.0.0.1:1/none"}},
		"1 of the jobs were given up":     {3, refused.env, brisk(append(files(t, 0, 1), "-dsn", filepath.Join(dir, "b.db"), "-drain")...)},
	} {
		if p := start(t, tt.env, tt.args...).ends(t, tt.status); !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%d bytes of errors do not contain %q", p.stderr.Len(), want)
		}
	}
}
