package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

// letter is a mail as a message of one contact.
type letter struct {
	result MessageResult // as far as it is known
	calls  int           // the requests to log it, without those of other processes
	key    string
	input  growthgenius.MessageInput
}

// correspondents are the users of the team and its contacts.
type correspondents struct {
	own   map[string]growthgenius.ID // users by their folded addresses; "" for other addresses of the team
	index *index
}

// readCorrespondents reads the users and the contacts.
func readCorrespondents(ctx context.Context, c *growthgenius.Client, o *MessageOptions) (*correspondents, error) {
	all := &correspondents{own: map[string]growthgenius.ID{}}
	users, err := c.Users.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the users: %w", err)
	}
	for _, address := range o.Own {
		all.own[match.Fold(address)] = ""
	}
	for _, u := range users {
		for _, address := range []string{u.EmailBCC, u.ReportingEmail, u.Email} {
			all.own[match.Fold(address)] = u.ID
		}
	}
	all.index, err = readIndex(ctx, c, o.MaxContacts)
	return all, err
}

// isOwn reports whether an address belongs to the team, and to which user if that is known.
func (c *correspondents) isOwn(a *mail.Address) (growthgenius.ID, bool) {
	address := match.Fold(a.Address)
	user, ok := c.own[address]
	if !ok {
		_, ok = c.own[address[max(0, strings.LastIndexByte(address, '@')):]]
	}
	return user, ok
}

// Reasons for which a mail is not logged.
var (
	errDraft     = errors.New("it is a draft")
	errTrash     = errors.New("it is in the trash")
	errNoDate    = errors.New("the mail has no date, or none that can be read")
	errNoSender  = errors.New("the mail has no sender")
	errReceived  = errors.New("a contact has sent it, and ReceivedType is not set")
	errInternal  = errors.New("it has no recipient outside the team")
	errStranger  = errors.New("the sender is neither a user nor a contact: see Own")
	errNoContact = errors.New("no contact has the address")
)

// leftOut returns why a mail is not logged for any contact, by its flags and its header.
func leftOut(m *mailbox.Mail) (Outcome, error) {
	switch {
	case strings.Contains(m.Flags, "D"):
		return Skipped, errDraft
	case strings.Contains(m.Flags, "T"):
		return Skipped, errTrash
	case m.Date.IsZero():
		return Rejected, errNoDate
	case len(m.From) == 0:
		return Rejected, errNoSender
	default:
		return "", nil
	}
}

// letters returns a mail as a message of each of its contacts. Those that have an outcome are not
// to be logged.
func (c *correspondents) letters(ctx context.Context, m *mailbox.Mail, o *MessageOptions) ([]*letter, error) {
	whole := func(outcome Outcome, err error) []*letter {
		return []*letter{{result: MessageResult{Where: m.Where, MessageID: m.MessageID, Outcome: outcome, Err: err}}}
	}
	if outcome, err := leftOut(m); err != nil {
		return whole(outcome, err), nil
	}
	for _, from := range m.From {
		if user, ok := c.isOwn(from); ok {
			sent, err := c.sent(ctx, m, user, o.Type)
			if len(sent) == 0 && err == nil {
				sent = whole(Skipped, errInternal)
			}
			return sent, err
		}
	}
	received, err := c.letter(ctx, m, m.From[0])
	if err != nil {
		return nil, err
	}
	switch r := &received.result; {
	case r.Outcome == NoContact:
		r.Err = errStranger
	case r.Outcome == "" && o.ReceivedType == "":
		r.Outcome, r.Err = Skipped, errReceived
	default:
		received.input.MessageType = growthgenius.Set(o.ReceivedType)
	}
	return []*letter{received}, nil
}

// sent returns a mail that the team has sent as a message of each recipient outside of it.
func (c *correspondents) sent(ctx context.Context, m *mailbox.Mail, user growthgenius.ID, kind string) (all []*letter, err error) {
	addresses := map[string]bool{} // those that were seen
	for _, to := range slices.Concat(m.To, m.Cc, m.Bcc) {
		address := match.Fold(to.Address)
		if _, own := c.isOwn(to); own || addresses[address] {
			continue
		}
		addresses[address] = true
		l, err := c.letter(ctx, m, to)
		if err != nil {
			return nil, err
		}
		l.input.MessageType = growthgenius.Set(kind)
		if user != "" {
			l.input.UserID = growthgenius.Set(user)
		}
		all = append(all, l)
	}
	return all, nil
}

// letter returns a mail as a message of the contact with an address.
func (c *correspondents) letter(ctx context.Context, m *mailbox.Mail, a *mail.Address) (*letter, error) {
	ids, err := c.index.find(ctx, a.Address)
	if err != nil {
		return nil, err
	}
	l := &letter{result: MessageResult{Where: m.Where, MessageID: m.MessageID, Address: a.Address}}
	switch len(ids) {
	case 0:
		l.result.Outcome, l.result.Err = NoContact, errNoContact
		return l, nil
	case 1:
	default:
		l.result.Outcome, l.result.Err = SeveralContacts, fmt.Errorf("%d contacts have the address: %v", len(ids), ids)
		return l, nil
	}
	text := m.Text
	if strings.TrimSpace(text) == "" {
		text = m.HTML
	}
	l.result.Contact = ids[0]
	l.key = "mail/" + identity(m) + "/" + string(ids[0])
	l.input = growthgenius.MessageInput{
		ContactID: growthgenius.Set(ids[0]), RenderedSubject: growthgenius.Set(m.Subject),
		RenderedCopy: growthgenius.Set(strings.TrimRight(text, " \t\r\n")), SentAt: growthgenius.Set(m.Date),
	}
	return l, nil
}

// identity returns a digest of what a mail is known by.
func identity(m *mailbox.Mail) string {
	var b strings.Builder
	if m.MessageID != "" {
		fmt.Fprintf(&b, "id %s", m.MessageID)
	} else {
		list := func(of ...*mail.Address) (folded []string) {
			for _, a := range of {
				folded = append(folded, match.Fold(a.Address))
			}
			slices.Sort(folded)
			return folded
		}
		fmt.Fprintf(&b, "like %s %q %q %q %q %q", m.Date.UTC().Format(time.RFC3339), list(m.From...), list(slices.Concat(m.To, m.Cc)...),
			words(m.Subject), words(m.Text), words(m.HTML))
	}
	sum := sha256.Sum256([]byte(b.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// words returns a text with single blanks between its words: mailboxes break lines differently.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }
