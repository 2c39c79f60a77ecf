package main

import (
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

func TestMain(m *testing.M) { program.Main(m) }

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
		t.Fatalf("status %d, want %d: %s%s", p.ProcessState.ExitCode(), status, &p.stdout, &p.stderr)
	}
	return p
}

// says compares the standard output.
func (p *process) says(t *testing.T, want string) {
	t.Helper()
	if got := p.stdout.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func serve(t *testing.T) (*growthgeniustest.Server, []string) {
	t.Helper()
	srv := growthgeniustest.NewServer(t)
	return srv, []string{"GROWTHGENIUS_API_KEY=" + srv.APIKey(), "GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL=" + srv.URL()}
}

// write writes a file in a folder of its own, or anew.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.TempDir(), path)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// titles returns the titles of all contacts by their names.
func titles(srv *growthgeniustest.Server) map[string][]string {
	all := map[string][]string{}
	for _, c := range srv.Contacts() {
		all[c.FirstName] = append(all[c.FirstName], c.Title)
	}
	return all
}

func same(t *testing.T, srv *growthgeniustest.Server, want map[string][]string) {
	t.Helper()
	if got := titles(srv); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the contacts are %v, want %v", got, want)
	}
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	p := start(t, nil).ends(t, 0)
	got := regexp.MustCompile(`(?m)apply .*$`).ReplaceAllString(p.stdout.String(), "apply ...")
	want := `GROWTHGENIUS_API_KEY is not set: this is a server in memory, and a sample file.

A dry run:
line 4: created
    email: "ada@example.com"
    first_name: "Ada"
    last_name: "Lovelace"
    title: "Analyst"
line 5: updated contact 1102755
    title: "Captain" → "Rear Admiral"
line 8: created
    first_name: "Hedy"
    last_name: "Lamarr"
    title: "Inventor"
  2 would be created
  1 would be updated
  1 would be duplicate
  1 would be rejected
  5 rows

To do this and nothing else: go run . -apply ...

The import:
  2 created
  1 updated
  1 duplicate
  1 rejected
  5 rows

The rejected row, mended:
  1 created
  1 rows

The server has 4 contacts.
`
	if got != want {
		t.Errorf("the output is not the expected one; it has %d lines, want %d", strings.Count(got, "\n"), strings.Count(want, "\n"))
	}
	for _, want := range []string{`header in line 3 (certain)`, `the column "Badge" is ignored`, "line 7: rejected: email: "} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("standard error does not have %q", want)
		}
	}
}

// TestRejects mends the rows that were rejected, and imports them. All of that is done twice.
func TestRejects(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	file := write(t, "people.csv", "First Name;Title;Email\nAda;CTO;ada@example.com\nBob;CEO;n/a\nHedy;CFO;\n")
	rejects := strings.TrimSuffix(file, ".csv") + "-rejected.csv"
	for range 2 {
		start(t, env, file).ends(t, 3)
		same(t, srv, map[string][]string{"Ada": {"CTO"}, "Hedy": {"CFO"}})
	}
	text := read(t, rejects)
	if !strings.HasPrefix(text, "_line;_field;_error;First Name;Title;Email\n3;email;") || strings.Count(text, "\n") != 2 {
		t.Errorf("the rejects are %d bytes of %d lines", len(text), strings.Count(text, "\n"))
	}
	mended := strings.Replace(text, ";n/a", ";bob@example.com", 1)
	write(t, rejects, mended)
	all := map[string][]string{"Ada": {"CTO"}, "Hedy": {"CFO"}, "Bob": {"CEO"}}
	for range 2 {
		start(t, env, rejects).ends(t, 0).says(t, "  1 created\n  1 rows\n")
		same(t, srv, all)
	}
	p := start(t, env, file).ends(t, 3)
	same(t, srv, all)
	if read(t, rejects) != mended || read(t, strings.TrimSuffix(rejects, ".csv")+"-2.csv") != text || !strings.Contains(p.stderr.String(), "-rejected-2.csv") {
		t.Error("the file that was mended was overwritten, or the rejects are not in another one")
	}
	write(t, file, strings.Replace(read(t, file), ";n/a", ";bob@example.com", 1))
	if p := start(t, env, file).ends(t, 1); !strings.Contains(p.stderr.String(), "the flag -changed") {
		t.Errorf("a file that has changed: %s", &p.stderr)
	}
	start(t, env, "-changed", file).ends(t, 0)
	same(t, srv, all)
}

