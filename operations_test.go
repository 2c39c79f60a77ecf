package growthgenius_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOperations compares docs/operations.md with the code: it has a row for each message of
// the log and for each metric, no row for any other, and its Go code is that of examples.
func TestOperations(t *testing.T) {
	t.Parallel()
	page := readPage(t, "docs/operations.md")
	rows := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:growthgenius|http\\.)[^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		rows[row[1]] = false
	}
	exists := func(name string) {
		if _, ok := rows[name]; !ok {
			t.Errorf("docs/operations.md has no row for %q", name)
		}
		rows[name] = true
	}
	field := regexp.MustCompile(`: .*( is unknown| has an unexpected type) \(.*\)`)
	for _, message := range regexp.MustCompile(`msg="([^"]*)"`).FindAllStringSubmatch(readPage(t, "testdata/golden/logs.txt"), -1) {
		exists(field.ReplaceAllString(message[1], ": …$1 (…)"))
	}
	for _, message := range regexp.MustCompile(`"(growthgeniusriver: queue[^"]*)"`).FindAllStringSubmatch(readAll(t, "growthgeniusriver"), -1) {
		exists(message[1])
	}
	for _, metric := range regexp.MustCompile(`(?m)^//\t(\S+\.\S+) .*\{\w+\}|^//\t(\S+\.\S+) +(?:histogram, )?s `).FindAllStringSubmatch(readPage(t, "growthgeniusotel/doc.go"), -1) {
		exists(metric[1] + metric[2])
	}
	for name, found := range rows {
		if !found {
			t.Errorf("docs/operations.md has a row for %q, which does not exist", name)
		}
	}

	code := map[string]bool{}
	for _, folder := range []string{".", "ledger", "growthgeniusotel"} {
		for line := range strings.Lines(readAll(t, folder)) {
			code[strings.TrimSpace(line)] = true
		}
	}
	for _, block := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			if line = strings.TrimSpace(line); line != "" && !code[line] {
				t.Errorf("docs/operations.md has a line that no example has: %s", line)
			}
		}
	}
}

// readAll returns the Go files of a folder, one after the other.
func readAll(t *testing.T, folder string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s has %d files: %v", folder, len(names), err)
	}
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
