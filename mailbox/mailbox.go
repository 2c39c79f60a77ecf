// Package mailbox reads the e-mails of an mbox file or a Maildir folder, to log them as
// messages of contacts.
//
// What cannot be read is an error, never left out in silence: a mail that cannot be read is an
// [*Error], after which the next mail follows. Texts are UTF-8, whatever they were sent in.
package mailbox

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/mail"
	"os"
	"path/filepath"
	"time"
)

// maxMail is how large a mail may be, with its attachments.
const maxMail = 64 << 20

// Mail is an e-mail.
type Mail struct {
	// Where is the name of the file and, in an mbox file, the line at which the mail begins.
	Where string
	// Flags are the letters that a Maildir has for the mail, such as "RS" for one that was
	// replied to and seen, "D" for a draft and "T" for one in the trash.
	Flags string

	// MessageID is that of the mail, without its angle brackets. It is empty if the mail has
	// none.
	MessageID string
	// Date is when the mail was sent, as it says itself. It is zero if it does not.
	Date time.Time
	// From, To, Cc and Bcc are the addresses in these headers. What is not an address is left
	// out, such as "undisclosed-recipients".
	From, To, Cc, Bcc []*mail.Address
	Subject           string

	// Text is the first part of the mail that is plain text, and HTML is the first that is
	// HTML. Attachments are not read.
	Text, HTML string
}

// Error means that one mail could not be read. The mails after it can.
type Error struct {
	Where string // as in Mail
	Err   error
}

// Error returns where the mail is, and why it could not be read.
func (e *Error) Error() string { return fmt.Sprintf("mailbox: %s: %v", e.Where, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

var errTooLarge = fmt.Errorf("the mail is larger than %d MiB", maxMail>>20)

// Read returns the mails of a mailbox, in the order in which it has them. A folder is read as a
// Maildir, and a file as an mbox.
//
// After an [*Error] the mails go on. Any other error ends them: the mailbox cannot be read.
func Read(path string) iter.Seq2[*Mail, error] {
	return func(yield func(*Mail, error) bool) {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			yield(nil, fmt.Errorf("mailbox: %w", err))
		case info.IsDir():
			readMaildir(path, yield)
		default:
			f, err := os.Open(path) //nolint:gosec // the caller chooses the file
			if err != nil {
				yield(nil, fmt.Errorf("mailbox: %w", err))
				return
			}
			defer f.Close()
			readMbox(f, path, yield)
		}
	}
}

// The folders of a Maildir that have mails. Those in tmp are being delivered.
var maildirFolders = []string{"cur", "new"}

func readMaildir(path string, yield func(*Mail, error) bool) {
	for _, folder := range maildirFolders {
		dir := filepath.Join(path, folder)
		entries, err := os.ReadDir(dir)
		if err != nil {
			yield(nil, fmt.Errorf("mailbox: %s is not a Maildir: %w", path, err))
			return
		}
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			m, err := readFile(dir, entry.Name())
			if errors.Is(err, fs.ErrNotExist) {
				continue // it was deleted meanwhile
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// readFile reads the mail in a file of a Maildir.
func readFile(dir, name string) (*Mail, error) {
	data, name, err := load(dir, name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, &Error{filepath.Join(dir, name), err}
	}
	m, err := parse(data)
	if err != nil {
		return nil, &Error{filepath.Join(dir, name), err}
	}
	m.Where = filepath.Join(dir, name)
	_, m.Flags = split(name)
	return m, nil
}

// load returns what is in a file of a Maildir, and its name, which another program may have
// changed to change the flags of the mail.
func load(dir, name string) ([]byte, string, error) {
	const tries = 3
	var err error
	for range tries {
		var data []byte
		if data, err = readWhole(filepath.Join(dir, name)); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, name, err
		}
		entries, listErr := os.ReadDir(dir)
		if listErr != nil {
			return nil, name, listErr //nolint:wrapcheck // names the folder
		}
		unique, _ := split(name)
		for _, entry := range entries {
			if u, _ := split(entry.Name()); u == unique {
				name = entry.Name()
			}
		}
	}
	return nil, name, err
}

// readWhole reads a file that is not too large.
func readWhole(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	if info.Size() > maxMail {
		return nil, errTooLarge
	}
	return os.ReadFile(path) //nolint:gosec,wrapcheck // the caller chooses the folder; names the file
}
