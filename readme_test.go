package growthgenius_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// fragmentImports are the packages that a piece of code in the pages may use without
// importing them, by the name it uses.
var fragmentImports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "iter": "iter", "json": "encoding/json", "http": "net/http", "log": "log",
	"os": "os", "slog": "log/slog", "sync": "sync", "time": "time", "url": "net/url",
	"bulk":         "github.com/growthgenius/growthgenius-go/bulk",
	"contactcsv":   "github.com/growthgenius/growthgenius-go/contactcsv",
	"mailbox":      "github.com/growthgenius/growthgenius-go/mailbox",
	"growthgenius": "github.com/growthgenius/growthgenius-go", "ledger": "github.com/growthgenius/growthgenius-go/ledger",
}

// fragment returns a Go file with a piece of code in it: its declarations, if it declares
// a function, and otherwise the body of a function that has a context and a client and may
// return an error.
func fragment(code string) string {
	if !regexp.MustCompile(`(?m)^func `).MatchString(code) {
		code = "func example(ctx context.Context, client *growthgenius.Client) error {\n" + code + "\nreturn nil\n}\n\nvar _ = example\n"
	}
	var imports []string
	uncommented := regexp.MustCompile(`//.*`).ReplaceAllString(code, "")
	for name, path := range fragmentImports {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(uncommented) {
			imports = append(imports, fmt.Sprintf("%q", path))
		}
	}
	slices.Sort(imports)
	return "package fragment\n\nimport (\n" + strings.Join(imports, "\n") + "\n)\n\n" + code
}

// pages are the documents whose code is built. (The code of reliability.md is an Example,
// and architecture.md shows the inside of the package.)
var pages = []string{
	"README.md", "docs/calls.md", "docs/enriching.md", "docs/errors.md", "docs/getting-data-out.md", "docs/import-files.md", "docs/importing.md", "docs/keys.md", "docs/logging-messages.md", "docs/testing.md", "docs/troubleshooting.md",
}

// TestReadmeCode builds each piece of Go in the pages in a separate module, as a reader would.
// It runs the programs against a server in memory, and runs the tests.
func TestReadmeCode(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a module")
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/growthgenius/growthgenius-go"
	gomod = bytes.Replace(gomod, []byte("module "+module), []byte("module readme"), 1)
	gomod = fmt.Appendf(gomod, "\nrequire %s v0.0.0\n\nreplace %s => %q\n", module, module, filepath.ToSlash(root))
	gosum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", gomod)
	write("go.sum", gosum)

	programs := map[string]string{} // by their folder, what they print
	var blocks [][]string
	for _, page := range pages {
		found := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(readPage(t, page), -1)
		if len(found) == 0 {
			t.Fatalf("%s has no Go code", page)
		}
		blocks = append(blocks, found...)
	}
	for i, block := range blocks {
		code, folder := block[1], fmt.Sprintf("block%02d", i+1)
		switch {
		case strings.HasPrefix(code, "package main\n"):
			programs[folder] = "created 1102755\n"
			if _, output, ok := strings.Cut(code, "\n// Output:\n"); ok {
				programs[folder] = strings.ReplaceAll(output, "// ", "")
			}
			write(folder+"/main.go", []byte(code))
		case strings.HasPrefix(code, "package "):
			write(folder+"/readme_test.go", []byte(code))
		default:
			write(folder+"/fragment.go", []byte(fragment(code)))
		}
	}

	srv := growthgeniustest.NewServer(t)
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GROWTHGENIUS_API_KEY="+srv.APIKey(),
			"GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL="+srv.URL())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	command("vet", "./...")
	command("test", "./...")
	if len(programs) == 0 {
		t.Fatal("the pages have no program")
	}
	_, after, _ := strings.Cut(readPage(t, "docs/importing.md"), "```csv\n")
	customers, _, _ := strings.Cut(after, "```")
	write("customers.csv", []byte(customers))
	// docs/logging-messages.md logs mails to the contacts that docs/importing.md imports before.
	const mail = "From sent Fri Jan 15 09:30:00 2021\nMessage-ID: <1>\nDate: Fri, 15 Jan 2021 09:30:00 +0000\n" +
		"From: %s\nTo: Ada <ada@example.com>\nCc: %s\nSubject: Tuesday\n\nHi\n\n"
	write("Sent.mbox", fmt.Appendf(nil, mail+mail+mail, "dev@growthgenius.com", "carl@example.com", "dev@growthgenius.com", "", "grace@example.com", ""))
	for _, program := range slices.Sorted(maps.Keys(programs)) {
		if out, want := command("run", "./"+program), programs[program]; !sameLines(out, want) {
			t.Errorf("%s prints %q, want %q", program, out, want)
		}
	}
	var created []string
	for _, c := range srv.Contacts() {
		created = append(created, c.Email)
	}
	if want := []string{"tony@example.com", "ada@example.com", "grace@example.com"}; !slices.Equal(created[:1], want[:1]) || !slices.Equal(slices.Sorted(slices.Values(created)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the programs created %v, want %v", created, want)
	}
}

