//go:build unix

package redisstore_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	s, err := newRedis(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func newRedis(settings ...string) (*redisServer, error) {
	folder, err := os.MkdirTemp("", "redis") // the path of a socket must be short
	if err != nil {
		return nil, err
	}
	s := &redisServer{folder: folder, args: settings}
	if err := s.launch(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close ends it, and removes its folder.
func (s *redisServer) close() {
	if s.shell != nil {
		_ = s.stdin.Close()
		_ = s.shell.Wait()
	}
	_ = os.RemoveAll(s.folder)
}

// start starts it again, after kill.
func (s *redisServer) start(t *testing.T) {
	t.Helper()
	if err := s.launch(); err != nil {
		t.Fatal(err)
	}
}

// launch starts it, and waits until it responds.
func (s *redisServer) launch() error {
	args := append([]string{"-c", serveUntilEOF, "sh", "--port", "0", "--unixsocket", s.socket(), "--save", "", "--dir", s.folder}, s.args...)
	shell := exec.Command("sh", args...)
	shell.Dir = s.folder
	var err error
	if s.stdin, err = shell.StdinPipe(); err != nil {
		return err
	}
	stdout, err := shell.StdoutPipe()
	if err != nil {
		return err
	}
	if err := shell.Start(); err != nil {
		return err
	}
	s.shell = shell
	if _, err := fmt.Fscan(stdout, &s.pid); err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket()})
	defer client.Close()
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if err = client.Ping(context.Background()).Err(); err == nil {
			return nil
		}
		if time.Since(begun) > 20*time.Second {
			log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			return fmt.Errorf("redis-server does not respond (is it installed?): %w\n%s", err, log)
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
