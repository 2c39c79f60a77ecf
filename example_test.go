package growthgenius_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func Example() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	ctx := context.Background()
	contact, err := client.Contacts.Create(ctx, growthgenius.ContactInput{
		FirstName: growthgenius.Set("Tony"),
		LastName:  growthgenius.Set("Barkley"),
		Email:     growthgenius.Set("tony@example.com"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created", contact.ID, contact.FullName)

	message, err := client.Messages.Create(ctx, growthgenius.MessageInput{
		ContactID:    growthgenius.Set(contact.ID),
		MessageType:  growthgenius.Set("sales_force_message"),
		RenderedCopy: growthgenius.Set("Hi Tony"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("logged", message.ID, message.RenderedCopy)
	// Output:
	// created 1102755 Tony Barkley
	// logged 393642 Hi Tony
}

func ExampleNewClient() {
	client, err := growthgenius.NewClient("the-api-key",
		growthgenius.WithUserID("42"),
		growthgenius.WithUserAgent("acme-sync/1.2"),
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 6}),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client) // never shows the key

	_, err = growthgenius.NewClient("the-api-key\n")
	fmt.Println(errors.Is(err, growthgenius.ErrInvalidInput))
	// Output:
	// growthgenius.Client(https://api.growthgenius.com/integrations/v1, user "42")
	// true
}

func ExampleClient_ForUser() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	users, err := client.Users.List(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, user := range users {
		me, err := client.ForUser(user.ID).Users.Current(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("acting as", me.FullName)
	}
	// Output:
	// acting as Okay Senior
	// acting as Sam Junior
}

// An endpoint that the package does not know yet goes through the same engine: the API
// key, user_id, retries and errors are those of every other call.
func ExampleClient_Do() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	var answer struct {
		Contacts []growthgenius.Contact `json:"contacts"`
	}
	query := url.Values{"from": {"2021-01-01T00:00:00Z"}, "to": {"2021-02-01T00:00:00Z"}}
	err = client.Do(context.Background(), http.MethodGet, "/contacts", query, nil, &answer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(answer.Contacts), "contacts")

	err = client.Do(context.Background(), http.MethodGet, "/prospector/next", nil, nil, &answer)
	fmt.Println("not published yet:", errors.Is(err, growthgenius.ErrNotFound))
	// Output:
	// 0 contacts
	// not published yet: true
}

func ExampleUsersService_List() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	users, err := client.Users.List(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, user := range users {
		fmt.Println(user.ID, user.FullName, user.Roles)
	}
	// Output:
	// 1 Okay Senior [superadmin admin]
	// 2 Sam Junior [admin]
}

func ExampleContactsService_Create() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	contact, err := client.Contacts.Create(context.Background(), growthgenius.ContactInput{
		FirstName:   growthgenius.Set("Tony"),
		LastName:    growthgenius.Set("Barkley"),
		Email:       growthgenius.Set("tony@example.com"),
		WorkPhone:   growthgenius.Set("+64 9 555 0100"),
		MobilePhone: growthgenius.Set("NaN"), // what some imports leave behind
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(contact.ID, contact.FullName, contact.Phones())
	// Output: 1102755 Tony Barkley [+64 9 555 0100]
}

// An update sends what is set or null. Everything else keeps its value.
func ExampleContactsService_Update() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	ctx := context.Background()
	contact, err := client.Contacts.Create(ctx, growthgenius.ContactInput{
		Email:   growthgenius.Set("tony@example.com"),
		Title:   growthgenius.Set("Associate"),
		Custom1: growthgenius.Set("from the fair"),
	})
	if err != nil {
		log.Fatal(err)
	}
	contact, err = client.Contacts.Update(ctx, contact.ID, growthgenius.ContactInput{
		Title:   growthgenius.Set("Manager"),
		Custom1: growthgenius.Null[string](),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %s, custom1 %q\n", contact.Email, contact.Title, contact.Custom1)
	// Output: tony@example.com, Manager, custom1 ""
}

func ExampleContactsService_Search() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	srv.AddContacts(
		growthgenius.Contact{FirstName: "Tony", LastName: "Barkley", Title: "Associate"},
		growthgenius.Contact{FirstName: "Ada", LastName: "Byron", Title: "Associate"},
		growthgenius.Contact{FirstName: "Kurt", LastName: "Cobb", Title: "Driver"},
	)

	page, err := client.Contacts.Search(context.Background(), growthgenius.SearchOptions{
		Keywords:      "associate",
		SortByField:   growthgenius.SortByCreated,
		SortAscending: true,
		PerPage:       10,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("page", page.Pagination.Page, "of", page.Pagination.TotalPages)
	for _, contact := range page.Contacts {
		fmt.Println(contact.FullName)
	}
	// Output:
	// page 1 of 1
	// Tony Barkley
	// Ada Byron
}

// The list is the contacts updated between two times.
func ExampleContactsService_List() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	day := func(d int) time.Time { return time.Date(2021, time.January, d, 12, 0, 0, 0, time.UTC) }
	srv.AddContacts(
		growthgenius.Contact{FullName: "Tony Barkley", UpdatedAt: day(19)},
		growthgenius.Contact{FullName: "Ada Byron", UpdatedAt: day(25)},
	)

	contacts, err := client.Contacts.List(context.Background(), growthgenius.ListOptions{From: day(24), To: day(26)})
	if err != nil {
		log.Fatal(err)
	}
	for _, contact := range contacts {
		fmt.Println(contact.FullName, contact.UpdatedAt.UTC().Format(time.DateOnly))
	}
	// Output: Ada Byron 2021-01-25
}

func ExampleMessagesService_Create() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	message, err := client.Messages.Create(context.Background(), growthgenius.MessageInput{
		ContactID:    growthgenius.Set(growthgenius.IntID(155715)),
		MessageType:  growthgenius.Set("sales_force_message"),
		RenderedCopy: growthgenius.Set("Hey Louis, shall we talk?"),
		SentAt:       growthgenius.Set(time.Date(2019, time.August, 9, 11, 10, 41, 0, time.UTC)),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.ID, "to contact", message.ContactID, "at", message.SentAt.UTC().Format(time.RFC3339))
	// Output: 393642 to contact 155715 at 2019-08-09T11:10:41Z
}

// That nobody is known, or not yet, is an answer rather than a failure.
func ExampleEnrichmentService_Company() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	for _, domain := range []string{"https://www.Tesla.com/models", "nobody.example"} {
		company, err := client.Enrichment.Company(context.Background(), domain)
		switch {
		case errors.Is(err, growthgenius.ErrNotFound):
			fmt.Println("nobody is known there")
		case errors.Is(err, growthgenius.ErrPending):
			fmt.Println("not ready yet, ask again later")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(company.Name, company.SizeRange)
		}
	}
	// Output:
	// Tesla 10001+
	// nobody is known there
}

func ExampleEnrichmentService_Person() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	person, err := client.Enrichment.Person(context.Background(), growthgenius.PersonQuery{Email: "elon@tesla.com"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(person.FullName, "is", person.JobTitle, "at", person.JobCompanyName)
	// Output: elon musk is ceo at tesla
}

// A sentinel says what kind of failure an error is, APIError what the API said.
func ExampleAPIError() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	_, err = client.Contacts.Get(context.Background(), "7")
	fmt.Println("not found:", errors.Is(err, growthgenius.ErrNotFound))

	srv.Inject(growthgeniustest.Fault{Method: "PATCH", Status: 422, Body: `{"errors":{"email":["is invalid"]}}`})
	_, err = client.Contacts.Update(context.Background(), "7", growthgenius.ContactInput{Email: growthgenius.Set("tony")})
	if apiErr, ok := errors.AsType[*growthgenius.APIError](err); ok && errors.Is(err, growthgenius.ErrValidation) {
		fmt.Println("email", apiErr.Fields["email"])
	}
	// Output:
	// not found: true
	// email [is invalid]
}

// A create whose answer got lost may have happened. Creating again could make two.
func ExampleOutcomeUnknownError() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 100 * time.Millisecond}))

	// The contact is created, but the answer never comes.
	srv.Inject(growthgeniustest.Fault{
		Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Hang, Commit: true, Times: 1,
	})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Contacts.Create(ctx, growthgenius.ContactInput{Email: growthgenius.Set("tony@example.com")})
	unknown, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err)
	if !ok {
		log.Fatal(err)
	}
	fmt.Println("out of time:", errors.Is(err, context.DeadlineExceeded))

	// The token can be stored and asked for later, by another process too.
	contact, err := client.Contacts.Resolve(context.Background(), unknown.Token)
	switch {
	case err == nil:
		fmt.Println("it was created:", contact.ID)
	case errors.Is(err, growthgenius.ErrNotFound):
		fmt.Println("it was not: creating it again is safe")
	default:
		log.Fatal(err)
	}
	// Output:
	// out of time: true
	// it was created: 1102755
}

func ExampleOptional() {
	input := growthgenius.ContactInput{
		Title:   growthgenius.Set("CTO"),
		City:    growthgenius.Set(""),
		Custom1: growthgenius.Null[string](),
		Extra:   map[string]any{"favourite_colour": "green"}, // a field this package does not know
	}
	body, err := input.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(body))
	// Output: {"title":"CTO","city":"","custom1":null,"favourite_colour":"green"}
}
