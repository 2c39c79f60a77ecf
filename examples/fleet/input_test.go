package main

import (
	"context"
	"encoding/json"
	"iter"
	"net/mail"
	"slices"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

// TestInsert: mails that name an address twice, or are in the mailbox twice, are jobs once, and
// no text stops the insertion.
func TestInsert(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		db, err := openSQLite(t.Context(), ":memory:")
		if err != nil {
			t.Fatal(err)
		}
		defer db.close()
		testInsert(t, db)
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		db, err := openPostgres(t.Context(), pgtest.NewSchema(t), "", 2)
		if err != nil {
			t.Fatal(err)
		}
		defer db.close()
		testInsert(t, db)
	})
}

func testInsert[T any](t *testing.T, db *database[T]) {
	t.Helper()
	to, err := river.NewClient(db.driver, &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	twice := letter("twice", "Ann@example.com", "bob@example.com")
	twice.Cc = letter("", "ann@example.com", "carol@example.com").To
	strange := letter("a\x00b", "dan@example.com")
	strange.Subject, strange.Text = "A\x00B", `not \u0000, and`+"\x00"
	if err := insertMails(t.Context(), to, all(twice, strange, twice)); err != nil {
		t.Fatal(err)
	}
	row := importRow{"row", growthgenius.ContactInput{LastName: growthgenius.Set("A\x00")}}
	if err := insert(t.Context(), to, []river.InsertManyParams{{Args: row}}); err != nil {
		t.Fatal(err)
	}
	found, err := to.JobList(t.Context(), river.NewJobListParams().First(100))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, job := range found.Jobs {
		var args struct {
			logMessage
			importRow
		}
		if err := json.Unmarshal(job.EncodedArgs, &args); err != nil {
			t.Fatal(err)
		}
		name, _ := args.Input.LastName.Get()
		got = append(got, args.Mail+args.Row+": "+args.Subject+args.Text+name)
	}
	slices.Sort(got)
	want := []string{
		"ab to dan@example.com: ABnot \\u0000, and", "row: A", "twice to ann@example.com: HelloHello.",
		"twice to bob@example.com: HelloHello.", "twice to carol@example.com: HelloHello.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// inserted is what was inserted.
type inserted []river.InsertManyParams

func (i *inserted) InsertMany(_ context.Context, jobs []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	*i = append(*i, jobs...)
	return nil, nil
}

// TestMails: drafts, mails in the trash and those without a date are not logged, and the text of a
// mail is its HTML if it has no other.
func TestMails(t *testing.T) {
	t.Parallel()
	draft, trash, undated, html := letter("1", "ann@example.com"), letter("2", "ann@example.com"), letter("3", "ann@example.com"), letter("4", "ann@example.com")
	draft.Flags, trash.Flags, undated.Date = "DS", "ST", time.Time{}
	html.Text, html.HTML = " \n", "<p>Hello</p>\n"
	var to inserted
	if err := insertMails(t.Context(), &to, all(draft, trash, undated, html)); err != nil {
		t.Fatal(err)
	}
	want := logMessage{Mail: "4 to ann@example.com", To: "ann@example.com", Subject: "Hello", Text: "<p>Hello</p>", SentAt: html.Date}
	if len(to) != 1 || to[0].Args != want {
		t.Errorf("got %+v, want %+v", to, want)
	}
}

// letter returns a mail to some addresses.
func letter(id string, to ...string) *mailbox.Mail {
	m := &mailbox.Mail{
		MessageID: id, Date: time.Unix(1_700_000_000, 0), From: []*mail.Address{{Address: "team@example.com"}}, Subject: "Hello", Text: "Hello.",
	}
	for _, address := range to {
		m.To = append(m.To, &mail.Address{Address: address})
	}
	return m
}

// all returns mails as a mailbox does.
func all(mails ...*mailbox.Mail) iter.Seq2[*mailbox.Mail, error] {
	return func(yield func(*mailbox.Mail, error) bool) {
		for _, m := range mails {
			if !yield(m, nil) {
				return
			}
		}
	}
}