// TestInterrupted interrupts an import in its middle, and runs it again.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	var text strings.Builder
	text.WriteString("First Name;Title\n")
	for range 100 {
		text.WriteString("Twin;CTO\n")
	}
	file := write(t, "twins.csv", text.String())
	srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Delay: 20 * time.Millisecond})
	p := start(t, env, file)
	for len(srv.Contacts()) < 20 {
		time.Sleep(time.Millisecond)
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Skip(err) // Windows
	}
	p.ends(t, 1)
	if !strings.HasSuffix(p.stderr.String(), "import: interrupted: to go on, run the same command again (the ledger has what is done)\n") ||
		!regexp.MustCompile(`(?m)^ +\d+ pending$`).MatchString(p.stdout.String()) || !strings.HasSuffix(p.stdout.String(), " 100 rows\n") {
		t.Errorf("it says %s%s", &p.stdout, &p.stderr)
	}
	if n := len(srv.Contacts()); n == 100 {
		t.Error("nothing was interrupted")
	}
	start(t, env, file).ends(t, 0).says(t, "  100 created\n  100 rows\n")
	if n := len(srv.Contacts()); n != 100 {
		t.Errorf("there are %d contacts", n)
	}
}

// TestDryRun applies a dry run after one of its contacts has changed.
func TestDryRun(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	made := srv.AddContacts(growthgenius.Contact{FirstName: "Ada", Email: "ada@example.com"}, growthgenius.Contact{FirstName: "Bob", Email: "bob@example.com", Title: "CIO"})
	file := write(t, "people.csv", "First Name;Title;Email\nAda;CTO;ada@example.com\nBob;CEO;bob@example.com\nHedy;CFO;\n")
	dry := start(t, env, "-dry-run", file).ends(t, 0)
	same(t, srv, map[string][]string{"Ada": {""}, "Bob": {"CIO"}})
	for _, want := range []string{"    title: \"CTO\"\n", "    title: \"CIO\" → \"CEO\"\n", "  2 would be updated\n"} {
		if !strings.Contains(dry.stdout.String(), want) {
			t.Errorf("the dry run does not print %q", want)
		}
	}
	for _, r := range srv.Requests() {
		if r.Method != http.MethodGet {
			t.Errorf("the dry run has sent %s %s", r.Method, r.Path)
		}
	}
	_, digest, _ := strings.Cut(dry.stdout.String(), "-apply ")
	digest, _, _ = strings.Cut(digest, " ")
	if _, err := srv.Client().Contacts.Update(t.Context(), made[1].ID, growthgenius.ContactInput{Title: growthgenius.Set("COO")}); err != nil {
		t.Fatal(err)
	}
	p := start(t, env, "-apply", digest, file).ends(t, 0)
	p.says(t, "  1 created\n  1 updated\n  1 skipped\n  3 rows\n")
	if !strings.Contains(p.stderr.String(), "line 3: skipped contact "+string(made[1].ID)+": ") {
		t.Error("it does not say which row was skipped")
	}
	same(t, srv, map[string][]string{"Ada": {"CTO"}, "Bob": {"COO"}, "Hedy": {"CFO"}})
}

// TestModes has contacts that exist, and columns of any name.
func TestModes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]map[string][]string{
		"-mode upsert": {"Ada": {"CTO"}, "Bob": {"CEO"}}, "-mode create-only": {"Ada": {"CIO"}, "Bob": {""}}, "-mode fill-blanks": {"Ada": {"CIO"}, "Bob": {"CEO"}},
	} {
		srv, env := serve(t)
		srv.AddContacts(growthgenius.Contact{FirstName: "Ada", Email: "ada@example.com", Title: "CIO"}, growthgenius.Contact{FirstName: "Bob", Email: "bob@example.com"})
		file := write(t, "people.csv", "Wer;Was;Email\nAda;CTO;ada@example.com\nBob;CEO;bob@example.com\n")
		mapping := write(t, "columns.json", `{"Wer": "first_name", "Was": "title"}`)
		start(t, env, append(strings.Fields(args), "-mapping", mapping, file)...).ends(t, 0)
		same(t, srv, want)
	}
}

