// Quickstart does the main job of an integration once: it lists the users, acts as one of
// them, creates a contact, changes it, finds it again, logs a message, looks up a company
// and a person, and deletes what it created.
//
// It talks to a server in memory, over real HTTP. With GROWTHGENIUS_API_KEY set it talks
// to the real API, and there it only reads unless -write is given.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func main() {
	write := flag.Bool("write", false, "at the real API: create, change and delete a contact and a message, and make lookups, which cost money")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *write)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, write bool) (err error) {
	var client *growthgenius.Client
	if os.Getenv("GROWTHGENIUS_API_KEY") != "" {
		if client, err = growthgenius.NewClientFromEnv(); err != nil {
			return err
		}
	} else {
		server, err := growthgeniustest.Start()
		if err != nil {
			return err
		}
		defer server.Close()
		client, write = server.Client(), true
		fmt.Print("GROWTHGENIUS_API_KEY is not set: this is a server in memory.\n\n")
	}

	// The list of users is the one call that needs no acting user: it tells which there are.
	users, err := client.Users.List(ctx)
	if err != nil {
		return err
	}
	if len(users) == 0 {
		return errors.New("no user of the team has enabled integrations")
	}
	for _, user := range users {
		say("user", "%s: %s <%s>", user.ID, user.FullName, user.Email)
	}
	if os.Getenv("GROWTHGENIUS_USER_ID") == "" {
		client = client.ForUser(users[0].ID)
	}
	me, err := client.Users.Current(ctx)
	if err != nil {
		return err
	}
	say("acting as", "%s", me.FullName)

	var id growthgenius.ID
	if write {
		contact, err := create(ctx, client)
		if err != nil {
			return err
		}
		id = contact.ID
		say("created", "%s: %s, %s, phones %v", contact.ID, contact.FullName, contact.Title, contact.Phones())
		defer func() { err = errors.Join(err, remove(ctx, "contact", id, client.Contacts.Delete)) }()

		// A field that is not set keeps its value; Null clears it.
		contact, err = client.Contacts.Update(ctx, id, growthgenius.ContactInput{
			Title:       growthgenius.Set("Chief Executive"),
			MobilePhone: growthgenius.Null[string](),
		})
		if err != nil {
			return err
		}
		say("updated", "%s: %s, %s, phones %v", contact.ID, contact.FullName, contact.Title, contact.Phones())
	}

	page, err := client.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: "quinn", PerPage: 5})
	if err != nil {
		return err
	}
	say("search", "%q finds %d", "quinn", page.Pagination.TotalEntries)
	for _, found := range page.Contacts {
		say("", "%s <%s>", found.FullName, found.Email)
	}

	updated, err := client.Contacts.List(ctx, growthgenius.ListOptions{From: time.Now().Add(-24 * time.Hour)})
	if err != nil {
		return err
	}
	say("last day", "contacts updated: %d", len(updated))

	if !write {
		say("stopped", "only reads were made; -write does the rest and deletes what it creates")
		return nil
	}

	message, err := client.Messages.Create(ctx, growthgenius.MessageInput{
		ContactID:    growthgenius.Set(id),
		MessageType:  growthgenius.Set("sales_force_message"),
		RenderedCopy: growthgenius.Set("Hi Quinn, shall we talk on Tuesday?"),
		SentAt:       growthgenius.Set(time.Now()),
	})
	if err != nil {
		return err
	}
	say("logged", "%s: %q", message.ID, message.RenderedCopy)
	defer func() { err = errors.Join(err, remove(ctx, "message", message.ID, client.Messages.Delete)) }()

	company, err := client.Enrichment.Company(ctx, "tesla.com")
	if err == nil {
		say("company", "%s, %s, %s people", company.Name, company.Industry, company.SizeRange)
	} else if err := nobody("company", "tesla.com", err); err != nil {
		return err
	}
	person, err := client.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "elon@tesla.com"})
	if err == nil {
		say("person", "%s, %s at %s", person.FullName, person.JobTitle, person.JobCompanyName)
	} else if err := nobody("person", "elon@tesla.com", err); err != nil {
		return err
	}
	return nil
}

// create creates the contact, once: where nobody can tell whether it worked, trying again
// could make two.
func create(ctx context.Context, client *growthgenius.Client) (*growthgenius.Contact, error) {
	contact, err := client.Contacts.Create(ctx, growthgenius.ContactInput{
		FirstName:   growthgenius.Set("Quinn"),
		LastName:    growthgenius.Set("Starter"),
		Email:       growthgenius.Set("quinn@example.com"),
		Title:       growthgenius.Set("Trainee"),
		MobilePhone: growthgenius.Set("+1 555 0100"),
	})
	// A program would keep the CreateToken and ask again later; see Contacts.Resolve.
	if errors.Is(err, growthgenius.ErrOutcomeUnknown) {
		return nil, fmt.Errorf("look for quinn@example.com before you run this again: %w", err)
	}
	return contact, err
}

// remove deletes what was created, also where the program was interrupted meanwhile.
func remove(ctx context.Context, what string, id growthgenius.ID,
	del func(context.Context, growthgenius.ID, ...growthgenius.RequestOption) error,
) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := del(ctx, id); err != nil && !errors.Is(err, growthgenius.ErrNotFound) {
		return fmt.Errorf("%s %s is left behind: %w", what, id, err)
	}
	say("deleted", "%s %s", what, id)
	return nil
}

// nobody takes an answer without a record, which is no failure.
func nobody(step, asked string, err error) error {
	switch {
	case errors.Is(err, growthgenius.ErrNotFound):
		say(step, "%s: not known", asked)
	case errors.Is(err, growthgenius.ErrPending):
		say(step, "%s: not ready yet, ask again later", asked)
	default:
		return err
	}
	return nil
}

// say prints one step.
func say(step, format string, args ...any) {
	fmt.Printf("%-10s %s\n", step, fmt.Sprintf(format, args...))
}
