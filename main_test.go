package growthgenius

import (
	"flag"
	"log"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package where a goroutine outlives the tests. Property tests draw
// the same values each time, unless -rapid.seed says otherwise.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			log.Fatal(err)
		}
	}
	goleak.VerifyTestMain(m)
}
