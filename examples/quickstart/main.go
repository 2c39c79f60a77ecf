// Quickstart does what most integrations do. It lists the users, acts as one of them,
// creates a contact, updates it and finds it again, logs a message, looks up a company and
// a person, and deletes what it created.
//
// It uses a server in memory, over real HTTP. This server loses the response to the first
// create, to show that the SDK finds the contact and does not create a second one.
//
// If GROWTHGENIUS_API_KEY is set, it uses the real API, and only reads unless -write is
// given.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

func main() {
	write := flag.Bool("write", false, "with the real API: also create, update and delete a contact and a message,\n"+
		"and look up a company and a person, which costs money")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *write)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, write bool) error {
	if os.Getenv("GROWTHGENIUS_API_KEY") == "" {
		return demo(ctx)
	}
	client, err := growthgenius.NewClientFromEnv()
	if err != nil {
		return err
	}
	return tour(ctx, client, write)
}

func tour(ctx context.Context, client *growthgenius.Client, write bool) (err error) {
	if client, err = actAsFirst(ctx, client); err != nil {
		return err
	}
	if !write {
		say("", "Without -write nothing is created, updated, deleted or looked up.")
		return read(ctx, client)
	}
	contact, err := create(ctx, client)
	if err != nil {
		return err
	}
	id := contact.ID
	defer func() { err = errors.Join(err, remove(ctx, "contact", id, client.Contacts.Delete)) }()

	// A field that is not set keeps its value. Null clears a field.
	contact, err = client.Contacts.Update(ctx, id, growthgenius.ContactInput{
		Title:       growthgenius.Set("Chief Executive"),
		MobilePhone: growthgenius.Null[string](),
	})
	if err != nil {
		return err
	}
	say("updated", "%s: %s, %s, phones %v", id, contact.FullName, contact.Title, contact.Phones())

	if err := read(ctx, client); err != nil {
		return err
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
	defer func() { err = errors.Join(err, remove(ctx, "message", message.ID, client.Messages.Delete)) }()
	say("logged", "%s: %q", message.ID, message.RenderedCopy)
	return lookUp(ctx, client)
}

// actAsFirst returns a client that acts as the first user, unless GROWTHGENIUS_USER_ID
// names another one.
func actAsFirst(ctx context.Context, client *growthgenius.Client) (*growthgenius.Client, error) {
	users, err := client.Users.List(ctx) // the only call that needs no acting user
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, errors.New("no user of the team has enabled integrations")
	}
	var names []string
	for _, user := range users {
		names = append(names, fmt.Sprintf("%s (id %s)", user.FullName, user.ID))
	}
	say("users", "%s", strings.Join(names, ", "))
	if os.Getenv("GROWTHGENIUS_USER_ID") == "" {
		client = client.ForUser(users[0].ID)
	}
	me, err := client.Users.Current(ctx)
	if err != nil {
		return nil, err
	}
	say("acting as", "%s <%s>", me.FullName, me.Email)
	return client, nil
}

// create creates a contact. It does not retry if the outcome is unknown, because that could
// create a second one.
func create(ctx context.Context, client *growthgenius.Client) (*growthgenius.Contact, error) {
	var info growthgenius.ResponseInfo
	contact, err := client.Contacts.Create(ctx, growthgenius.ContactInput{
		FirstName:   growthgenius.Set("Quinn"),
		LastName:    growthgenius.Set("Starter"),
		Email:       growthgenius.Set("quinn@example.com"),
		Title:       growthgenius.Set("Trainee"),
		MobilePhone: growthgenius.Set("+1 555 0100"),
	}, growthgenius.CaptureResponse(&info))
	// A real program would store the CreateToken and ask again later: see Contacts.Resolve.
	if errors.Is(err, growthgenius.ErrOutcomeUnknown) {
		return nil, fmt.Errorf("check whether quinn@example.com exists before you run this again: %w", err)
	}
	if err != nil {
		return nil, err
	}
	say("created", "%s: %s, %s, phones %v", contact.ID, contact.FullName, contact.Title, contact.Phones())
	if info.StatusCode == 0 {
		say("", "The response was lost; the SDK found the contact in the list.")
	}
	return contact, nil
}

// read searches contacts, and lists those that were updated lately.
func read(ctx context.Context, client *growthgenius.Client) error {
	page, err := client.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: "quinn", PerPage: 5})
	if err != nil {
		return err
	}
	say("searched", "%q: %d found", "quinn", page.Pagination.TotalEntries)
	for _, found := range page.Contacts {
		say("", "%s <%s>", found.FullName, found.Email)
	}
	updated, err := client.Contacts.List(ctx, growthgenius.ListOptions{From: time.Now().Add(-24 * time.Hour)})
	if err != nil {
		return err
	}
	say("listed", "contacts updated in the last 24 hours: %d", len(updated))
	return nil
}

func lookUp(ctx context.Context, client *growthgenius.Client) error {
	company, err := client.Enrichment.Company(ctx, "tesla.com")
	if err == nil {
		say("company", "%s, %s, %s people", company.Name, company.Industry, company.SizeRange)
	} else if err := notFound("company", "tesla.com", err); err != nil {
		return err
	}
	person, err := client.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "elon@tesla.com"})
	if err == nil {
		say("person", "%s, %s at %s", person.FullName, person.JobTitle, person.JobCompanyName)
	} else if err := notFound("person", "elon@tesla.com", err); err != nil {
		return err
	}
	return nil
}

// notFound accepts a lookup without a result, and returns any other error.
func notFound(step, key string, err error) error {
	switch {
	case errors.Is(err, growthgenius.ErrNotFound):
		say(step, "%s: not known", key)
	case errors.Is(err, growthgenius.ErrPending):
		say(step, "%s: not ready yet, try again later", key)
	default:
		return err
	}
	return nil
}

// remove deletes a record that was created, even if the program was interrupted since.
func remove(ctx context.Context, kind string, id growthgenius.ID,
	del func(context.Context, growthgenius.ID, ...growthgenius.RequestOption) error,
) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := del(ctx, id); err != nil && !errors.Is(err, growthgenius.ErrNotFound) {
		return fmt.Errorf("%s %s was not deleted: %w", kind, id, err)
	}
	say("deleted", "%s %s", kind, id)
	return nil
}

// say prints a step with a check mark, or more about it if step is "".
func say(step, format string, args ...any) {
	mark := check
	if step == "" {
		mark = " "
	}
	fmt.Printf("%s %-10s %s\n", mark, step, fmt.Sprintf(format, args...))
}

// check is green if standard output is a terminal, unless NO_COLOR is set.
var check = func() string {
	info, err := os.Stdout.Stat()
	isTerminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if term := os.Getenv("TERM"); !isTerminal || term == "" || term == "dumb" || os.Getenv("NO_COLOR") != "" {
		return "✓"
	}
	return "\x1b[32m✓\x1b[0m"
}()