// sameLines reports whether two texts have the same lines, in any order.
func sameLines(a, b string) bool {
	return slices.Equal(slices.Sorted(strings.Lines(a)), slices.Sorted(strings.Lines(b)))
}

// TestReadmeQuickstart compares the output in the README with what the quickstart prints.
func TestReadmeQuickstart(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a program")
	}
	_, after, _ := strings.Cut(readPage(t, "README.md"), "<!-- quickstart output: begin -->\n```text\n")
	shown, _, ok := strings.Cut(after, "```\n<!-- quickstart output: end -->")
	if !ok {
		t.Fatal("README.md has no output of the quickstart")
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "./examples/quickstart")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GROWTHGENIUS_") })
	printed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seconds := regexp.MustCompile(`\d+\.\d+ s\b`)
	if got, want := seconds.ReplaceAllString(shown, "N s"), seconds.ReplaceAllString(string(printed), "N s"); got != want {
		t.Errorf("README.md shows\n%s\nthe quickstart prints\n%s", got, want)
	}
}

// TestReadmeFigures compares the figures at the top of the README with what was measured.
func TestReadmeFigures(t *testing.T) {
	t.Parallel()
	readme := strings.Join(strings.Fields(readPage(t, "README.md")), " ")
	for _, claim := range slices.Concat(reliabilityClaims(t), performanceClaims(t)) {
		if !strings.Contains(readme, claim) {
			t.Errorf("README.md does not say %q", claim)
		}
	}
}

// reliabilityClaims returns what docs/reliability.json says about duplicates, in the words
// of the README.
func reliabilityClaims(t *testing.T) []string {
	t.Helper()
	var measured struct {
		Settings struct {
			Creates int
			Rate    float64
		}
		Results []struct {
			Mode                                           string
			Duplicates, Lost, Unknown, Resolved, Unsettled int
			ToldFailed                                     int `json:"told_failed_committed"`
			ResolvedWrong                                  int `json:"resolved_wrong"`
		}
	}
	readJSON(t, "docs/reliability.json", &measured)
	var ours, theirs, unknown []int
	for _, r := range measured.Results {
		switch r.Mode {
		case "default":
			ours, unknown = append(ours, r.Duplicates), append(unknown, r.Unknown)
			if r.Lost+r.ToldFailed+r.ResolvedWrong+r.Unsettled > 0 || r.Resolved == 0 {
				t.Errorf("this result does not support what the README says: %+v", r)
			}
		case "retryablehttp":
			theirs = append(theirs, r.Duplicates)
		}
	}
	creates := measured.Settings.Creates
	return []string{
		fmt.Sprintf("faults in %.0f%% of all requests", 100*measured.Settings.Rate),
		fmt.Sprintf("%d runs of %s creates made %d duplicates", len(ours), thousands(creates), slices.Max(ours)),
		fmt.Sprintf("made %s to %s in each run", thousands(slices.Min(theirs)), thousands(slices.Max(theirs))),
		fmt.Sprintf("About %.0f%% of our creates", 100*float64(slices.Max(unknown))/float64(creates)),
	}
}

// performanceClaims does the same for docs/performance.json.
func performanceClaims(t *testing.T) []string {
	t.Helper()
	var measured struct {
		Settings struct{ Goroutines, Contacts int }
		Get      []struct {
			Client, Payload string
			OfParallel      struct{ Median float64 } `json:"of_parallel"`
			OfAllocs        float64                  `json:"of_allocs"`
		}
		Stream []struct {
			Reader string
			Peak   float64
			OfTime struct{ Median float64 } `json:"of_time"`
		}
	}
	readJSON(t, "docs/performance.json", &measured)
	claims := []string{
		fmt.Sprintf("(%d goroutines)", measured.Settings.Goroutines),
		thousands(measured.Settings.Contacts) + " contacts stream",
	}
	for _, r := range measured.Get {
		if r.Client == "growthgenius-go" {
			claims = append(claims, fmt.Sprintf("takes %.0f%% less time", 100*(1-r.OfParallel.Median)),
				fmt.Sprintf("%.0f%% fewer allocations", 100*(1-r.OfAllocs)))
		}
	}
	for _, r := range measured.Stream {
		switch mebibytes := r.Peak / (1 << 20); r.Reader {
		case "growthgenius-go, Contacts.Stream":
			claims = append(claims, fmt.Sprintf("%.1f MiB of live heap", mebibytes))
			if r.OfTime.Median > 0.34 {
				t.Errorf("a stream takes more than a third of the time: %v", r.OfTime)
			}
		case "io.ReadAll and json.Unmarshal":
			claims = append(claims, fmt.Sprintf("take with %.0f MiB", mebibytes))
		}
	}
	if len(claims) != 6 {
		t.Fatalf("docs/performance.json lacks some results: %q", claims)
	}
	return claims
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(readPage(t, name)), v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// thousands formats a number as 1,234.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
