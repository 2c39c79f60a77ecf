//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
)

func execute(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	db, err := open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// testOddTimes has times that are zero or the last one in another zone, as programs write
// them that have none.
func testOddTimes(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	messages := srv.AddMessages(
		growthgenius.Message{SentAt: time.Date(2021, 1, 19, 17, 6, 25, 0, time.UTC)},
		growthgenius.Message{SentAt: time.Date(1, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))},
		growthgenius.Message{SentAt: time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -5*3600))},
		growthgenius.Message{SentAt: time.Date(1, 1, 1, 0, 0, 0, 0, time.FixedZone("", -3600))},
		growthgenius.Message{SentAt: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		growthgenius.Message{RenderedCopy: "not sent"},
	)
	srv.ahead.Add(int64(time.Hour))
	p := start(t, srv.env(), "-dsn", dsn)
	if _ = p.Wait(); p.ProcessState.ExitCode() != 0 {
		t.Errorf("exit %d", p.ProcessState.ExitCode())
	}
	want := fmt.Sprintf("sync: message %s: the column sent_at stays empty: 0001-01-01T00:00:00+01:00 is not in the years 1 to 9999 of UTC\n"+
		"sync: message %s: the column sent_at stays empty: 9999-12-31T23:59:59-05:00 is not in the years 1 to 9999 of UTC\n", messages[1].ID, messages[2].ID)
	if got := p.stderr.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	rows := read(t, dsn)
	for i, sent := range []string{"2021-01-19T17:06:25Z", "", "", "0001-01-01T01:00:00Z", "9999-12-31T23:59:59Z", ""} {
		if row, want := rows["message "+string(messages[i].ID)], []string{"", "", sent, asJSON(t, srv.Messages()[i])}; !slices.Equal(row, want) {
			t.Errorf("got  %q\nwant %q", row, want)
		}
	}
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
}

// testRefused has records that the database refuses, because of an index.
func testRefused(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	execute(t, dsn, `CREATE UNIQUE INDEX one_each ON growthgenius_contacts (email)`)
	srv.day(150)
	contacts := srv.Contacts()
	twice := []growthgenius.ID{}
	for _, i := range []int{3, 4, 99, 149} {
		twice = append(twice, srv.AddContacts(growthgenius.Contact{FullName: "Twice", Email: contacts[i].Email})[0].ID)
	}
	srv.day(150)
	for _, args := range [][]string{{"-dsn", dsn}, {"-dsn", dsn}, {"-dsn", dsn, "-full"}} {
		srv.day(1) // is stored each time
		p := start(t, srv.env(), args...)
		p.ends(t, "sync: contacts: ")
		rows := read(t, dsn)
		if want := len(srv.Contacts()) - len(twice) + len(srv.Messages()); len(rows) != want {
			t.Errorf("%d rows, want %d", len(rows), want)
		}
		refused := 0
		for _, c := range srv.Contacts() {
			if _, ok := rows["contact "+string(c.ID)]; !ok {
				refused++
				if !strings.Contains(p.stderr.String(), "sync: contact "+string(c.ID)+": not stored: ") {
					t.Errorf("contact %s is missing and not named:\n%s", c.ID, &p.stderr)
				}
			}
		}
		if refused != len(twice) {
			t.Errorf("%d refused, want %d", refused, len(twice))
		}
	}
	execute(t, dsn, `DROP INDEX one_each`)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	srv.same(t, dsn)
}

// testNewColumn has a database of a version of the program that had fewer columns, or
// computed one differently, or kept no record of that.
func testNewColumn(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(1200) // more than are read at once
	srv.AddContacts(growthgenius.Contact{FullName: "nul \x00"})
	srv.ahead.Add(int64(time.Hour))
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	const nothing = "contacts: 0 changed, 0 deleted\nmessages: 0 changed, 0 deleted\n"
	for _, before := range [][]string{
		{`ALTER TABLE growthgenius_contacts DROP COLUMN stage`, `UPDATE growthgenius_sync SET columns = 'others'`},
		{`UPDATE growthgenius_messages SET message_type = 'x'`, `UPDATE growthgenius_sync SET columns = 'version 0'`},
		{`ALTER TABLE growthgenius_contacts DROP COLUMN company_name`, `ALTER TABLE growthgenius_sync DROP COLUMN columns`},
	} {
		execute(t, dsn, before...)
		p := start(t, srv.env(), "-dsn", dsn)
		p.ends(t, "")
		if p.stdout.String() != nothing {
			t.Errorf("the output is:\n%s", &p.stdout)
		}
		got := read(t, dsn)
		for _, c := range srv.Contacts() {
			want := []string{c.Email, strings.Trim(c.FullName, "\x00"), c.CompanyName, c.Stage, stamp(c.UpdatedAt), asJSON(t, c)}
			if row := got["contact "+string(c.ID)]; !slices.Equal(row, want) {
				t.Fatalf("after %q:\ngot  %q\nwant %q", before, row, want)
			}
		}
		for _, m := range srv.Messages() {
			if row := got["message "+string(m.ID)]; row[1] != m.MessageType {
				t.Fatalf("after %q:\ngot  %q", before, row)
			}
		}
	}

	// As long as one row is refused, each run tries again.
	srv.AddContacts(growthgenius.Contact{Email: "twice@example.com"}, growthgenius.Contact{Email: "twice@example.com"})
	srv.ahead.Add(int64(time.Hour))
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	execute(t, dsn, `UPDATE growthgenius_contacts SET email = NULL`, `UPDATE growthgenius_sync SET columns = ''`,
		`CREATE UNIQUE INDEX one_each ON growthgenius_contacts (email)`)
	for range 2 {
		start(t, srv.env(), "-dsn", dsn).ends(t, "contacts: 1 not stored")
	}
	execute(t, dsn, `DROP INDEX one_each`)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	rows := read(t, dsn)
	for _, c := range srv.Contacts() {
		if row := rows["contact "+string(c.ID)]; row[0] != c.Email {
			t.Fatalf("got %q, want the address %s", row, c.Email)
		}
	}
}

