package redisstore_test

import (
	"os"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// processEnv names the function of processes that the test binary is to run in place of the
// tests.
const processEnv = "REDISSTORE_PROCESS"

// processes are what tests run in processes of their own. They return the exit code.
var processes = map[string]func() int{}

func TestMain(m *testing.M) {
	if process, ok := processes[os.Getenv(processEnv)]; ok {
		os.Exit(process())
	}
	testkit.Main(m)
}
