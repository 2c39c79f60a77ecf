package growthgeniustest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// The code under test gets a client of the server. The test then checks what was stored.
func Example() {
	srv, err := growthgeniustest.Start() // in a test: growthgeniustest.NewServer(t)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	_, err = client.Contacts.Create(context.Background(), growthgenius.ContactInput{
		FirstName: growthgenius.Set("Steve"),
		LastName:  growthgenius.Set("Jobs"),
		Email:     growthgenius.Set("sjobs@apple.com"),
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, contact := range srv.Contacts() {
		fmt.Println(contact.FullName, contact.Email)
	}
	for _, request := range srv.Requests() {
		fmt.Println(request.Method, request.Route, request.Query, request.Status)
	}
	// Output:
	// Steve Jobs sjobs@apple.com
	// POST /contacts user_id=1 200
}

// A fault shows how the code under test behaves when the API misbehaves.
func ExampleServer_Inject() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteCompany, Status: 404})
	_, err = client.Enrichment.Company(context.Background(), "tesla.com")
	fmt.Println("not found:", errors.Is(err, growthgenius.ErrNotFound))

	srv.ClearFaults()
	company, err := client.Enrichment.Company(context.Background(), "tesla.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(company.Name)
	// Output:
	// not found: true
	// Tesla
}

// The ledger lists what was really created, whether or not the clients know of it.
func ExampleServer_Ledger() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	// The contact is created, but the client never gets a response.
	srv.Inject(growthgeniustest.Fault{
		Method: "POST", Route: growthgeniustest.RouteContacts,
		Effect: growthgeniustest.Hang, Commit: true,
	})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = srv.Client().Contacts.Create(ctx, growthgenius.ContactInput{
		Email: growthgenius.Set("sjobs@apple.com"),
	})
	fmt.Println("outcome unknown:", errors.Is(err, growthgenius.ErrOutcomeUnknown))

	for _, entry := range srv.Ledger() {
		fmt.Println(entry.Resource, entry.Content)
	}
	// Output:
	// outcome unknown: true
	// contact {"email":"sjobs@apple.com"}
}
