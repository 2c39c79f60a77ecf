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
	"time"
)

// Server is a Redis that listens on a socket in a folder of its own.
type Server struct {
	folder string
	stdin  io.Closer
	shell  *exec.Cmd
}

// serveUntilEOF runs Redis until standard input is closed, so that it ends with the tests even
// if they are killed.
const serveUntilEOF = `redis-server "$@" >>log 2>&1 </dev/null & read -r _; kill -KILL $! 2>>log; wait; rm -rf "$PWD"`

// Start starts a Redis with settings of its command line, such as "--appendonly", "yes", and
// waits until it responds.
func Start(settings ...string) (*Server, error) {
	folder, err := os.MkdirTemp("", "redis") // the path of a socket must be short
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder}
	args := append([]string{"-c", serveUntilEOF, "sh", "--port", "0", "--unixsocket", s.Socket(), "--save", "", "--dir", folder}, settings...)
	s.shell = exec.Command("sh", args...)
	s.shell.Dir = folder
	if s.stdin, err = s.shell.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.shell.Start(); err != nil {
		return nil, err
	}
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if err = s.ping(); err == nil {
			return s, nil
		}
		if time.Since(begun) > 20*time.Second {
			log, _ := os.ReadFile(filepath.Join(folder, "log"))
			s.Close()
			return nil, fmt.Errorf("redis-server does not respond (is it installed?): %w\n%s", err, log)
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

// Close ends it, and removes its folder.
func (s *Server) Close() {
	_ = s.stdin.Close()
	_ = s.shell.Wait()
}
