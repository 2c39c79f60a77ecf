package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

// Outcomes of the mails of [LogMessages], beside [Skipped], [Rejected], [Failed], [Unknown] and
// [Pending].
const (
	Logged          Outcome = "logged"           // by this run, or begun by one before; in a dry run: would be
	AlreadyLogged   Outcome = "already logged"   // by another run, or another process
	NoContact       Outcome = "no contact"       // has the address
	SeveralContacts Outcome = "several contacts" // have the address: merge them, or give one another address
)

// MessageOptions are the options of [LogMessages]. The zero value logs what the users of the
// team have sent.
type MessageOptions struct {
	// Type is the message_type of mails that were sent to a contact. "" means
	// "sales_force_message", the only one that is documented.
	Type string
	// ReceivedType is the message_type of mails that a contact has sent. None is documented
	// for them, so "" means that they are [Skipped].
	ReceivedType string
	// Own are addresses from which the team sends mails, beside those of its users.
	// "@example.com" means all addresses of a domain.
	Own []string

	// Concurrency is how many messages are logged at the same time. 0 means 8.
	Concurrency int
	// MaxContacts bounds the contacts whose addresses are kept in memory, in 16 bytes each. 0
	// means 1,000,000.
	MaxContacts int

	// Mails is how many mails there are, if that is known, so that [MessageRun.Progress] can
	// tell how long the rest takes.
	Mails int

	// DryRun logs nothing: the results are what the run would do.
	DryRun bool
}

const (
	defaultMessageType        = "sales_force_message"
	defaultMessageConcurrency = 8
)

func (o *MessageOptions) check(c *growthgenius.Client) error {
	var problem string
	switch {
	case c.Ledger() == nil:
		problem = "the client needs a ledger, in which it stores which mails are logged: see WithLedger"
	case o.Concurrency < 0:
		problem = fmt.Sprintf("the concurrency must not be negative; got %d", o.Concurrency)
	case o.MaxContacts < 0:
		problem = fmt.Sprintf("MaxContacts must not be negative; got %d", o.MaxContacts)
	}
	if problem != "" {
		return fmt.Errorf("%w: %s", growthgenius.ErrInvalidInput, problem)
	}
	o.Type = cmp.Or(o.Type, defaultMessageType)
	o.Concurrency = cmp.Or(o.Concurrency, defaultMessageConcurrency)
	return nil
}

// LogMessages logs mails as messages of contacts. It begins when the results of the
// [MessageRun] are ranged over.
//
// A mail that a user of the team has sent becomes one message for each contact among its To, Cc
// and Bcc. One that a contact has sent becomes a message of that contact, if
// [MessageOptions.ReceivedType] is set. Contacts are found by their e-mail addresses, in a list
// that is read once, and kept up to date by the changes since. Mails are left out, with a result
// that says why, that are drafts or in the trash by the flags of a Maildir, that have no
// date, and that come from neither a user nor a contact.
//
// The client needs a ledger: see [growthgenius.WithLedger]. Each mail is logged once for each
// contact, however often it comes up: in several mailboxes, in several runs and in several
// processes that share the ledger, of which any may end at any moment. A mail is known by its
// Message-ID, or by its date, sender, recipients, subject and text if it has none. Of copies that
// differ, the first one counts. What is logged costs no request.
//
// Mails to one contact are logged in their order.
func LogMessages(ctx context.Context, c *growthgenius.Client, mails iter.Seq2[*mailbox.Mail, error], o MessageOptions) *MessageRun {
	m := &messages{MessageOptions: o, client: c, source: mails, meter: newMeter(c)}
	return &MessageRun{m.meter, func(yield func(*MessageResult, error) bool) error { return m.run(ctx, yield) }, false}
}

// MessageRun is a run of [LogMessages].
type MessageRun struct {
	meter *meter
	run   func(yield func(*MessageResult, error) bool) error
	begun bool
}

// MessageResult is what became of a mail for one contact or address or, in a dry run, what would.
type MessageResult struct {
	Where     string // of the mail, as in [mailbox.Mail]
	MessageID string // that of the mail
	Address   string // of the contact, or the one that has none. It is empty if it is about the whole mail.
	Outcome   Outcome

	Contact growthgenius.ID // empty if there is not exactly one
	ID      growthgenius.ID // that of the message, if it is known
	// Err says why the mail was not logged. It is nil for [Logged] and [AlreadyLogged].
	Err error
	// Token is that of a create whose outcome is [Unknown]. The ledger has it, too.
	Token *growthgenius.CreateToken
}

// String returns the result in a line, without the text of the mail.
func (r *MessageResult) String() string {
	s := fmt.Sprintf("%s: %s", r.Where, r.Outcome)
	if r.Address != "" {
		s += ": " + r.Address
	}
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Results runs the job, and returns what became of the mails, each as soon as it is known: a
// result for each contact and each address without one, or a single one for a mail that is left
// out. A loop that ends early ends the run.
//
// An error has no result and comes last. It means that the run ended early: because a
// mailbox, the contacts or the ledger could not be read, the context has ended, the API refuses
// the key, or many results in a row have [Failed]. Run it again to go on.
func (r *MessageRun) Results() iter.Seq2[*MessageResult, error] {
	return func(yield func(*MessageResult, error) bool) {
		err := errMessagesBegun
		if !r.begun {
			r.begun = true
			err = r.run(yield)
		}
		if err != nil && !errors.Is(err, errMessagesLeft) {
			yield(nil, fmt.Errorf("bulk.LogMessages: %w", err))
		}
	}
}

var (
	errMessagesBegun = errors.New("the results can be ranged over once: call LogMessages again")
	errMessagesLeft  = errors.New("the loop has ended")
)

// Progress returns how far the run has come, at any time and on any goroutine. It counts results.
func (r *MessageRun) Progress() Progress { return r.meter.progress() }
