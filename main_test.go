package growthgenius

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package where a goroutine outlives the tests, and where a client or
// the standard logger prints what is private. Property tests draw the same values each
// time, unless -rapid.seed says otherwise.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			log.Fatal(err)
		}
	}
	log.SetOutput(io.MultiWriter(os.Stderr, &output))
	goleak.VerifyTestMain(censored{m})
}

// censored are tests that fail for what they print.
type censored struct{ *testing.M }

func (m censored) Run() int {
	code := m.M.Run()
	if n := len(output.found); n > 0 {
		fmt.Fprintf(os.Stderr, "FAIL: %d lines that were logged are private, such as %s", n, output.found[0])
		return 1
	}
	return code
}
