package testkit

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"testing"

	"go.uber.org/goleak"
	_ "pgregory.net/rapid" // for its flags, which Main sets
)

// Main is the TestMain of a package. It fails the package if a goroutine outlives the
// tests, or if a client of this package or the standard logger prints what is private.
// Property tests draw the same values each time, unless -rapid.seed says otherwise.
func Main(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	log.SetOutput(io.MultiWriter(os.Stderr, &output))
	goleak.VerifyTestMain(watched{m})
}

// watched are tests that fail for what they log.
type watched struct{ *testing.M }

func (m watched) Run() int {
	code := m.M.Run()
	if found := output.private(); len(found) > 0 {
		fmt.Fprintf(os.Stderr, "FAIL: %d lines that were logged are private, such as %s", len(found), found[0])
		return 1
	}
	return code
}
