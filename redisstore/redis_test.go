//go:build unix

package redisstore_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/growthgenius/growthgenius-go/internal/testkit/redistest"
)

// redisServer is a Redis.
type redisServer struct{ *redistest.Server }

// startRedis starts a Redis with settings of its command line, such as "--appendonly", "yes".
func startRedis(t *testing.T, settings ...string) *redisServer {
	t.Helper()
	s, err := redistest.Start(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &redisServer{s}
}

// start starts it again, after kill.
func (s *redisServer) start(t *testing.T) {
	t.Helper()
	if err := s.Launch(); err != nil {
		t.Fatal(err)
	}
}

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
	return s.Settings[slices.Index(s.Settings, "--port")+1]
}

// client returns a client of the server, with the default options but for what change does.
func (s *redisServer) client(t *testing.T, change func(*redis.Options)) *redis.Client {
	t.Helper()
	o := &redis.Options{Network: "unix", Addr: s.Socket()}
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
	if err := s.Kill(); err != nil {
		t.Error(err)
	}
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
	if err := s.Signal(sig); err != nil {
		t.Error(err)
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
