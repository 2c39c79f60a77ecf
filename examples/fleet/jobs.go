package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/growthgenius/growthgenius-go"
)

// queue is the queue of all jobs that call the API, so that a pause of it holds back nothing else.
const queue = "growthgenius"

// enrichContact fills the blanks of a contact with what a lookup of its address finds. The feed
// inserts one for each change of a contact that has blanks.
type enrichContact struct {
	ID      growthgenius.ID `json:"id"`
	Changed time.Time       `json:"changed"`
}

// importRow creates or updates the contact of a row.
type importRow struct {
	Row   string                    `json:"row" river:"unique"` // names it, so that River refuses it while it has the job
	Input growthgenius.ContactInput `json:"input"`
}

// logMessage logs a mail as a message of the contact that it was sent to.
type logMessage struct {
	Mail    string    `json:"mail" river:"unique"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	SentAt  time.Time `json:"sent_at"`
}

func (enrichContact) Kind() string { return "enrich_contact" }
func (importRow) Kind() string     { return "import_row" }
func (logMessage) Kind() string    { return "log_message" }

// MarshalJSON implements [json.Marshaler].
func (a importRow) MarshalJSON() ([]byte, error) {
	type plain importRow
	return withoutNUL(plain(a))
}

// MarshalJSON implements [json.Marshaler].
func (a logMessage) MarshalJSON() ([]byte, error) {
	type plain logMessage
	return withoutNUL(plain(a))
}

// withoutNUL returns the JSON of arguments without NUL characters, which Postgres does not store.
func withoutNUL(args any) ([]byte, error) {
	text, err := json.Marshal(args)
	return []byte(strings.NewReplacer(`\\`, `\\`, `\u0000`, ``).Replace(string(text))), err // `\\u0000` is a backslash and u0000
}

func (enrichContact) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: queue} }

func (importRow) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queue, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

func (logMessage) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queue, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// newWorkers returns what works the jobs. Each may be run again after it was interrupted
// anywhere: it finds what is done already.
func newWorkers(client *growthgenius.Client, db *sql.DB) *river.Workers {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[enrichContact]) error {
		return enrich(ctx, client, job.Args.ID)
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[importRow]) error {
		_, err := client.Contacts.Upsert(ctx, job.Args.Input)
		return err
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[logMessage]) error {
		id, err := contactOf(ctx, db, job.Args.To)
		if errors.Is(err, sql.ErrNoRows) {
			if time.Since(job.CreatedAt) > time.Hour {
				return river.JobCancel(errors.New("no contact has the address"))
			}
			return river.JobSnooze(2 * time.Second) // the feed may not have read it yet
		}
		if err != nil {
			return err
		}
		_, err = client.Messages.Create(ctx, growthgenius.MessageInput{
			ContactID:       growthgenius.Set(id),
			MessageType:     growthgenius.Set("email"),
			RenderedSubject: growthgenius.Set(job.Args.Subject),
			RenderedCopy:    growthgenius.Set(job.Args.Text),
			SentAt:          growthgenius.Set(job.Args.SentAt),
		}, growthgenius.Once("mail "+job.Args.Mail))
		return err
	}))
	return workers
}

// enrich fills the blanks of a contact, and leaves what it has as it is.
func enrich(ctx context.Context, client *growthgenius.Client, id growthgenius.ID) error {
	contact, err := client.Contacts.Get(ctx, id)
	if api, ok := errors.AsType[*growthgenius.APIError](err); ok && api.RecordNotFound() {
		return nil // deleted since
	}
	if err != nil || !hasBlanks(contact) {
		return err
	}
	person, err := client.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: contact.Email})
	if api, ok := errors.AsType[*growthgenius.APIError](err); ok && api.RecordNotFound() {
		return nil
	}
	if err != nil {
		return err
	}
	var found growthgenius.ContactInput
	if contact.Title == "" && person.JobTitle != "" {
		found.Title = growthgenius.Set(person.JobTitle)
	}
	if contact.CompanyName == "" && person.JobCompanyName != "" {
		found.CompanyName = growthgenius.Set(person.JobCompanyName)
	}
	if found.Title.IsZero() && found.CompanyName.IsZero() {
		return nil
	}
	_, err = client.Contacts.Update(ctx, id, found)
	return err
}

// hasBlanks reports whether a lookup could add something to a contact.
func hasBlanks(c *growthgenius.Contact) bool {
	return c.Email != "" && (c.Title == "" || c.CompanyName == "")
}

// contactOf returns the contact with an address: the one that was changed last.
func contactOf(ctx context.Context, db *sql.DB, address string) (id growthgenius.ID, err error) {
	err = db.QueryRowContext(ctx, `SELECT id FROM fleet_contacts WHERE email = $1 ORDER BY updated_at DESC LIMIT 1`,
		key(address)).Scan(&id)
	return id, err
}

// titleOf says in a few words what a job is about, without personal data.
func titleOf(kind string, id int64) string {
	return cmp.Or(map[string]string{"enrich_contact": "enrich", "import_row": "import", "log_message": "log"}[kind], kind) + fmt.Sprint(" ", id)
}
