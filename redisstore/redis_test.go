//go:build unix

package redisstore_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a Redis that listens on a socket in a folder of its own. It stores nothing
// on the disk unless its settings say so.
type redisServer struct {
	folder string
	args   []string
	stdin  io.Closer
	shell  *exec.Cmd
	pid    int
}

// serveUntilEOF runs Redis until standard input is closed, so that it ends with the tests even
// if they are killed.
const serveUntilEOF = `redis-server "$@" >>log 2>&1 </dev/null & echo $!; read -r _; kill -KILL $! 2>>log; wait`

// startRedis starts a Redis with settings of its command line, such as "--appendonly", "yes".
func startRedis(t *testing.T, settings ...string) *redisServer {
	t.Helper()
	folder, err := os.MkdirTemp("", "redis") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{folder: folder, args: settings}
	t.Cleanup(func() {
		if s.shell != nil {
			s.kill(t)
		}
		_ = os.RemoveAll(folder)
	})
	s.start(t)
	return s
}

// start starts it, again after kill, and waits until it responds.
func (s *redisServer) start(t *testing.T) {
	t.Helper()
	args := append([]string{"-c", serveUntilEOF, "sh", "--port", "0", "--unixsocket", s.socket(), "--save", "", "--dir", s.folder}, s.args...)
	s.shell = exec.Command("sh", args...)
	s.shell.Dir = s.folder
	stdin, err := s.shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdin = stdin
	stdout, err := s.shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.shell.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if s.pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	client := s.client(t, nil)
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if err = client.Ping(t.Context()).Err(); err == nil {
			return
		}
		if time.Since(begun) > 10*time.Second {
			log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			t.Fatalf("redis-server does not respond (is it installed?): %v\n%s", err, log)
		}
	}
}

func (s *redisServer) socket() string { return filepath.Join(s.folder, "socket") }

// freePort returns a port that is free for now, for a server that has to have one.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// port is what it was started with.
func (s *redisServer) port() string {
	return s.args[slices.Index(s.args, "--port")+1]
}

// client returns a client of the server, with the default options but for what change does.
func (s *redisServer) client(t *testing.T, change func(*redis.Options)) *redis.Client {
	t.Helper()
	o := &redis.Options{Network: "unix", Addr: s.socket()}
	if change != nil {
		change(o)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// kill kills it. What it had in memory is lost.
func (s *redisServer) kill(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	_ = s.stdin.Close()
	_ = s.shell.Wait()
	s.shell = nil
}

// suspend makes it hang, until resume. Connections are still accepted.
func (s *redisServer) suspend(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
}

func (s *redisServer) resume(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGCONT)
}

func (s *redisServer) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.pid, sig); err != nil {
		t.Errorf("%v of redis-server: %v", sig, err)
	}
}

// command returns a command that runs one of processes, with more variables of the
// environment.
func command(ctx context.Context, t *testing.T, process string, env ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = append(append(os.Environ(), processEnv+"="+process), env...)
	cmd.Stderr = os.Stderr
	return cmd
}
