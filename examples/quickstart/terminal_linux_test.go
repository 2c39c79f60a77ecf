package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

// TestColor checks that the marks are green on a terminal, and only there.
func TestColor(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"terminal":      {[]string{"TERM=xterm", "NO_COLOR="}, "\x1b[32m✓\x1b[0m users"},
		"NO_COLOR":      {[]string{"TERM=xterm", "NO_COLOR=1"}, "✓ users"},
		"dumb terminal": {[]string{"TERM=dumb", "NO_COLOR="}, "✓ users"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if line := firstLineOnTerminal(t, append(environment(srv), test.env...)); !strings.HasPrefix(line, test.want) {
				t.Errorf("got %q, want %q", line, test.want)
			}
		})
	}
}

// firstLineOnTerminal runs the program with a terminal as its standard output.
func firstLineOnTerminal(t *testing.T, env []string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer master.Close()
	var unlock, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	cmd := exec.CommandContext(t.Context(), program.Path(t))
	cmd.Stdout = terminal
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(master).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}
