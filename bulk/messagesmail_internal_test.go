package bulk

import (
	"net/mail"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/mailbox"
)

// TestIdentity: a mail without a Message-ID is known by what it says, however that is written.
func TestIdentity(t *testing.T) {
	t.Parallel()
	list := func(all ...string) (addresses []*mail.Address) {
		for _, a := range all {
			addresses = append(addresses, &mail.Address{Address: a})
		}
		return addresses
	}
	plain := func() *mailbox.Mail {
		return &mailbox.Mail{
			Where: "a:1", Date: time.Date(2021, 1, 2, 3, 4, 5, 0, time.UTC), From: list("ann@example.com"), To: list("b@example.com", "c@example.com"),
			Subject: "Tuesday", Text: "Hi Bob,\nfine.", HTML: "<p>Hi</p>",
		}
	}
	for name, change := range map[string]func(*mailbox.Mail){
		"the same: order":       func(m *mailbox.Mail) { m.To = list("C@Example.com", "b@example.com") },
		"the same: header":      func(m *mailbox.Mail) { m.To, m.Cc = list("b@example.com"), list("c@example.com") },
		"the same: Bcc":         func(m *mailbox.Mail) { m.Bcc = list("x@example.com") },
		"the same: zone":        func(m *mailbox.Mail) { m.Date = m.Date.In(time.FixedZone("", 3600)) },
		"the same: lines":       func(m *mailbox.Mail) { m.Where, m.Text, m.HTML = "b:2", "Hi Bob, fine.\n\n", "<p>Hi</p>\n" },
		"another: date":         func(m *mailbox.Mail) { m.Date = m.Date.Add(time.Second) },
		"another: sender":       func(m *mailbox.Mail) { m.From = list("dan@example.com") },
		"another: recipient":    func(m *mailbox.Mail) { m.Cc = list("x@example.com") },
		"another: subject":      func(m *mailbox.Mail) { m.Subject = "Friday" },
		"another: text":         func(m *mailbox.Mail) { m.Text = "Hi Bob, no." },
		"another: HTML":         func(m *mailbox.Mail) { m.HTML = "<p>No</p>" },
		"another: a Message-ID": func(m *mailbox.Mail) { m.MessageID = "1@example.com" },
	} {
		m := plain()
		change(m)
		if same := identity(m) == identity(plain()); same != (name[:8] == "the same") {
			t.Errorf("%s: same is %v", name, same)
		}
	}
}