func TestDatabaseNames(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]bool{
		"postgres://me@localhost/crm": true, "postgresql:///crm": true, "host=localhost dbname=crm": true, "dbname=crm": true,
		" dbname = crm user='me'": true, "service=crm": true, "crm.db": false, "./name=crm.db": false, "file:crm.db?mode=rwc": false,
		`C:\crm=1.db`: false, "": false, ":memory:": false, "crm.db?_pragma=foreign_keys(1)": false,
	} {
		if got := isPostgres(dsn); got != want {
			t.Errorf("isPostgres(%q) = %t", dsn, got)
		}
	}
}

// TestDSN compares what the program does with DSNs that are not the name of a file.
func TestDSN(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	srv.day(1)
	for dsn, want := range map[string]string{
		"": "-dsn is empty: name a database", " \t": "-dsn is empty",
		"mysql://me:secret@localhost/crm":              "-dsn must begin with postgres://",
		"POSTGRES://me:secret@localhost/crm":           "-dsn must begin with postgres://",
		"jdbc:postgresql://localhost/?password=secret": "-dsn must begin with postgres://",
		"host=/nowhere dbname=crm password=secret":     "open Postgres: failed to connect",
		"server=/nowhere password=secret":              "open Postgres: ",
	} {
		p := start(t, srv.env(), "-dsn", dsn)
		p.ends(t, want)
		if strings.Contains(p.stderr.String(), "secret") {
			t.Errorf("the output contains the password: %s", &p.stderr)
		}
		if _, err := os.Stat(dsn); dsn != "" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q is a file", dsn)
		}
	}
	start(t, nil, "-dsn", "").ends(t, "-dsn is empty")
	start(t, srv.env(), "-max-delete", "5").ends(t, "-max-delete is for -full")
	file := "file:" + t.TempDir() + "/crm.db?_pragma=user_version(7)"
	start(t, srv.env(), "-dsn", file).ends(t, "")
	srv.same(t, file)
	db, err := open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var timeout, version int
	if err := errors.Join(db.QueryRow("PRAGMA busy_timeout").Scan(&timeout), db.QueryRow("PRAGMA user_version").Scan(&version)); err != nil ||
		timeout != 10000 || version != 7 {
		t.Errorf("busy_timeout is %d, user_version %d: %v", timeout, version, err)
	}
}

// TestKeywords uses Postgres by a DSN of keywords and values.
func TestKeywords(t *testing.T) {
	t.Parallel()
	schema := pgtest.NewSchema(t)
	srv := serve(t)
	srv.day(3)
	dsn := "dbname=postgres user=test host=" + pgtest.Folder() + " search_path=" + schema[strings.LastIndex(schema, "=")+1:]
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	srv.same(t, schema)
}

// TestProgress runs the program with a terminal as its standard error.
func TestProgress(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	srv.day(30)
	master, tty, err := pty.Open()
	if errors.Is(err, pty.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	screen := make(chan string)
	go func() {
		data, _ := io.ReadAll(master) // returns an error once the terminal is closed
		screen <- string(data)
	}()
	p := command(t, srv.env(), "-dsn", t.TempDir()+"/test.db", "-full")
	p.Stderr = tty
	err = p.Run()
	tty.Close()
	shown := <-screen
	if err != nil || !strings.Contains(shown, "contacts read (") || !strings.Contains(shown, "messages read (") || strings.Contains(shown, "changed") {
		t.Errorf("%v, on the terminal: %q", err, shown)
	}
}
