//go:build unix

// Package redistest runs Redis servers for tests.
package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Server is a Redis that listens on a socket in a folder of its own. It stores nothing on the
// disk unless its settings say so.
type Server struct {
	Settings []string // of its command line

	folder string
	stdin  io.Closer
	shell  *exec.Cmd
	pid    int
}

// serveUntilEOF runs Redis until standard input is closed, so that it ends with the tests even
// if they are killed.
const serveUntilEOF = `redis-server "$@" >>log 2>&1 </dev/null & echo $!; read -r _; kill -KILL $! 2>>log; wait`

// Start starts a Redis with settings of its command line, such as "--appendonly", "yes", and
// waits until it responds.
func Start(settings ...string) (*Server, error) {
	folder, err := os.MkdirTemp("", "redis") // the path of a socket must be short
	if err != nil {
		return nil, err
	}
	s := &Server{Settings: settings, folder: folder}
	if err := s.Launch(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Launch starts it again after Kill, and waits until it responds.
func (s *Server) Launch() error {
	args := append([]string{"-c", serveUntilEOF, "sh", "--port", "0", "--unixsocket", s.Socket(), "--save", "", "--dir", s.folder}, s.Settings...)
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
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if err = s.ping(); err == nil {
			return nil
		}
		if time.Since(begun) > 20*time.Second {
			log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			return fmt.Errorf("redis-server does not respond (is it installed?): %w\n%s", err, log)
		}
	}
}

func (s *Server) ping() error {
	conn, err := net.Dial("unix", s.Socket())
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line != "+PONG\r\n" {
		err = errors.New(line)
	}
	return err
}

// Socket is the path of the socket.
func (s *Server) Socket() string { return filepath.Join(s.folder, "socket") }

// Signal sends it a signal.
func (s *Server) Signal(sig syscall.Signal) error {
	if err := syscall.Kill(s.pid, sig); err != nil {
		return fmt.Errorf("%v of redis-server: %w", sig, err)
	}
	return nil
}

// Kill kills it. What it had in memory is lost.
func (s *Server) Kill() error {
	err := s.Signal(syscall.SIGKILL)
	s.end()
	return err
}

// Close ends it, and removes its folder.
func (s *Server) Close() {
	s.end()
	_ = os.RemoveAll(s.folder)
}

func (s *Server) end() {
	if s.shell != nil {
		_ = s.stdin.Close()
		_ = s.shell.Wait()
		s.shell = nil
	}
}
