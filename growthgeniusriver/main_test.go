package growthgeniusriver_test

import (
	"flag"
	"os"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// processEnv makes the test binary the process of dieWithJob in place of the tests.
const processEnv = "GROWTHGENIUSRIVER_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(processEnv) != "" {
		os.Exit(dieWithJob())
	}
	if err := flag.Set("test.parallel", "8"); err != nil { // most of the time they wait for River
		panic(err)
	}
	testkit.Main(m)
}