// TestUndo undoes an import after one of its contacts has changed.
func TestUndo(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	made := srv.AddContacts(growthgenius.Contact{FirstName: "Ada", Email: "ada@example.com", Title: "CIO"}, growthgenius.Contact{FirstName: "Bob", Email: "bob@example.com", Title: "CIO"})
	file := write(t, "people.csv", "First Name;Title;Email\nAda;CTO;ada@example.com\nBob;CEO;bob@example.com\nHedy;CFO;\nAlan;CSO;n/a\n")
	start(t, env, file).ends(t, 3)
	imported := map[string][]string{"Ada": {"CTO"}, "Bob": {"CEO"}, "Hedy": {"CFO"}}
	same(t, srv, imported)
	dry := start(t, env, "-undo", file).ends(t, 0)
	if !strings.Contains(dry.stdout.String(), "  1 would be deleted\n") || !strings.Contains(dry.stdout.String(), "  2 would be restored\n") {
		t.Errorf("the dry run prints %d bytes, without what would be deleted and restored", dry.stdout.Len())
	}
	same(t, srv, imported)
	if _, err := srv.Client().Contacts.Update(t.Context(), made[1].ID, growthgenius.ContactInput{Title: growthgenius.Set("COO")}); err != nil {
		t.Fatal(err)
	}
	start(t, env, "-undo", "-yes", file).ends(t, 0).says(t, "  1 rejected\n  1 deleted\n  1 restored\n  1 kept\n  4 rows\n")
	same(t, srv, map[string][]string{"Ada": {"CIO"}, "Bob": {"COO"}})
}

// TestFailures have the exit status 1, or 2 for flags.
func TestFailures(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	file := write(t, "people.csv", "First Name;Title\nAda;CTO\n")
	refused, refusedEnv := serve(t)
	refused.Inject(growthgeniustest.Fault{Method: http.MethodPost, Status: http.StatusInternalServerError}, growthgeniustest.Fault{Method: http.MethodGet, Status: http.StatusForbidden})
	for want, tt := range map[string]struct {
		status int
		env    []string
		args   []string
	}{
		"GROWTHGENIUS_API_KEY is not set":            {1, nil, []string{file}},
		"no such file":                               {1, env, []string{file + ".not"}},
		"use upsert, create-only or fill-blanks":     {2, env, []string{"-mode", "all", file}},
		"-dry-run":                                   {2, env, nil},
		"the mapping is not valid":                   {1, env, []string{"-mapping", file, file}},
		"403 Forbidden":                              {1, refusedEnv, []string{write(t, "people.csv", "Email\nada@example.com\n")}},
		"Plan is for the import that follows a dry ": {1, env, []string{"-dry-run", "-apply", "x", file}},
	} {
		if p := start(t, tt.env, tt.args...).ends(t, tt.status); !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%q does not contain %q", p.stderr.String(), want)
		}
	}
	same(t, srv, nil)
}

// TestStatus: what failed comes first, then what is unknown, then what was rejected.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		want   int
		counts map[bulk.Outcome]int
	}{
		{0, map[bulk.Outcome]int{bulk.Created: 1, bulk.Updated: 1, bulk.Unchanged: 1, bulk.Duplicate: 1, bulk.Skipped: 1}},
		{3, map[bulk.Outcome]int{bulk.Created: 1, bulk.Rejected: 1}},
		{4, map[bulk.Outcome]int{bulk.Rejected: 1, bulk.Unknown: 1}},
		{1, map[bulk.Outcome]int{bulk.Rejected: 1, bulk.Unknown: 1, bulk.Failed: 1}},
		{1, map[bulk.Outcome]int{bulk.Pending: 1}},
	} {
		if got := (&summary{counts: tt.counts}).status(); got != tt.want {
			t.Errorf("%v: status %d, want %d", tt.counts, got, tt.want)
		}
	}
}

// TestUnknown loses the response to a create, and all lists in which it could be found.
func TestUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
		file := csvFile{path: write(t, "people.csv", "First Name;Title\nAda;CTO\n")}
		lost := growthgeniustest.Fault{Method: http.MethodPost, Commit: true, Effect: growthgeniustest.Reset, Times: 1}
		srv.Inject(lost, growthgeniustest.Fault{Method: http.MethodGet, Status: http.StatusServiceUnavailable})
		newClient := func(opts ...growthgenius.Option) (*growthgenius.Client, error) { return srv.Client(opts...), nil }
		for _, want := range []int{4, 0} {
			s, err := importFile(t.Context(), newClient, file, options{})
			if err != nil || s.status() != want {
				t.Errorf("%v, %v, want the status %d", s, err, want)
			}
			srv.ClearFaults()
		}
		same(t, srv, map[string][]string{"Ada": {"CTO"}})
	})
}
