package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

// How much the demonstration has of each.
const (
	demoContacts = 30
	demoRows     = 30
	demoMails    = 30
)

// demo is a server in memory that fails now and then, and has a limit that it does not tell.
type demo struct{ *growthgeniustest.Server }

func startDemo() (demo, error) {
	server, err := growthgeniustest.Start()
	if err != nil {
		return demo{}, err
	}
	var contacts []growthgenius.Contact
	var people []growthgenius.Person
	for i := range demoContacts + demoRows {
		email := fmt.Sprintf("person%d@example.com", i)
		people = append(people, growthgenius.Person{FullName: fmt.Sprint("Person ", i), WorkEmail: email, JobTitle: "Engineer", JobCompanyName: "Example Ltd"})
		if i < demoContacts {
			contacts = append(contacts, growthgenius.Contact{FirstName: "Person", LastName: fmt.Sprint(i), Email: email})
		}
	}
	server.AddContacts(contacts...)
	server.AddPeople(people...)
	server.SetRateLimit(60, 10, time.Second)
	for _, fault := range growthgeniustest.FaultMix(0.23, time.Second) {
		if fault.Status != http.StatusTooManyRequests { // those are for its limit
			server.Inject(fault)
		}
	}
	return demo{server}, nil
}

// insert inserts the jobs of a CSV file and of a mailbox.
func (demo) insert(ctx context.Context, to inserter) error {
	rows, mails := "First Name,Last Name,Email\n", ""
	for i := range demoRows {
		rows += fmt.Sprintf("Person,%d,person%d@example.com\n", demoContacts+i, demoContacts+i)
	}
	for i := range demoMails {
		mails += fmt.Sprintf("From team@example.com Mon Jan  5 10:00:00 2026\nFrom: team@example.com\nTo: person%d@example.com\n"+
			"Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <mail%d@example.com>\nSubject: Hello\n\nHello, number %d.\n\n", i, i, i)
	}
	if err := insertRows(ctx, to, []byte(rows)); err != nil {
		return err
	}
	return insertMails(ctx, to, mailbox.ReadMbox(strings.NewReader(mails), "sample"))
}

// check compares what the server did with what was to be done.
func (d demo) check() error {
	var contacts, messages, blank int
	for _, e := range d.Ledger() {
		if e.Resource == "contact" {
			contacts++
		} else {
			messages++
		}
	}
	for _, c := range d.Contacts() {
		if hasBlanks(&c) {
			blank++
		}
	}
	var failed, refused int
	lookups := map[string]bool{}
	for _, r := range d.Requests() {
		switch {
		case r.Status == 429:
			refused++
		case r.Fault != nil:
			failed++
		}
		if r.Route == growthgeniustest.RoutePerson {
			lookups[r.Query] = true
		}
	}
	fmt.Printf("\nThe server responded to %d requests: %d were over its limit (429), and %d failed in another way.\n",
		len(d.Requests()), refused, failed)
	fmt.Printf("Nevertheless it created %d contacts for %d rows and %d messages for %d mails, "+
		"and filled the blanks of %d contacts from %d lookups.\n",
		contacts, demoRows, messages, demoMails, len(d.Contacts())-blank, len(lookups))
	if contacts != demoRows || messages != demoMails || blank > 0 || len(d.Contacts()) != demoContacts+demoRows {
		return fmt.Errorf("that is not each once: %d contacts, %d with blanks", len(d.Contacts()), blank)
	}
	return nil
}
