// Package program builds and runs the program of the folder whose tests use it.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// folder is where the program was built, or "".
var folder string

var build = sync.OnceValues(func() (string, error) {
	source, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if folder, err = os.MkdirTemp("", "program"); err != nil {
		return "", err
	}
	path := filepath.Join(folder, filepath.Base(source))
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// Main runs the tests, calls each of stop, removes what was built, and exits.
func Main(m *testing.M, stop ...func() error) {
	code := m.Run()
	for _, end := range stop {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// Path returns the path of the program, which is built once.
func Path(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	return path
}

// Command returns the program as a command, with env in place of the GROWTHGENIUS_ variables. It
// ends with the test, and after a minute.
func Command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	path := Path(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GROWTHGENIUS_") }), env...)
	return cmd
}
