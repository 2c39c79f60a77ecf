package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go/contactcsv"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

// inserter is a River client.
type inserter interface {
	InsertMany(context.Context, []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

// insertFiles inserts the jobs of the files that the flags name, unless River still has them: it
// keeps jobs that are completed for a day. After that a mail is still not logged again, but a row
// is imported again.
func insertFiles(ctx context.Context, to inserter, o options) error {
	if o.rows != "" {
		text, err := os.ReadFile(o.rows)
		if err != nil {
			return err
		}
		if err := insertRows(ctx, to, text); err != nil {
			return fmt.Errorf("%s: %w", o.rows, err)
		}
	}
	if o.mails != "" {
		return insertMails(ctx, to, mailbox.Read(o.mails))
	}
	return nil
}

// insertRows inserts a job for each row of a CSV file.
func insertRows(ctx context.Context, to inserter, text []byte) error {
	rows, err := contactcsv.NewReader(bytes.NewReader(text), contactcsv.ReaderOptions{})
	if err != nil {
		return err
	}
	digest := sha256.Sum256(text)
	var jobs []river.InsertManyParams
	for row, err := range rows.Rows() {
		if bad, ok := errors.AsType[*contactcsv.RowError](err); ok {
			fmt.Fprintln(os.Stderr, "fleet: rejected:", bad)
			continue
		}
		if err != nil {
			return err
		}
		jobs = append(jobs, river.InsertManyParams{Args: importRow{fmt.Sprintf("%x line %d", digest[:8], row.Line), row.Input}})
	}
	return insert(ctx, to, jobs)
}

// insertMails inserts a job for each recipient of each mail. It inserts one job if a mail names an
// address twice, or a mailbox has a mail twice.
func insertMails(ctx context.Context, to inserter, mails iter.Seq2[*mailbox.Mail, error]) error {
	var jobs []river.InsertManyParams
	seen := map[string]bool{} // River refuses a batch that has a job twice
	for m, err := range mails {
		if bad, ok := errors.AsType[*mailbox.Error](err); ok {
			fmt.Fprintln(os.Stderr, "fleet: rejected:", bad)
			continue
		}
		if err != nil {
			return err
		}
		if why := leftOut(m); why != "" {
			fmt.Fprintf(os.Stderr, "fleet: not logged: %s: %s\n", m.Where, why)
			continue
		}
		text := m.Text
		if strings.TrimSpace(text) == "" {
			text = m.HTML
		}
		name := m.MessageID
		if name == "" {
			name = fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(m.Date.UTC(), m.Subject, m.Text, m.HTML))))
		}
		for _, recipient := range slices.Concat(m.To, m.Cc, m.Bcc) {
			args := logMessage{
				Mail: strings.ReplaceAll(name, "\x00", "") + " to " + key(recipient.Address), To: recipient.Address, Subject: m.Subject, Text: strings.TrimRight(text, " \t\r\n"), SentAt: m.Date,
			}
			if !seen[args.Mail] {
				seen[args.Mail] = true
				jobs = append(jobs, river.InsertManyParams{Args: args})
			}
		}
	}
	return insert(ctx, to, jobs)
}

// leftOut returns why a mail is not logged, or "" if it is.
func leftOut(m *mailbox.Mail) string {
	switch {
	case strings.Contains(m.Flags, "D"):
		return "it is a draft"
	case strings.Contains(m.Flags, "T"):
		return "it is in the trash"
	case m.Date.IsZero():
		return "it has no date, or none that can be read"
	default:
		return ""
	}
}

func insert(ctx context.Context, to inserter, jobs []river.InsertManyParams) error {
	for chunk := range slices.Chunk(jobs, 1000) {
		if _, err := to.InsertMany(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}
