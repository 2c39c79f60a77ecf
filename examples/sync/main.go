// Sync keeps a copy of all contacts and messages in a database, SQLite or Postgres. Run
// it every night: it stores what has changed since the last run.
//
//	go run .                                    # a server and a database in memory
//	go run . -dsn crm.db                        # SQLite; growthgenius.db without -dsn
//	go run . -dsn postgres://me@localhost/crm   # keep the password in ~/.pgpass
//	go run . -dsn 'host=localhost dbname=crm'   # Postgres as well
//	go run . -full                              # also finds deleted records
//
// It may be killed at any time: rows are stored in the same transaction as their
// checkpoint, and a row that is received again replaces itself. If two runs overlap, one
// of them fails. A database holds the copy of what one user can see.
//
// A record that the database refuses is named on standard error, and the others are stored.
// The run then ends with an error, and the checkpoint stays before that record, so that
// each run tries again. A time that is not in the years 1 to 9999 is named too: its column
// is NULL, and the record is stored whole.
//
// The version of a contact that was updated last stays, even if a list shows an older one.
// Messages have no time of update: the version that was read last stays.
//
// The API lists created and updated records, but not deleted ones. So -full, once a week
// perhaps, reads all records again, and deletes the rows of records that do not exist any
// more: see full.go. If that is more than -max-delete allows, it deletes none.
//
// Standard error has a progress bar if it is a terminal, and a line every 10 seconds otherwise.
// The exit status is 0 if everything is stored, 1 if something is not, or if the run failed or
// was interrupted, and 2 if a flag does not exist or has an invalid value.
//
// If GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID are set, it uses the real API, and
// only reads. Otherwise it uses a server in memory, over real HTTP, and does not accept
// -dsn.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/growthgenius/growthgenius-go"
)

// The columns are for queries, the record is stored whole. Add the ones that you need: the
// next run adds them to the table, and fills them for the rows that are there already. If
// you compute the value of a column differently, increase columnsVersion.
const columnsVersion = 1

var contactColumns = []column[growthgenius.Contact]{
	{"email", "TEXT", func(c *growthgenius.Contact) any { return c.Email }},
	{"full_name", "TEXT", func(c *growthgenius.Contact) any { return c.FullName }},
	{"company_name", "TEXT", func(c *growthgenius.Contact) any { return c.CompanyName }},
	{"stage", "TEXT", func(c *growthgenius.Contact) any { return c.Stage }},
	{"updated_at", "TIMESTAMPTZ", func(c *growthgenius.Contact) any { return c.UpdatedAt }},
}

var messageColumns = []column[growthgenius.Message]{
	{"contact_id", "TEXT", func(m *growthgenius.Message) any { return m.ContactID }},
	{"message_type", "TEXT", func(m *growthgenius.Message) any { return m.MessageType }},
	{"sent_at", "TIMESTAMPTZ", func(m *growthgenius.Message) any { return m.SentAt }},
}

// column is a column of a table.
type column[T any] struct {
	name, kind string       // SQL
	value      func(*T) any // a string, growthgenius.ID or time.Time
}

// options are what the flags say.
type options struct {
	dsn     string // "" unless -dsn is given
	full    bool
	deletes func(rows int) int // how many rows one run may delete from a table
}

func main() {
	o := options{deletes: func(rows int) int { return max(10, rows/10) }}
	given := map[string]bool{}
	flag.StringVar(&o.dsn, "dsn", "", "postgres://..., host=... dbname=..., or the name of an SQLite `file` (default growthgenius.db)")
	flag.BoolVar(&o.full, "full", false, "afterwards read all records again, and delete the rows of deleted records")
	flag.Func("max-delete", "the most rows that -full may delete from a table, as a `number` or a share such as 25%\n"+
		"(default 10%, or 10 rows if that is more)", func(text string) (err error) {
		o.deletes, err = parseLimit(text)
		return err
	})
	flag.Parse()
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the program at once
	err := checkFlags(o, given)
	if err == nil {
		err = run(ctx, o)
	}
	switch {
	case err == nil:
		return
	case ctx.Err() == nil:
		fmt.Fprintln(os.Stderr, "sync:", err)
	default:
		fmt.Fprintln(os.Stderr, "sync: interrupted: what was stored stays; run it again, and it goes on from there")
	}
	os.Exit(1)
}

func checkFlags(o options, given map[string]bool) error {
	switch {
	case given["dsn"] && strings.TrimSpace(o.dsn) == "":
		return errors.New("-dsn is empty: name a database, or leave -dsn out for the SQLite file growthgenius.db")
	case given["max-delete"] && !o.full:
		return errors.New("-max-delete is for -full, which is the only one to delete rows")
	}
	return nil
}

// parseLimit reads the value of -max-delete.
func parseLimit(text string) (func(rows int) int, error) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		if n, err := strconv.ParseFloat(percent, 64); err == nil && 0 <= n && n <= 100 {
			return func(rows int) int { return int(float64(rows) * n / 100) }, nil
		}
	} else if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return func(int) int { return n }, nil
	}
	return nil, errors.New(`use a number such as 500, or a share such as 25%`)
}

func run(ctx context.Context, o options) error {
	var client *growthgenius.Client
	switch {
	case os.Getenv("GROWTHGENIUS_API_KEY") != "":
		var err error
		if client, err = growthgenius.NewClientFromEnv(); err != nil {
			return err
		}
	case o.dsn != "":
		return errors.New("GROWTHGENIUS_API_KEY is not set: -dsn would get the sample records of a server in memory")
	default:
		server, err := sample()
		if err != nil {
			return err
		}
		defer server.Close()
		client, o.dsn = server.Client(), ":memory:"
		fmt.Print("GROWTHGENIUS_API_KEY is not set: this is a server in memory, and so is the database.\n\n")
	}
	user, err := client.Users.Current(ctx)
	if err != nil {
		return err
	}
	db, err := open(ctx, o.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	contacts := table[growthgenius.Contact]{
		service: client.Contacts, resource: "contacts", columns: contactColumns, newest: "updated_at",
		id: func(c *growthgenius.Contact) growthgenius.ID { return c.ID },
	}
	messages := table[growthgenius.Message]{
		service: client.Messages, resource: "messages", columns: messageColumns,
		id: func(m *growthgenius.Message) growthgenius.ID { return m.ID },
	}
	if err := contacts.sync(ctx, db, user.ID, o); err != nil {
		return contacts.with(err)
	}
	return errors.Join(contacts.with(nil), messages.with(messages.sync(ctx, db, user.ID, o)))
}
