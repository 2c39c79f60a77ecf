package growthgeniusriver_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestGuide: the code of the guide is that of the examples, which are run.
func TestGuide(t *testing.T) {
	t.Parallel()
	flat := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`(?m)^[\t ]+`).ReplaceAllString(string(text), "")
	}
	examples, guide := flat("example_test.go"), flat("../docs/queues.md")
	pieces := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(guide, -1)
	if len(pieces) < 4 {
		t.Errorf("the guide has %d pieces of code", len(pieces))
	}
	for _, piece := range pieces {
		if !strings.Contains(examples, piece[1]) {
			t.Errorf("not in example_test.go:\n%s", piece[1])
		}
	}
}
