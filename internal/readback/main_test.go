package readback_test

import (
	"flag"
	"log"
	"runtime/debug"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

var (
	histories = flag.Int("histories", 10_000, "how many histories TestPromise runs")
	slowdown  = 1
)

// TestMain makes the property test draw the same histories each time, unless -rapid.seed
// says otherwise.
func TestMain(m *testing.M) {
	set := func(name, value string) {
		if err := flag.Set(name, value); err != nil {
			log.Fatal(err)
		}
	}
	set("rapid.seed", "1")
	set("rapid.nofailfile", "true")
	flag.Parse()
	n := *histories / slowdown
	if testing.Short() {
		n /= 10
	}
	debug.SetGCPercent(400) // the histories allocate much, and keep little
	set("rapid.checks", strconv.Itoa(max(1, n/len(resources))))
	goleak.VerifyTestMain(m)
}
