//go:build unix

// Package pgtest runs a Postgres server for tests, of which there is one in each process.
package pgtest

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// NewSchema returns the DSN of a new schema. It starts the server if no test has yet. The
// driver pgx must be registered. With -short the test is skipped.
func NewSchema(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts Postgres")
	}
	if err := Start("-F"); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", schemas.Add(1))
	db, err := sql.Open("pgx", DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	return DSN(name)
}

var (
	schemas atomic.Int32
	folder  string
	stop    = func() error { return nil }
)

// Folder is where the socket of the server is. It is empty before the first [NewSchema].
func Folder() string { return folder }

// Stop ends the server, if it was started. Otherwise it ends with the process.
func Stop() error { return stop() }

// DSN is that of a schema, which need not exist yet. "" is the default one.
func DSN(schema string) string {
	return "postgres:///postgres?user=test&host=" + folder + "&search_path=" + schema
}

// serveUntilEOF runs Postgres until its standard input is closed, so that it ends with the
// tests even if they are killed. If Postgres ends before, it is started again.
const serveUntilEOF = `folder=$1; shift
(until [ -e "$folder/stop" ]; do "$0" -D "$folder/data" -k "$folder" -h "" "$@" >>"$folder/log" 2>&1 || sleep 0.05; done) &
read -r _; : >"$folder/stop"; kill -INT "$(head -n 1 "$folder/data/postmaster.pid")"; wait; rm -rf "$folder"`

var (
	once    sync.Once
	started error
)

// Start starts the server in a new folder, unless it was started before. It listens only on a
// socket in that folder. The settings are arguments of postgres, such as -F not to sync.
func Start(settings ...string) error {
	once.Do(func() { started = launch(settings) })
	return started
}

// Restart ends the server with a signal, and returns when it responds again. SIGQUIT is an
// immediate shutdown, as a crash of the server, and SIGINT a fast one.
func Restart(sig syscall.Signal) error {
	file := filepath.Join(folder, "data", "postmaster.pid")
	before, err := postmaster(file)
	if err != nil {
		return err
	}
	if err := syscall.Kill(before, sig); err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		if now, err := postmaster(file); err == nil && now != before {
			return wait()
		}
	}
	return errors.New("postgres does not end")
}

// postmaster returns the process id in the file of it.
func postmaster(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

func launch(settings []string) error {
	bin, err := programs()
	if err != nil {
		return err
	}
	if folder, err = os.MkdirTemp("", "pg"); err != nil {
		return err
	}
	var attr syscall.SysProcAttr
	if os.Geteuid() == 0 { // Postgres refuses to run as root
		if attr.Credential, err = ordinaryUser(); err != nil {
			return err
		}
		if err := os.Chown(folder, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--username=test", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
		"--pgdata="+filepath.Join(folder, "data"))
	initdb.SysProcAttr, initdb.Dir = &attr, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	server := exec.Command("sh", append([]string{"-c", serveUntilEOF, filepath.Join(bin, "postgres"), folder}, settings...)...)
	server.SysProcAttr, server.Dir = &attr, folder
	stdin, err := server.StdinPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	stop = func() error { return errors.Join(stdin.Close(), server.Wait()) }
	return wait()
}

// wait returns when the server is ready.
func wait() error {
	db, err := sql.Open("pgx", DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := db.Ping()
		if err == nil {
			return nil
		}
		if time.Since(began) > 30*time.Second {
			log, _ := os.ReadFile(filepath.Join(folder, "log"))
			return fmt.Errorf("postgres: %w\n%s", err, log)
		}
	}
}

// programs returns the folder of Postgres's programs, which Debian does not add to the PATH.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("cannot find Postgres (initdb is neither in the PATH nor in /usr/lib/postgresql):\n" +
			"\tapt-get install postgresql, brew install postgresql, or go test -short to skip its tests")
	}
	initdb, err := filepath.EvalSymlinks(slices.Max(found))
	return filepath.Dir(initdb), err
}

func ordinaryUser() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("running Postgres needs a user other than root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
