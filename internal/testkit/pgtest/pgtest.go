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
	if err := start(); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", schemas.Add(1))
	db, err := sql.Open("pgx", dsn(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	return dsn(name)
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

func dsn(schema string) string {
	return "postgres:///postgres?user=test&host=" + folder + "&search_path=" + schema
}

// serveUntilEOF runs Postgres until its standard input is closed, so that it ends with the
// tests even if they are killed.
const serveUntilEOF = `"$0" -D "$1/data" -k "$1" -h "" -F >"$1/log" 2>&1 & read -r _; kill -INT $!; wait; rm -rf "$1"`

// start starts a server in a new folder. It listens only on a socket in that folder.
var start = sync.OnceValue(func() error {
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
	server := exec.Command("sh", "-c", serveUntilEOF, filepath.Join(bin, "postgres"), folder)
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
})

// wait returns when the server is ready.
func wait() error {
	db, err := sql.Open("pgx", dsn(""))
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
